"""Security headers of every page, and the refusal of requests that a browser makes by itself.

A browser that fetches ahead says so in `Sec-Purpose` (Fetch standard), older ones in `Purpose`, `X-Moz` or `X-Purpose`.
The refusal is no success: browsers throw a fetch ahead away on any status but 2xx and ask again when the link is
followed, whereas a 204 would be kept and shown in its place. 503, which some
servers answer here, would look like a fault of this one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pycemaker.errors import FetchRefused
from pycemaker.web.wsgi import Application, Environ, StartResponse

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""The defaults of a page: no script, no frame around it, no address in `Referer`."""

PURPOSES = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ", "HTTP_X_PURPOSE")
_SPECULATIVE = ("prefetch", "prerender", "preview")
_DESTINATIONS = ("document", "empty")
"""Destinations (Fetch metadata) of what a person opens and a program fetches; any other is part of some page."""


def add_security_headers(application: Application) -> Application:
    """The application, with PAGE_HEADERS on its HTML answers where these set none of their own."""

    def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            own = {name.lower(): text for name, text in headers}
            if own.get("content-type", "").startswith("text/html"):
                headers = headers + [each for each in PAGE_HEADERS.items() if each[0].lower() not in own]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return application(environ, start)

    return guarded


def refuse_speculative(environ: Mapping[str, Any]) -> None:
    """Let a request pass that a person or a program meant to make. A route that acts on GET calls this first.

    Raises:
        FetchRefused: a browser fetches ahead; or a page embeds this address as an image, a frame or the like; or a
            site's script asks without being able to read the answer (`no-cors`).
    """
    for name in PURPOSES:
        for word in re.split(r"[;,\s]+", environ.get(name, "").lower()):
            if word in _SPECULATIVE:
                raise FetchRefused(purpose=word)
    destination = environ.get("HTTP_SEC_FETCH_DEST", "empty").lower()
    if destination not in _DESTINATIONS or environ.get("HTTP_SEC_FETCH_MODE", "").lower() == "no-cors":
        raise FetchRefused(purpose="embed")
