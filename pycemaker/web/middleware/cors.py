"""CORS: the origins whose pages may read an answer, and the answers to preflights (Fetch standard).

Reading is open to every origin that CORS_ORIGINS matches. `/reports`, which names recipients, is open only to origins
that are named there: neither `*` nor a pattern counts.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pycemaker.parsing import origins
from pycemaker.parsing.route_paths import REPORTS_PATH, without_application
from pycemaker.web.wsgi import Application, Environ, StartResponse

Headers = list[tuple[str, str]]

_REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Api-Key, X-Request-Id"
_EXPOSE_HEADERS = (
    "Access-Control-Expose-Headers",
    "ETag, Retry-After, Location, Content-Length, X-Amostragem, X-Lacunas, X-Newest-Sample, X-Request-Id, X-Unit",
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_MOST_NAMES = 100


def allow_origins(
    application: Application, entries: tuple[str, ...], methods_at: Callable[[str], Sequence[str]]
) -> Application:
    """The application, its answers, errors included, readable in a browser from the origins that CORS_ORIGINS matches.

    OPTIONS is answered here, for any path, with the methods that `methods_at` names for it.
    """

    def shared(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers = _origin_headers(environ, entries)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            methods = ", ".join(methods_at(environ["PATH_INFO"]))
            preflight = _preflight_headers(environ, methods, is_allowed=len(headers) > 1)
            start_response("204 No Content", [*headers, *preflight])
            return []

        def start(status: str, own: Headers, exc_info: Any = None) -> Any:
            every = [*own, *headers, ("X-Content-Type-Options", "nosniff")]
            return start_response(status, every, exc_info) if exc_info else start_response(status, every)

        return application(environ, start)

    return shared


def _origin_headers(environ: Environ, entries: tuple[str, ...]) -> Headers:
    origin = environ.get("HTTP_ORIGIN")
    if without_application(environ["PATH_INFO"]).startswith(REPORTS_PATH):
        is_allowed = origins.is_named(origin, entries)
    elif origins.EVERY in entries:
        return [("Access-Control-Allow-Origin", origins.EVERY), _EXPOSE_HEADERS]
    else:
        is_allowed = origins.may_read(origin, entries)
    if is_allowed and origin is not None:
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin"), _EXPOSE_HEADERS]
    return [("Vary", "Origin")]


def _preflight_headers(environ: Environ, methods: str, *, is_allowed: bool) -> Headers:
    """The answer to a preflight: the methods of the path, and every header that it asks for.

    A dashboard's libraries add headers of their own (tracing, cache control), which mean nothing here and harm nothing.
    A page of a public site asks in the same way whether it may reach into a private network; who may read may.
    """
    headers = [
        ("Allow", methods),
        ("Access-Control-Allow-Methods", methods),
        (
            "Access-Control-Allow-Headers",
            _header_names(environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")) or _REQUEST_HEADERS,
        ),
        ("Access-Control-Max-Age", "86400"),
    ]
    if is_allowed and environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true":
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return headers


def _header_names(text: str) -> str:
    """The valid header names of a list, joined by commas."""
    names = [name.strip() for name in text.split(",", _MOST_NAMES)[:_MOST_NAMES]]
    return ", ".join(name for name in names if _NAME.fullmatch(name))
