"""Parses texts from outside: addresses, host names, origins, `.env`. Has the paths of routes."""
