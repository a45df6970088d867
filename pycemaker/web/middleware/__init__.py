"""WSGI middleware between the HTTP server and the routes, a module for each layer."""
