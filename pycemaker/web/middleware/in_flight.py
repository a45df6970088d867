"""Bounds the bytes of answers in flight: handed to the HTTP server, and perhaps not read by their clients yet.

Granian copies each answer, keeps the copy until the client has read it, and does not say when that is. The kernel tells
how many connections still have bytes to deliver. A connection has one answer at a time, so at most that many of
the counted answers are unread; they are taken for the largest. The kernel is asked only where the bound is reached.
Beyond the bound an answer waits up to a second for other clients to read; without room by then it is a 503. Slow
clients are disconnected (`write_timeout`), so that none of them blocks others for long.
"""

import ctypes
import heapq
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
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
"""The longest wait for room and a slot: longer than a build takes to notice that MongoDB is away."""

MOST_WAITING, MOST_WAITING_BYTES = 64, 12 * 2**20
"""Threads that may wait before they build an answer, and as many before they send one; the bytes that these hold."""

_POLL_SECONDS = 0.005  # Between a wait's checks for room: fast clients have read their answers soon
_RECOUNT_RATIO = 4  # After a count of connections, a pause so many times as long; counting 8,000 takes 10 ms
_GRACE_SECONDS = 0.005  # A younger answer always counts: the kernel may not have its first bytes yet


class _Waiters:
    """Threads that wait for room, each with the answer that it holds."""

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._held: dict[int, Sequence[bytes]] = {}

    def wait(self, has_room: Callable[[], bool], answer: Sequence[bytes] = ()) -> bool:
        """True as soon as there is room; False after `wait_seconds`, or at once where too much waits already."""
        thread = threading.get_ident()
        with self._lock:
            pieces = chain(answer, *self._held.values())
            held_bytes = sum({id(piece): len(piece) for piece in pieces}.values())  # clients share what is cached
            if len(self._held) == MOST_WAITING or held_bytes > MOST_WAITING_BYTES:
                return False
            self._held[thread] = answer
        try:
            until = time.monotonic() + self._wait_seconds
            while time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
                if has_room():
                    return True
            return False
        finally:
            with self._lock:
                del self._held[thread]


class InFlight:
    """Counts the bytes of answers in flight. Threads share it.

    Args:
        count_sending: gives the number of connections with bytes to deliver; None where it is unknown, and then only
            answers that are a few milliseconds old count.
        wait_seconds: the longest wait of an answer for room.
    """

    def __init__(
        self,
        count_sending: Callable[[], int | None] = lambda: None,
        most_bytes: int = MOST_BYTES,
        wait_seconds: float = 1.0,
    ) -> None:
        self._count_sending = count_sending
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._build_slots = threading.BoundedSemaphore(BUILD_SLOTS)
        self._build_waiters, self._send_waiters = _Waiters(wait_seconds), _Waiters(wait_seconds)
        self._answers: list[tuple[float, int]] = []
        self._bytes = 0
        self._next_count_at = float("-inf")

    @property
    def is_full(self) -> bool:
        """True where less than a quarter of the bound is free."""
        return not self._admits(self._most_bytes // 4)

    def add(self, answer: Sequence[bytes]) -> None:
        """Count an answer that is about to be sent, once there is room for it. Raises TooManyStreams: there is none."""
        size_bytes = sum(map(len, answer))

        def is_admitted() -> bool:
            return self._admits(size_bytes, counts=True)

        if size_bytes > SMALL_BYTES and not is_admitted() and not self._send_waiters.wait(is_admitted, answer):
            raise self._refusal()

    @contextmanager
    def build_slot(self) -> Iterator[None]:
        """Hold a slot for building an answer that is sent whole, as long as the block lasts.

        Raises:
            TooManyStreams: no slot is free, or there is no room for what would be built.
        """
        until = time.monotonic() + BUILD_SLOT_SECONDS
        if self.is_full and not self._build_waiters.wait(lambda: not self.is_full):
            raise self._refusal()
        if not self._build_slots.acquire(timeout=max(0.0, until - time.monotonic())):
            raise self._refusal()
        try:
            yield
        finally:
            self._build_slots.release()

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
    """The application, with answers that are sent whole (a list) refused where too much is in flight."""

    def bounded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        response_start: list[Any] = []

        def hold_start(*arguments: Any) -> None:
            response_start[:] = arguments

        body = application(environ, hold_start)
        if isinstance(body, list):
            try:
                in_flight.add(body)
            except TooManyStreams as error:
                return refuse(error, start_response)
        start_response(*response_start)
        return body

    return bounded


def connections_sending() -> int | None:
    """The number of this process's connections with bytes that the client has not acknowledged; None where unknown.

    Python's lock is kept meanwhile (`PyDLL`): getting it back after each of 2,000 calls takes a busy server 40 ms.
    """
    try:
        import termios  # not on Windows

        outgoing = termios.TIOCOUTQ  # which Linux calls SIOCOUTQ for sockets
        descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 - in a quarter of pathlib's time
        ioctl = ctypes.PyDLL(None).ioctl
    except (ImportError, OSError):
        return None
    count, unread_bytes = 0, ctypes.c_int()
    for descriptor in map(int, descriptors):
        failed = ioctl(
            descriptor, ctypes.c_ulong(outgoing), ctypes.byref(unread_bytes)
        )  # no connection, or closed since
        count += not failed and unread_bytes.value > 0
    return count
