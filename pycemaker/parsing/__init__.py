"""Parses texts from outside: addresses, host names, origins, `.env`."""
