"""Drives a WSGI application without a socket."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests to an application. Paths are as on the wire, percent-encoding included.

    Headers go by their names with underscores; `remote_addr` is the peer's address, `body` the
    request's body, of the type `content_type`.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def ask(self, method: str, path: str, **headers: str) -> Answer:
        told: list[Any] = []
        chunks = self._send(method, path, told, headers)
        try:
            body = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        return Answer(told[0], {name.title(): text for name, text in told[1].items()}, body)

    def open(self, path: str, **headers: str) -> Any:
        """The body of a GET, of which nothing was taken yet; to be closed."""
        return self._send("GET", path, [], headers)

    def _send(self, method: str, path: str, told: list[Any], headers: dict[str, str]) -> Iterable[bytes]:
        plain, _, query = path.partition("?")
        body = headers.pop("body", "").encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(plain.encode()).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "test",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": headers.pop("content_type", ""),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REMOTE_ADDR": headers.pop("remote_addr", "127.0.0.1"),
            **{"HTTP_" + name.upper(): text for name, text in headers.items()},
        }

        def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> None:
            told[:] = [int(status[:3]), dict(fields)]

        chunks: Iterable[bytes] = self._application(environ, start_response)
        return chunks
