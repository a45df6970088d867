"""The routes `/` and `/favicon.ico`."""

from __future__ import annotations

from bottle import Bottle, request, response

from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import with_application
from pycemaker.web.error_handlers import json_response
from pycemaker.web.pages import home
from pycemaker.web.pages.health_card import health_card
from pycemaker.web.services import Services


def add_home(app: Bottle, services: Services) -> None:
    """Add `/`, a page for a browser and an index for a program, and the picture that browsers ask for."""

    @app.get(with_application("/"))  # type: ignore[untyped-decorator]
    def home_page(application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        overview = home.read_overview(store, services.clock(), services.settings)
        if home.prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            response.content_type = "text/html; charset=utf-8"
            health = health_card(services.sample_means, services.forecasts, store, services.clock())
            return home.page(overview, services.settings, health).encode()
        return json_response(home.index(overview))

    @app.get("/favicon.ico")  # type: ignore[untyped-decorator]
    def favicon() -> bytes:
        response.content_type = "image/svg+xml"
        response.set_header("Cache-Control", "max-age=86400")
        return home.favicon().encode()
