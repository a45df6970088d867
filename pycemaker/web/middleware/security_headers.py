"""What stands guard: headers that every page carries, and requests that nobody meant to make.

A browser that fetches ahead says so in `Sec-Purpose` (Fetch standard), older ones in `Purpose`, `X-Moz` or `X-Purpose`.
The refusal is no success: browsers throw a fetch ahead away on any status but 2xx and ask again when the link is
followed, whereas a 204 would be kept and shown in its place. 503, which some servers say here, would look like a fault
to whoever watches this one.
"""

from __future__ import annotations

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
"""What a page carries that says nothing else: no script, no frame around it, and no address told to who is linked."""

PURPOSES = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ", "HTTP_X_PURPOSE")
_AHEAD = ("prefetch", "prerender", "preview")
_MEANT = ("document", "empty")
"""Destinations (Fetch metadata) of what a person opens and a program fetches; any other is part of some page."""


def add_security_headers(application: Application) -> Application:
    """The application, each of its HTML answers with PAGE_HEADERS where it says nothing itself."""

    def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            told = {name.lower(): text for name, text in headers}
            if told.get("content-type", "").startswith("text/html"):
                headers = headers + [each for each in PAGE_HEADERS.items() if each[0].lower() not in told]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return application(environ, start)

    return guarded


def refuse_speculative(environ: Mapping[str, Any]) -> None:
    """Let a request pass that somebody meant to make. What acts, and answers to GET, asks this first.

    Raises:
        FetchRefused: a browser fetches ahead, a page has this address for an image, a frame or the like, or some site
            has its visitors ask without being able to read the answer (`no-cors`).
    """
    for name in PURPOSES:
        for word in re.split(r"[;,\s]+", environ.get(name, "").lower()):
            if word in _AHEAD:
                raise FetchRefused(purpose=word)
    destination = environ.get("HTTP_SEC_FETCH_DEST", "empty").lower()
    if destination not in _MEANT or environ.get("HTTP_SEC_FETCH_MODE", "").lower() == "no-cors":
        raise FetchRefused(purpose="embed")
