"""What is seen of the reports that this process takes in: how many are there, and since when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ReportWatch:
    """Watches reports from the moment they are taken in until they have ended. Threads share it.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: dict[int, float] = {}
        self._next = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A report is there for as long as the block lasts, whether it runs or waits."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._inside[number] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                del self._inside[number]

    @property
    def inside(self) -> int:
        """How many run or wait."""
        return len(self._inside)

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest has been there; 0 without one."""
        with self._lock:
            return self._clock() - min(self._inside.values()) if self._inside else 0.0
