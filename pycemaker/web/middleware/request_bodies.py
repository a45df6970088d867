"""Limits of request bodies: in size, in number and in time.

Granian reads a body without a timeout, on the thread that asks for it: a body that never comes would hold a thread for
as long as its client likes. Here another thread reads, and the answering one waits for it for some seconds. A late
body is a 408. On Linux its client is disconnected, which ends the reading too; elsewhere the reading keeps its slot,
and no more threads than there are slots can be lost.
"""

from __future__ import annotations

import io
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from pycemaker.errors import BodyTooLarge, BodyTooSlow, TooManyBodies
from pycemaker.web.middleware.write_timeout import end_incomplete_request
from pycemaker.web.wsgi import Application, Environ, StartResponse

LONGEST_BYTES = 256 * 1024
BODIES = 16
"""Bodies read at a time, of all clients together."""

BODIES_PER_CLIENT = 4
"""The same for one address, so that it leaves some to others."""

SECONDS = 5.0
"""The seconds that a body may take; that of a form or of some JSON comes with the request's head."""


class BodySlots:
    """Slots for bodies that are being read. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._disconnects: deque[tuple[str, float]] = deque(maxlen=4 * BODIES)

    def take(self, address: str) -> None:
        """Take a slot for a client at this address.

        Raises:
            TooManyBodies: all are taken, or BODIES_PER_CLIENT by this address.
        """
        with self._lock:
            if self._held.total() >= BODIES or self._held[address] >= BODIES_PER_CLIENT:
                raise TooManyBodies(retry_after_seconds=1)
            self._held[address] += 1

    def release(self, address: str) -> None:
        """Give a slot back. An address without slots leaves no entry behind."""
        with self._lock:
            self._held[address] -= 1
            self._held += Counter()

    def note_disconnect(self, address: str) -> None:
        """Note that a connection of this address was ended, perhaps with others of it that waited for a body."""
        self._disconnects.append((address, time.monotonic()))

    def was_disconnected(self, address: str, began: float) -> bool:
        """True where one was since `began`, of the monotonic clock."""
        return any(each == address and cut >= began for each, cut in list(self._disconnects))


class Body:
    """The `wsgi.input` of a request, read whole at the first call.

    Args:
        given: the server's own `wsgi.input`, whose `read` may take for ever.
        peer: the client's address, and the port that it is connected to.
        length_bytes: as the client says; None where it does not.
        slots: of all bodies.
        seconds: how long a reading may take.
    """

    def __init__(
        self, given: Any, peer: tuple[str, int], length_bytes: int | None, slots: BodySlots, seconds: float = SECONDS
    ) -> None:
        self._given = given
        self._address, self._port = peer
        self._length_bytes = length_bytes
        self._slots = slots
        self._seconds = seconds
        self._whole: io.BytesIO | None = None

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or the rest. The first call waits for the whole body.

        Raises:
            BodyTooLarge: it has more than LONGEST_BYTES, or says so.
            BodyTooSlow: it is not complete in time.
            TooManyBodies: too many others are being read.
        """
        if self._whole is None:
            self._whole = io.BytesIO(self._read_all())
        return self._whole.read(size)

    def _read_all(self) -> bytes:
        if self._length_bytes is not None and self._length_bytes > LONGEST_BYTES:
            raise BodyTooLarge(limit_bytes=LONGEST_BYTES)
        if self._length_bytes == 0:
            return b""
        self._slots.take(self._address)
        coming, began = Future[bytes](), time.monotonic()
        threading.Thread(target=self._take, args=(coming,), daemon=True, name="body").start()
        try:
            body = coming.result(self._seconds)
        except NotYet:
            self._slots.note_disconnect(self._address)
            end_incomplete_request(self._address, self._port, began)
            raise BodyTooSlow(limit_seconds=self._seconds) from None
        if len(body) > LONGEST_BYTES:
            raise BodyTooLarge(limit_bytes=LONGEST_BYTES)
        is_cut = self._slots.was_disconnected(self._address, began)  # of no length the end shows nothing
        if is_cut if self._length_bytes is None else len(body) < self._length_bytes:
            raise BodyTooSlow(limit_seconds=self._seconds)  # its client hung up, or was disconnected
        return body

    def _take(self, coming: Future[bytes]) -> None:
        try:
            # Not every WSGI server ends a body at its length (PEP 3333 asks the application not to read past it).
            coming.set_result(self._given.read(LONGEST_BYTES + 1 if self._length_bytes is None else self._length_bytes))
        except Exception as error:  # noqa: BLE001 - the waiting thread raises it
            coming.set_exception(error)
        finally:
            self._slots.release(self._address)


def limit_bodies(application: Application, seconds: float = SECONDS) -> Application:
    """The application, with request bodies limited in size, number and time."""
    slots = BodySlots()

    def bounded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        peer, length = (environ.get("REMOTE_ADDR") or "", int(environ["SERVER_PORT"])), environ.get("CONTENT_LENGTH")
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length_bytes = None if is_chunked else _length(length)
        environ["wsgi.input"] = Body(environ["wsgi.input"], peer, length_bytes, slots, seconds)
        return application(environ, start_response)

    return bounded


def _length(length: str | None) -> int:
    return int(length) if length and length.isascii() and length.isdigit() and len(length) < 19 else 0
