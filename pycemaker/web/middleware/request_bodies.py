"""Limits of request bodies: in size, in number and in time.

Granian reads a body without a timeout, on the thread that asks for it: a body that never comes would hold a thread for
as long as its client likes. Here another thread reads, and the answering one waits for it. On Linux the client of a
late body is disconnected, which ends the reading, and answered with 408. Elsewhere, and where the peer is a trusted
proxy, whose connections carry others' requests, both threads wait until the client or the proxy goes; no more than
there are slots can be lost. A request must not be answered before its reading has ended: Granian then waits for that
with the interpreter's lock in its hand, and the whole server with it.
"""

import io
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from typing import Any

from pycemaker.errors import BodyTooLarge, BodyTooSlow, TooManyBodies
from pycemaker.parsing.route_paths import SAMPLES_PATH, without_application
from pycemaker.web.access.client_address import Network, client_address, is_trusted_peer
from pycemaker.web.middleware.write_timeout import end_late_requests
from pycemaker.web.wsgi import Application, Environ, StartResponse

LONGEST_BYTES = 256 * 1024
LONGEST_SAMPLES_BYTES = 4 * 2**20  # The longest body of `/samples`
BODIES = 16  # Bodies read at a time, of all clients together
BODIES_PER_CLIENT = 4  # The same for one client, so that it leaves some to others
SECONDS = 5.0
"""The seconds that a body may take; that of a form or of some JSON comes with the request's head."""


_LOOK_SECONDS = 0.5

Peer = tuple[str, int]
"""The address of a connection, and the port that it is connected to."""


class BodySlots:
    """Slots for bodies that are being read. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._late: list[tuple[Peer | None, float]] = []

    def take(self, client: str) -> None:
        """Take a slot for this client. Raises TooManyBodies: all are taken, or BODIES_PER_CLIENT by this client."""
        with self._lock:
            if self._held.total() >= BODIES or self._held[client] >= BODIES_PER_CLIENT:
                raise TooManyBodies(retry_after_seconds=1)
            self._held[client] += 1

    def release(self, client: str) -> None:
        """Give a slot back. A client without slots leaves no entry behind."""
        with self._lock:
            self._held[client] -= 1
            self._held += Counter()

    @contextmanager
    def late(self, peer: Peer | None, began: float) -> Iterator[None]:
        """While a late body of this peer is waited for, whose request began at this instant of the monotonic clock."""
        self._late.append((peer, began))
        try:
            yield
        finally:
            self._late.remove((peer, began))

    def late_of(self, peer: Peer | None) -> list[float]:
        """The instants of `late` of this peer."""
        return [began for each, began in list(self._late) if each == peer]


class Body:
    """The `wsgi.input` of a request, read whole at the first call.

    Args:
        given: the server's own `wsgi.input`, whose `read` may take for ever.
        client: the client's address, which a proxy may have named.
        peer: the connection's; None where late ones stay connected.
        longest_bytes: the longest body.
    """

    def __init__(
        self,
        given: Any,
        client: str,
        peer: Peer | None,
        length_bytes: int | None,
        slots: BodySlots,
        seconds: float = SECONDS,
        longest_bytes: int = LONGEST_BYTES,
    ) -> None:
        self._longest_bytes = longest_bytes
        self._given = given
        self._client, self._peer = client, peer
        self._length_bytes = length_bytes
        self._slots = slots
        self._seconds = seconds
        self._whole: io.BytesIO | None = None

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or the rest. The first call waits for the whole body.

        Raises:
            BodyTooLarge: it has more than `longest_bytes`, or says so; BodyTooSlow: it is not complete in time; raised
                when its reading has ended; TooManyBodies: too many others are being read.
        """
        if self._whole is None:
            self._whole = io.BytesIO(self._read_all())
        return self._whole.read(size)

    def _read_all(self) -> bytes:
        if self._length_bytes is not None and self._length_bytes > self._longest_bytes:
            raise BodyTooLarge(limit_bytes=self._longest_bytes)
        if self._length_bytes == 0:
            return b""
        self._slots.take(self._client)
        coming, began = Future[bytes](), time.monotonic()
        threading.Thread(target=self._take, args=(coming,), daemon=True, name="body").start()
        try:
            body = coming.result(self._seconds)
        except NotYet:
            self._end_late(coming, began)
            raise BodyTooSlow(limit_seconds=self._seconds) from None
        if len(body) > self._longest_bytes:
            raise BodyTooLarge(limit_bytes=self._longest_bytes)
        if len(body) < (self._length_bytes or 0):
            raise BodyTooSlow(limit_seconds=self._seconds)  # its client hung up
        return body

    def _end_late(self, coming: Future[bytes], began: float) -> None:
        """Wait until the reading has ended, having it ended by disconnecting the client where that may be."""
        with self._slots.late(self._peer, began):
            while not coming.done():
                if self._peer:
                    end_late_requests(*self._peer, self._slots.late_of(self._peer))
                wait([coming], _LOOK_SECONDS)

    def _take(self, coming: Future[bytes]) -> None:
        try:
            # Not every WSGI server ends a body at its length (PEP 3333 asks the application not to read past it).
            most_bytes = self._longest_bytes + 1 if self._length_bytes is None else self._length_bytes
            coming.set_result(self._given.read(most_bytes))
        except Exception as error:  # noqa: BLE001 - the waiting thread raises it
            coming.set_exception(error)
        finally:
            self._slots.release(self._client)


def limit_bodies(application: Application, trusted: Sequence[Network] = ()) -> Application:
    """The application, with request bodies limited in size, number and time; `trusted` proxies name their clients."""
    slots = BodySlots()

    def bounded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        address, length = environ.get("REMOTE_ADDR") or "", environ.get("CONTENT_LENGTH")
        peer = None if is_trusted_peer(environ, trusted) else (address, int(environ["SERVER_PORT"]))
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length_bytes = None if is_chunked else _length(length)
        client = client_address(environ, trusted) if length_bytes != 0 else ""
        longest_bytes = (
            LONGEST_SAMPLES_BYTES if without_application(environ["PATH_INFO"]) == SAMPLES_PATH else LONGEST_BYTES
        )
        environ["wsgi.input"] = Body(environ["wsgi.input"], client, peer, length_bytes, slots, SECONDS, longest_bytes)
        return application(environ, start_response)

    return bounded


def _length(length: str | None) -> int:
    return int(length) if length and length.isascii() and length.isdigit() and len(length) < 19 else 0
