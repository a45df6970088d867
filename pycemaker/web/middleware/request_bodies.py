"""Bodies of requests: short, few at a time, and each within some seconds.

Granian reads a body without a timeout, on the thread that asks for it: a body that never comes would hold one of the
threads that answer for as long as its client likes. Here another thread reads and the one that answers waits for it. A
body that is late is a 408, and its client is disconnected, on Linux: that ends the reading too. Where it goes on, it
keeps its place among the few, and no more than these can be lost.
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
from pycemaker.web.middleware.write_timeout import end_silent_request
from pycemaker.web.wsgi import Application, Environ, StartResponse

LONGEST_BYTES = 256 * 1024
BODIES = 16
"""Bodies that are read at a time, of all clients together."""

BODIES_OF_ONE = 4
"""The same for one address, so that it leaves some to others."""

SECONDS = 5.0
"""Within what time a body is here: that of a form or of some JSON comes with the request's head."""


class BodySlots:
    """Places for bodies that are read. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._cut: deque[tuple[str, float]] = deque(maxlen=4 * BODIES)

    def take(self, address: str) -> None:
        """One for a client at this address.

        Raises:
            TooManyBodies: all are taken, or as many of this address as may be.
        """
        with self._lock:
            if self._held.total() >= BODIES or self._held[address] >= BODIES_OF_ONE:
                raise TooManyBodies(retry_after_seconds=1)
            self._held[address] += 1

    def give_back(self, address: str) -> None:
        """Leave one; of an address that has none any more nothing is kept."""
        with self._lock:
            self._held[address] -= 1
            self._held += Counter()

    def note_cut(self, address: str) -> None:
        """A connection of this address is ended, perhaps with others of it that wait for a body."""
        self._cut.append((address, time.monotonic()))

    def was_cut(self, address: str, began: float) -> bool:
        """Whether that happened since `began`, of the monotonic clock."""
        return any(each == address and cut >= began for each, cut in list(self._cut))


class Body:
    """What a WSGI application reads a request's body from.

    Args:
        given: the server's own, whose `read` may take for ever.
        peer: the client's address, and the port that it is connected to.
        length_bytes: as the client says; None where it does not.
        places: where this takes one.
        seconds: how long a reading may take.
    """

    def __init__(
        self, given: Any, peer: tuple[str, int], length_bytes: int | None, places: BodySlots, seconds: float = SECONDS
    ) -> None:
        self._given = given
        self._address, self._port = peer
        self._length_bytes = length_bytes
        self._places = places
        self._seconds = seconds
        self._whole: io.BytesIO | None = None

    def read(self, size: int = -1) -> bytes:
        """So many bytes of it, or all. The first call waits for the whole body.

        Raises:
            BodyTooLarge: it has more than LONGEST_BYTES, or says so.
            BodyTooSlow: it is not here in time.
            TooManyBodies: too many others are being read.
        """
        if self._whole is None:
            self._whole = io.BytesIO(self._come())
        return self._whole.read(size)

    def _come(self) -> bytes:
        if self._length_bytes is not None and self._length_bytes > LONGEST_BYTES:
            raise BodyTooLarge(limit_bytes=LONGEST_BYTES)
        if self._length_bytes == 0:
            return b""
        self._places.take(self._address)
        coming, began = Future[bytes](), time.monotonic()
        threading.Thread(target=self._take, args=(coming,), daemon=True, name="body").start()
        try:
            body = coming.result(self._seconds)
        except NotYet:
            self._places.note_cut(self._address)
            end_silent_request(self._address, self._port, began)
            raise BodyTooSlow(limit_seconds=self._seconds) from None
        if len(body) > LONGEST_BYTES:
            raise BodyTooLarge(limit_bytes=LONGEST_BYTES)
        is_cut = self._places.was_cut(self._address, began)  # without a length its end tells nothing
        if is_cut if self._length_bytes is None else len(body) < self._length_bytes:
            raise BodyTooSlow(limit_seconds=self._seconds)  # its client hung up, or was disconnected with another one
        return body

    def _take(self, coming: Future[bytes]) -> None:
        try:
            # Not every WSGI server ends a body at its length (PEP 3333 asks the application not to read past it).
            coming.set_result(self._given.read(LONGEST_BYTES + 1 if self._length_bytes is None else self._length_bytes))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it; this thread has nobody else to tell
            coming.set_exception(error)
        finally:
            self._places.give_back(self._address)


def bound_bodies(application: Application, seconds: float = SECONDS) -> Application:
    """The application, the bodies that it reads bounded in size, number and time."""
    places = BodySlots()

    def bounded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        peer, length = (environ.get("REMOTE_ADDR") or "", int(environ["SERVER_PORT"])), environ.get("CONTENT_LENGTH")
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length_bytes = None if is_chunked else _whole(length)
        environ["wsgi.input"] = Body(environ["wsgi.input"], peer, length_bytes, places, seconds)
        return application(environ, start_response)

    return bounded


def _whole(length: str | None) -> int:
    return int(length) if length and length.isascii() and length.isdigit() and len(length) < 19 else 0
