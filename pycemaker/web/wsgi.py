"""What goes around the routes: who may read answers in a browser, and how they are counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from pycemaker.traffic import Traffic

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_REPORT = "/report/"


def count_traffic(application: Application, traffic: Traffic) -> Application:
    """The application, its answers counted: status, and seconds until it began to answer.

    A report is counted without its time: it takes seconds by nature, and says nothing about how the API is doing.
    """

    def counted(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seconds = None if environ["PATH_INFO"].startswith(_REPORT) else time.perf_counter() - began
            traffic.count(int(status[:3]), seconds)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return application(environ, start)

    return counted


def allow_origins(application: Application, origins: tuple[str, ...]) -> Application:
    """The application, readable from `origins` in a browser: every answer of it, errors included.

    OPTIONS is answered here, for any path.
    """

    def shared(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers = _origin_headers(environ.get("HTTP_ORIGIN"), origins)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            start_response("204 No Content", [*headers, *_preflight_headers(environ)])
            return []

        def start(status: str, own: list[tuple[str, str]], exc_info: Any = None) -> Any:
            every = [*own, *headers, ("X-Content-Type-Options", "nosniff")]
            return start_response(status, every, exc_info) if exc_info else start_response(status, every)

        return application(environ, start)

    return shared


def _origin_headers(origin: str | None, origins: tuple[str, ...]) -> list[tuple[str, str]]:
    exposed = ("Access-Control-Expose-Headers", "ETag, Retry-After, Location, Content-Length, X-Amostragem")
    if "*" in origins:
        return [("Access-Control-Allow-Origin", "*"), exposed]
    if origin in origins and origin is not None:
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin"), exposed]
    return [("Vary", "Origin")]


def _preflight_headers(environ: Environ) -> list[tuple[str, str]]:
    methods = "GET, HEAD, OPTIONS" if not environ["PATH_INFO"].startswith(_REPORT) else "GET, POST, OPTIONS"
    return [
        ("Allow", methods),
        ("Access-Control-Allow-Methods", methods),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-Api-Key"),
        ("Access-Control-Max-Age", "86400"),
    ]
