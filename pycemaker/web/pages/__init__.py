"""The HTML pages: data in Python, HTML in `templates/`."""
