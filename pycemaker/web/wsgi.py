"""Types of WSGI, the count of answers, and the form of a path that may be logged."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pycemaker.parsing.route_paths import UNSUBSCRIBE_PREFIX
from pycemaker.telemetry.traffic import Traffic

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ROUTE = "bottle.route"
"""The environ's key for the route that answered; missing where no route has the path."""

FROM_CACHE = "pycemaker.from_cache"  # In the environ of a request that the response cache answered
_PATH_CHARACTERS = 200
_LINK = re.compile(rf"({UNSUBSCRIBE_PREFIX}).*", re.DOTALL)


def prefers_html(environ: Environ) -> bool:
    """True where `Accept` names HTML, as a browser's does; a program that takes anything gets JSON."""
    return "text/html" in environ.get("HTTP_ACCEPT", "").lower()


def loggable(path: str) -> str:
    """The path for a log: cut, and without the token of an unsubscribe link, which is a key to a subscription."""
    return _LINK.sub(r"\1***", path[:_PATH_CHARACTERS])


def count_traffic(application: Application, traffic: Traffic) -> Application:
    """The application, its answers counted by route, method and status, with the seconds until they began."""
    perf_counter = time.perf_counter

    def counted(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        traffic.begin()

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            route = environ.get(ROUTE)
            rule, method = route.rule if route else None, environ["REQUEST_METHOD"]
            traffic.answer(rule, method, status, perf_counter() - began, FROM_CACHE in environ)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            body = application(environ, start)
        except BaseException:
            traffic.end()
            raise
        if isinstance(body, list):
            traffic.end()
            return body
        return _CountedBody(body, traffic.end)

    return counted


class _CountedBody:
    """A streaming body that calls `on_end` once, when it is closed or collected."""

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
