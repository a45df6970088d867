"""Bounds the bytes of answers in flight: handed to the HTTP server, and perhaps not read by their clients yet.

Granian copies each answer, keeps the copy until the client has read it, and does not say when that is. The kernel tells
how many connections still have bytes to deliver. A connection has one answer at a time, so of the counted answers at
most that many are left, at worst the largest. The kernel is asked only where the bound is reached. Beyond the bound an
answer is a 503, and slow clients are disconnected (`write_timeout`), so that none of them blocks others for long.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from pycemaker.errors import TooManyStreams
from pycemaker.web.error_handlers import refuse
from pycemaker.web.wsgi import Application, Environ, StartResponse

MOST_BYTES = 32 * 2**20
"""The bound over all answers in flight: four of the longest that are sent whole, 20 of 1.5 MB."""

RESERVE_BYTES, SHORT_BYTES = 8 * 2**20, 512 * 1024
"""Room beyond the bound for answers up to SHORT_BYTES alone, so that long ones that nobody reads delay no short one."""

SMALL_BYTES = 16 * 1024
"""Answers up to this size are not counted: one on each possible connection takes 128 MB."""

BUILD_SLOTS = 4
"""Answers that are built at a time before they are sent whole. Python builds no two at once; each is held twice."""

BUILD_SLOT_SECONDS = 2.5
"""The longest wait for a slot: longer than a build takes to notice that MongoDB is away."""

BUILD_WAITERS = 32  # Answers that may wait for room before they are built

_POLLS, _POLL_SECONDS = 100, 0.01
"""A wait's checks for room, and the seconds between them: fast clients have read their answers soon."""

_RECOUNT_RATIO = 10  # The pause after a count of connections, in times of its duration; counting 8,000 takes 10 ms
_GRACE_SECONDS = 0.02  # An answer this young counts whatever the kernel says, which may not have its first bytes yet
_DESCRIPTORS = Path("/proc/self/fd")


class InFlight:
    """Counts the bytes of answers in flight. Threads share it.

    Args:
        count_sending: the number of connections with bytes to deliver; where it is None, unknown, nothing is bounded.
    """

    def __init__(self, count_sending: Callable[[], int | None] = lambda: None, most_bytes: int = MOST_BYTES) -> None:
        self._count_sending = count_sending
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._build_slots = threading.BoundedSemaphore(BUILD_SLOTS)
        self._build_waiters = threading.BoundedSemaphore(BUILD_WAITERS)
        self._send_waiters = threading.BoundedSemaphore(BUILD_SLOTS)
        self._answers: list[tuple[float, int]] = []
        self._bytes = 0
        self._next_count_at = float("-inf")

    @property
    def is_full(self) -> bool:
        """True where less than a quarter of the bound is free."""
        return not self._admits(self._most_bytes // 4)

    def add(self, size_bytes: int) -> None:
        """Count an answer that is about to be sent. Raises TooManyStreams: there is no room for it."""
        if size_bytes > SMALL_BYTES:
            self._wait_until(lambda: self._admits(size_bytes, counts=True), self._send_waiters)

    @contextmanager
    def build_slot(self) -> Iterator[None]:
        """Hold a slot for building an answer that is sent whole, as long as the block lasts.

        Raises:
            TooManyStreams: no slot is free, or there is no room for what would be built.
        """
        self._wait_until(lambda: not self.is_full, self._build_waiters)
        if not self._build_slots.acquire(timeout=BUILD_SLOT_SECONDS):
            raise self._refusal()
        try:
            yield
        finally:
            self._build_slots.release()

    def _wait_until(self, has_room: Callable[[], bool], waiters: threading.BoundedSemaphore) -> None:
        if has_room():
            return
        if waiters.acquire(blocking=False):
            try:
                for _ in range(_POLLS):
                    time.sleep(_POLL_SECONDS)
                    if has_room():
                        return
            finally:
                waiters.release()
        raise self._refusal()

    def _refusal(self) -> TooManyStreams:
        return TooManyStreams(streaming=len(self._answers), retry_after_seconds=1)

    def _admits(self, size_bytes: int, *, counts: bool = False) -> bool:
        with self._lock:
            most_bytes = self._most_bytes + (RESERVE_BYTES if counts and size_bytes <= SHORT_BYTES else 0)
            if self._bytes + size_bytes > most_bytes:
                self._forget_delivered()
            fits = self._bytes + size_bytes <= most_bytes
            if fits and counts:
                self._answers.append((time.monotonic(), size_bytes))
                self._bytes += size_bytes
            return fits

    def _forget_delivered(self) -> None:
        """Keep the young answers, and of the older ones the largest, as many as connections are sending."""
        now = time.monotonic()
        if now < self._next_count_at:
            return
        count = self._count_sending() or 0
        self._next_count_at = now + max(_POLL_SECONDS, _RECOUNT_RATIO * (time.monotonic() - now))
        young = [each for each in self._answers if each[0] > now - _GRACE_SECONDS]
        old = self._answers[: len(self._answers) - len(young)]
        self._answers = sorted(heapq.nlargest(count, old, key=itemgetter(1))) + young
        self._bytes = sum(size for _, size in self._answers)


def bound_answers(application: Application, in_flight: InFlight) -> Application:
    """The application, with answers of one piece refused where too much is in flight."""

    def bounded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        response_start: list[Any] = []

        def hold_start(*arguments: Any) -> None:
            response_start[:] = arguments

        body = application(environ, hold_start)
        if isinstance(body, list):
            try:
                in_flight.add(sum(map(len, body)))
            except TooManyStreams as error:
                return refuse(error, start_response)
        start_response(*response_start)
        return body

    return bounded


def connections_sending() -> int | None:
    """The number of this process's connections with bytes that the client has not acknowledged; None where unknown."""
    try:
        return sum(map(_is_sending, (int(each.name) for each in _DESCRIPTORS.iterdir())))
    except (ImportError, OSError):
        return None


def _is_sending(descriptor: int) -> bool:
    import fcntl  # not on Windows
    import termios

    try:
        return any(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))  # which Linux calls SIOCOUTQ for sockets
    except OSError:
        return False  # no connection, or closed since it was listed
