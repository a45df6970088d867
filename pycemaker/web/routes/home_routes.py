"""The routes `/`, `/overview`, which is the part of that page that renews itself, its script, and `/favicon.ico`."""

from bottle import Bottle, request, response

from pycemaker.cache.newest_by_application import read_newest
from pycemaker.i18n.language import speaking
from pycemaker.mongo.single_flight import KeptResults
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import OVERVIEW_PATH, OVERVIEW_SCRIPT_PATH, application_path, with_application
from pycemaker.web.error_handlers import HTML, json_response
from pycemaker.web.middleware.security_headers import PAGE_HEADERS
from pycemaker.web.overview_status import read_status
from pycemaker.web.pages import home, overview
from pycemaker.web.pages.templating import FOLDER
from pycemaker.web.polled_answers import LIVE_SECONDS, polled_body
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html

SCRIPT = "text/javascript; charset=utf-8"
POLICY = PAGE_HEADERS["Content-Security-Policy"] + "; script-src 'self'; connect-src 'self'"
"""The page's Content-Security-Policy: as of any other page, with scripts of our own, which ask nobody else."""

_DAY_SECONDS = 86_400.0
_MOST_APPLICATIONS, _NAMES_SECONDS = 1_000, 30.0


def add_home(app: Bottle, services: Services) -> None:
    """Add `/`, a page for a browser and an index for a program, what that page asks for, and the browsers' picture."""
    settings, script = services.settings, (FOLDER / "overview.js").read_bytes()
    parts = KeptResults[str, str](_MOST_APPLICATIONS, LIVE_SECONDS)
    names = KeptResults[str, list[str]](1, _NAMES_SECONDS)

    def fragment(application: str) -> str:
        """The page's part about an application, made once in LIVE_SECONDS."""

        def make() -> str:
            status = read_status(services, application)
            base_path = settings.base_path + application_path(application)
            with speaking(settings.report_language):
                return overview.fragment(status, settings.timezone, settings.base_path, base_path)

        return parts.get(application, make)

    def applications() -> list[str]:
        """The applications to choose from; none where there is only one."""
        if not services.store.reader.applications.are_several():
            return []
        known = names.get("", lambda: list(read_newest(services.store)))
        return known if len(known) > 1 else []

    @app.get(with_application("/"))  # type: ignore[untyped-decorator]
    def home_page(application: str = DEFAULT_APPLICATION) -> bytes:
        store, now_utc = services.store.for_application(application), services.clock()
        if not prefers_html(request.environ):
            return json_response(home.index(store, now_utc, settings))
        response.content_type = HTML
        response.set_header("Content-Security-Policy", POLICY)
        response.set_header("Cache-Control", "no-cache")
        with speaking(settings.report_language):
            return home.page(store, now_utc, settings, fragment(application), applications()).encode()

    @app.get(with_application(OVERVIEW_PATH))  # type: ignore[untyped-decorator]
    def overview_part(application: str = DEFAULT_APPLICATION) -> bytes:
        return polled_body(fragment(application).encode(), LIVE_SECONDS, HTML)

    @app.get(OVERVIEW_SCRIPT_PATH)  # type: ignore[untyped-decorator]
    def overview_script() -> bytes:
        return polled_body(script, _DAY_SECONDS, SCRIPT)

    @app.get("/favicon.ico")  # type: ignore[untyped-decorator]
    def favicon() -> bytes:
        response.content_type = "image/svg+xml"
        response.set_header("Cache-Control", "max-age=86400")
        return home.favicon().encode()
