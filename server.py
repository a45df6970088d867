"""The program: `python server.py` serves the API, as `python -m pycemaker serve` does."""

from __future__ import annotations

import sys

from pycemaker.cli.serve_command import application, main
from pycemaker.web.app import create_app, create_routes

__all__ = ["application", "create_app", "create_routes", "main"]

if __name__ == "__main__":
    sys.exit(main())
