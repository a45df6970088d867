"""The route `/`."""

from __future__ import annotations

from bottle import Bottle, request, response

from pycemaker.web.error_handlers import json_response
from pycemaker.web.pages import home
from pycemaker.web.services import Services


def add_home(app: Bottle, services: Services) -> None:
    """Add `/`: a page for a browser, an index for a program."""

    @app.get("/")  # type: ignore[untyped-decorator]
    def home_page() -> bytes:
        overview = home.read_overview(services.store, services.clock(), services.settings)
        if home.prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            response.content_type = "text/html; charset=utf-8"
            return home.page(overview, services.settings).encode()
        return json_response(home.index(overview))
