"""What every request passes on its way to a route: WSGI layers, each on its own."""
