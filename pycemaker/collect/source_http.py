"""HTTP client of a source: one kept connection, every answer bounded in time and size. No redirect is followed."""

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3 import exceptions

MOST_BYTES = 16 * 2**20
"""The longest answer: a day at 15 s of a hundred applications."""

_READ_BYTES = 256 * 1024
_CONNECT_SECONDS = 3.0


class SourceFault(Exception):
    """A source that gives nothing to work with; the text says why, without host, path or credentials."""


class AnswerTooLong(SourceFault):
    """An answer of more than MOST_BYTES."""


@dataclass(frozen=True)
class SourceAnswer:
    """An answer: status, Content-Type and body."""

    status: int
    media_type: str
    body: bytes


class SourceClient:
    """Asks one source. One request at a time, by one thread; `seconds` bounds a whole exchange."""

    def __init__(self, url: str, authorization: str | None = None, seconds: float = 10.0) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._seconds = seconds
        self._headers = {"User-Agent": "pycemaker"} | ({"Authorization": authorization} if authorization else {})
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds)
        root = f"{parts.scheme}://{parts.netloc}"
        pool: Any = urllib3.connection_from_url(root, maxsize=1, retries=False, timeout=timeout)
        self._connection: Any = None
        self._pool, self._make_connection, pool.ConnectionCls = pool, pool.ConnectionCls, self._connect

    def get(self, accept: str) -> SourceAnswer:
        """The answer to a GET of the URL itself. Raises as `post`."""
        return self._ask("GET", self._path or "/", {"Accept": accept}, None)

    def post(self, path: str, form: Mapping[str, str]) -> SourceAnswer:
        """The answer to a form posted to a path below the URL, whatever its status.

        Raises:
            SourceFault: there is none, or none in time; AnswerTooLong.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", f"{self._path}{path}", headers, urlencode(form).encode())

    def _connect(self, *args: Any, **kwargs: Any) -> Any:
        self._connection = self._make_connection(*args, **kwargs)
        return self._connection

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> SourceAnswer:
        until = time.monotonic() + self._seconds
        cut = threading.Timer(self._seconds, self._cut)  # the timeouts are of one read each, and a head may drip
        cut.daemon = True
        cut.start()
        try:
            with self._pool.urlopen(
                method, path, body, {**self._headers, **headers}, redirect=False, preload_content=False
            ) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise SourceFault("a compressed answer, which was not asked for")
                content = self._read(response, until)
                return SourceAnswer(response.status, response.headers.get("Content-Type", ""), content)
        except (exceptions.HTTPError, OSError, ValueError) as error:
            raise SourceFault(_why(error, is_late=time.monotonic() >= until, seconds=self._seconds)) from None
        finally:
            cut.cancel()

    def _read(self, response: Any, until: float) -> bytes:
        parts, size = [], 0
        while part := response.read1(_READ_BYTES, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                self._cut()  # its rest would have to be read before the connection could be used again
                raise AnswerTooLong(f"an answer of more than {MOST_BYTES // 2**20} MB")
            if time.monotonic() >= until:
                break
        if time.monotonic() >= until:  # a head that was cut looks like a whole one
            self._cut()
            raise SourceFault(f"no whole answer within {self._seconds:g} s")
        return b"".join(parts)

    def _cut(self) -> None:
        """End the connection, also while another thread reads from it."""
        connection = getattr(self._connection, "sock", None)
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself


def _why(error: Exception, *, is_late: bool, seconds: float) -> str:
    """The fault in words. Exceptions of urllib3 name host and port, so their texts stay out."""
    if isinstance(error, exceptions.NewConnectionError):
        return "no connection: refused, or its host is not known"
    if is_late or isinstance(error, exceptions.TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, exceptions.SSLError):
        return "the TLS certificate or handshake failed"
    return f"the answer broke off ({type(error).__name__})"
