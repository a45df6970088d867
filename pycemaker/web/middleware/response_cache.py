"""Recent answers in front of the routes, as long as they are valid: the same poll again costs microseconds.

It knows no route. A route puts a check into the environ under IS_VALID; then its answer is cached by path and shape,
with its body where that is one piece. The check asks no database: it turns False when the database ought to be asked
again, twice a second. Headers that move on while the answer stays (the newest sample's time) come from a function under
LIVE_HEADERS.

A key is made of the parsed query and `Accept`, so that other headers and parameters cannot fill the memory.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from cachetools import LRUCache

from pycemaker.web.answer_formats import shape_key
from pycemaker.web.etags import matches
from pycemaker.web.wsgi import FROM_CACHE, ROUTE, Application, Environ, StartResponse

IS_VALID, LIVE_HEADERS = "pycemaker.is_valid", "pycemaker.live_headers"
_REVALIDATION_HEADERS = ("etag", "cache-control", "vary", "x-amostragem", "x-lacunas")
_ENTRY_BYTES = 2000
LONGEST_PATH = 200  # Characters of a cached path; routes with IS_VALID have shorter ones

Headers = list[tuple[str, str]]
Key = tuple[str, ...]


@dataclass(frozen=True)
class CachedResponse:
    """An answer; `body` is None where it was not one piece, or not sent (304, HEAD); `route` is Bottle's.

    `headers` lacks those of `live_headers`.
    """

    etag: str
    headers: Headers
    body: bytes | None
    is_valid: Callable[[], bool]
    live_headers: Callable[[], Headers]
    route: Any = None

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes, its key included."""
        return _ENTRY_BYTES + len(self.body or b"")


class ResponseCache:
    """Answers by key, bounded in bytes. Threads share it. `limit_bytes`: how much they may take."""

    def __init__(self, limit_bytes: int) -> None:
        self._lock = threading.Lock()
        self._answers: LRUCache[Key, CachedResponse] = LRUCache(limit_bytes, getsizeof=attrgetter("size_bytes"))

    def get(self, key: Key) -> CachedResponse | None:
        """The answer, valid or not; None where there is none."""
        with self._lock:
            try:
                return self._answers[key]  # `get` takes 100 ns more, and every poll comes this way
            except KeyError:
                return None

    def put(self, key: Key, answer: CachedResponse) -> None:
        """Cache it, without a body that would take more than a quarter; the least recently used leave."""
        if answer.size_bytes > self._answers.maxsize // 4:
            answer = replace(answer, body=None)
        with self._lock:
            self._answers[key] = answer


def cache_responses(application: Application, limit_bytes: int) -> Application:
    """The application behind a cache of its answers; 0 bytes: the application itself."""
    if not limit_bytes:
        return application
    memory = ResponseCache(limit_bytes)

    def caching(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return application(environ, start_response)
        key = _key(environ)
        if key is None:
            return application(environ, start_response)
        known = memory.get(key)
        if known is not None and known.is_valid():
            if matches(environ.get("HTTP_IF_NONE_MATCH"), known.etag):
                environ[ROUTE] = environ[FROM_CACHE] = known.route
                kept = [each for each in known.headers if each[0].lower() in _REVALIDATION_HEADERS]
                start_response("304 Not Modified", [*kept, *known.live_headers()])
                return []
            if known.body is not None:
                environ[ROUTE] = environ[FROM_CACHE] = known.route
                start_response("200 OK", [*known.headers, *known.live_headers()])
                return [known.body] if method == "GET" else []
        started: list[Any] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            started[:] = [status, headers]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        body = application(environ, start)
        if IS_VALID in environ and started:
            live_headers = environ.get(LIVE_HEADERS, list)
            live = {name for name, _ in live_headers()}
            headers = [each for each in started[1] if each[0] not in live]
            check = environ[IS_VALID], live_headers, environ.get(ROUTE)
            answer = CachedResponse(_etag(headers), headers, _single_chunk(body), *check)
            _store(memory, key, known, answer, started[0])
        return body

    return caching


def _key(environ: Environ) -> Key | None:
    """The key of a request; None where its answer is not cached."""
    path, accept = environ["PATH_INFO"], environ.get("HTTP_ACCEPT", "")
    shape = shape_key(environ.get("QUERY_STRING", ""), accept)
    if shape is None or len(path) > LONGEST_PATH:
        return None
    return path, *shape, "page" if "text/html" in accept.lower() else ""  # where a path has a page for browsers


def _store(memory: ResponseCache, key: Key, known: CachedResponse | None, answer: CachedResponse, status: str) -> None:
    if known is not None and known.etag == answer.etag and known.body is not None:
        memory.put(key, replace(known, is_valid=answer.is_valid))
    elif status[:3] in ("200", "304"):
        memory.put(key, answer)


def _etag(headers: Headers) -> str:
    return next((text for name, text in headers if name.lower() == "etag"), "")


def _single_chunk(body: Iterable[bytes]) -> bytes | None:
    if isinstance(body, (list, tuple)) and len(body) == 1:
        return bytes(body[0])
    return None
