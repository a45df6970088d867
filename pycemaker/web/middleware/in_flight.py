"""Answers in flight: those handed to the HTTP server that their clients have perhaps not taken yet, bounded in bytes.

Granian copies each answer, keeps the copy until the client has taken it, and does not say when that is. What the kernel
says is how many connections are being sent something, and a connection has one answer at a time: so no more than the
largest of so many answers are left of those handed over. It is asked only where the bound is reached. Beyond that an
answer is a 503, and clients that take little are ended (`stalled`), so that none of them keeps others out for long.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from pycemaker.errors import TooManyStreams
from pycemaker.web.error_handling import refuse
from pycemaker.web.wsgi import Application, Environ, StartResponse

MOST_BYTES = 48 * 2**20
"""Of all answers in flight: six of the longest that go out whole, 30 of 1.5 MB."""

SMALL_BYTES = 16 * 1024
"""Answers up to this size are not counted: one for each connection that there may be takes 128 MB."""

BUILD_SLOTS = 4
"""Answers that are made at a time before they go out whole. Python makes no two at once; each holds it twice."""

BUILD_SLOT_SECONDS = 2.5
"""How long an answer waits for one of these places: longer than those who have one find that MongoDB is away."""

WAITERS = 32
_LOOKS, _LOOK_SECONDS = 50, 0.01
"""How many answers wait for room before they are made, and how often each looks for it: fast clients' go by soon."""

_LOOK_SHARE = 10
"""How many times as long as a look takes there is until the next one: with 8,000 connections it is 10 ms."""

_HANDED_SECONDS = 0.02
"""For how long an answer counts whatever the kernel says: until it has been given the first bytes of it."""

_DESCRIPTORS = Path("/proc/self/fd")


class InFlight:
    """Counts the bytes of answers in flight. Threads share it.

    Args:
        sending: how many connections are being sent something now; None where nobody knows, and nothing is bounded.
        most_bytes: the bound.
    """

    def __init__(self, sending: Callable[[], int | None] = lambda: None, most_bytes: int = MOST_BYTES) -> None:
        self._sending = sending
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._waiters = threading.BoundedSemaphore(WAITERS)
        self._made = threading.BoundedSemaphore(BUILD_SLOTS)
        self._makers = threading.BoundedSemaphore(BUILD_SLOTS)
        self._answers: list[tuple[float, int]] = []
        self._bytes = 0
        self._look_at = float("-inf")

    @property
    def is_full(self) -> bool:
        """Whether there is room for a quarter of the bound at most."""
        return not self._admits(self._most_bytes // 4)

    def take(self, size_bytes: int) -> None:
        """Count an answer that is about to be handed over.

        Raises:
            TooManyStreams: there is no room for it.
        """
        if size_bytes > SMALL_BYTES:
            self._wait_until(lambda: self._admits(size_bytes, counts=True), self._made)

    @contextmanager
    def build_slot(self) -> Iterator[None]:
        """One of the places for making an answer that goes out whole, as long as the block lasts.

        Raises:
            TooManyStreams: there is none, or no room for what would be made.
        """
        self._wait_until(lambda: not self.is_full, self._waiters)
        if not self._makers.acquire(timeout=BUILD_SLOT_SECONDS):
            raise self._refusal()
        try:
            yield
        finally:
            self._makers.release()

    def _wait_until(self, has_room: Callable[[], bool], places: threading.BoundedSemaphore) -> None:
        if has_room():
            return
        if places.acquire(blocking=False):
            try:
                for _ in range(_LOOKS):
                    time.sleep(_LOOK_SECONDS)
                    if has_room():
                        return
            finally:
                places.release()
        raise self._refusal()

    def _refusal(self) -> TooManyStreams:
        return TooManyStreams(streaming=len(self._answers), retry_after_seconds=1)

    def _admits(self, size_bytes: int, *, counts: bool = False) -> bool:
        with self._lock:
            if self._bytes + size_bytes > self._most_bytes:
                self._forget_taken()
            fits = self._bytes + size_bytes <= self._most_bytes
            if fits and counts:
                self._answers.append((time.monotonic(), size_bytes))
                self._bytes += size_bytes
            return fits

    def _forget_taken(self) -> None:
        """Keep what was handed over just now, and of the others as many as are being sent, the largest."""
        now = time.monotonic()
        if now < self._look_at:
            return
        count = self._sending() or 0
        self._look_at = now + max(_LOOK_SECONDS, _LOOK_SHARE * (time.monotonic() - now))
        young = [each for each in self._answers if each[0] > now - _HANDED_SECONDS]
        old = self._answers[: len(self._answers) - len(young)]
        self._answers = sorted(heapq.nlargest(count, old, key=itemgetter(1))) + young
        self._bytes = sum(size for _, size in self._answers)


def bound_answers(application: Application, in_flight: InFlight) -> Application:
    """The application, an answer of one piece refused where too much is in flight already."""

    def bounded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started: list[Any] = []

        def start(*said: Any) -> None:
            started[:] = said

        body = application(environ, start)
        if isinstance(body, list):
            try:
                in_flight.take(sum(map(len, body)))
            except TooManyStreams as error:
                return refuse(error, start_response)
        start_response(*started)
        return body

    return bounded


def connections_sending() -> int | None:
    """How many of this process's connections have not been acknowledged all that was sent; None where unknown."""
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
        return False  # no connection, or closed by now
