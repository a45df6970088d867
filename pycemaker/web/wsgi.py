"""What goes around the routes: who may read answers in a browser, and how they are counted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pycemaker.traffic import Traffic

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ROUTE = "bottle.route"
"""Where the environ has the route that answered; nothing where there is none for the path."""

REMEMBERED = "pycemaker.remembered"
"""In the environ of an answer that came out of memory."""

_PATH_CHARACTERS = 200
_KEPT = "/reports"
_SENT = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Api-Key, X-Request-Id"
_LINK = re.compile(r"(/unsubscribe/).*", re.DOTALL)


def loggable(path: str) -> str:
    """The path as a log may have it: not too long, and without a link's token, which is a key to a subscription."""
    return _LINK.sub(r"\1***", path[:_PATH_CHARACTERS])


def count_traffic(application: Application, traffic: Traffic) -> Application:
    """The application, its answers counted: by route, method and status, with the seconds until they began."""
    perf_counter = time.perf_counter

    def counted(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        traffic.begin()

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            route = environ.get(ROUTE)
            rule, method = route.rule if route else None, environ["REQUEST_METHOD"]
            traffic.answer(rule, method, status, perf_counter() - began, REMEMBERED in environ)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            body = application(environ, start)
        except BaseException:
            traffic.end()
            raise
        if isinstance(body, list):
            traffic.end()
            return body
        return _Taken(body, traffic.end)

    return counted


class _Taken:
    """A body that is made as it is taken; says once when it is closed or gone."""

    def __init__(self, body: Iterable[bytes], on_end: Callable[[], None]) -> None:
        self._body, self._chunks = body, iter(body)
        self._on_end: Callable[[], None] | None = on_end

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Close the body. Twice is once."""
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()
            getattr(self._body, "close", lambda: None)()

    __del__ = close


def allow_origins(application: Application, origins: tuple[str, ...]) -> Application:
    """The application, readable from `origins` in a browser: every answer of it, errors included.

    What `/reports` tells, whom reports were for and under which id they are, `*` does not open: it is read by this
    server's own pages and by origins that are named. OPTIONS is answered here, for any path.
    """
    named = tuple(origin for origin in origins if origin != "*")

    def shared(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        readers = named if environ["PATH_INFO"].startswith(_KEPT) else origins
        headers = _origin_headers(environ.get("HTTP_ORIGIN"), readers)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            start_response("204 No Content", [*headers, *_preflight_headers(environ)])
            return []

        def start(status: str, own: list[tuple[str, str]], exc_info: Any = None) -> Any:
            every = [*own, *headers, ("X-Content-Type-Options", "nosniff")]
            return start_response(status, every, exc_info) if exc_info else start_response(status, every)

        return application(environ, start)

    return shared


def _origin_headers(origin: str | None, origins: tuple[str, ...]) -> list[tuple[str, str]]:
    exposed = (
        "Access-Control-Expose-Headers",
        "ETag, Retry-After, Location, Content-Length, X-Amostragem, X-Request-Id",
    )
    if "*" in origins:
        return [("Access-Control-Allow-Origin", "*"), exposed]
    if origin in origins and origin is not None:
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin"), exposed]
    return [("Vary", "Origin")]


def _preflight_headers(environ: Environ) -> list[tuple[str, str]]:
    path = environ["PATH_INFO"]
    methods = "GET, POST, OPTIONS" if path.startswith("/report/") else "GET, HEAD, OPTIONS"
    if path.startswith("/unsubscribe/"):
        methods = "GET, HEAD, POST, OPTIONS"
    return [
        ("Allow", methods),
        ("Access-Control-Allow-Methods", methods),
        ("Access-Control-Allow-Headers", _SENT),
        ("Access-Control-Max-Age", "86400"),
    ]
