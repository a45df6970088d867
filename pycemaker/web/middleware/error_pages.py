"""Pages in place of JSON for the errors that a person meets in a browser: 401, 403 and 404."""

import json
from collections.abc import Iterable
from typing import Any

from pycemaker.i18n.language import speaking
from pycemaker.web.pages import error_page, form_page
from pycemaker.web.pages.home import prefers_html
from pycemaker.web.wsgi import Application, Environ, StartResponse

Headers = list[tuple[str, str]]


def show_error_pages(application: Application, base_path: str = "") -> Application:
    """The application; an error of `error_page.TITLES` is a page for callers that prefer HTML, else JSON as before.

    Status and headers stay as they are, `WWW-Authenticate` among them.

    Args:
        application: calls `start_response` before it returns, as Bottle does.
    """

    def shown(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        held: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            if int(status[:3]) not in error_page.TITLES or not _is_json(headers):
                return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)
            if environ["REQUEST_METHOD"] != "HEAD" and prefers_html(environ.get("HTTP_ACCEPT", "")):
                held[:] = [(status, headers)]
                return lambda _chunk: None
            return start_response(status, [*headers, _VARY])

        body = application(environ, start)
        if not held:
            return body
        status, headers = held[0]
        asks = any("Basic" in text for _, text in headers)
        with speaking("pt-BR"):  # the language of the API's sentences
            page = error_page.page(int(status[:3]), json.loads(b"".join(body)), base_path, asks_browser=asks)
        getattr(body, "close", lambda: None)()
        kept = [each for each in headers if each[0].lower() not in ("content-type", "content-length")]
        own = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page.encode()))), _VARY]
        start_response(status, [*kept, *own, *form_page.headers(page).items()])
        return [page.encode()]

    return shown


_VARY = ("Vary", "Accept")


def _is_json(headers: Headers) -> bool:
    return any(name.lower() == "content-type" and text.startswith("application/json") for name, text in headers)
