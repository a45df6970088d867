"""How many answers the API gave, how long they took and how many failed, since somebody last asked. Pure counting."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class TrafficCount:
    """Answers of one stretch of time.

    Attributes:
        succeeded: answers with a status below 500.
        failed: answers with a status of 500 or more.
        mean_seconds: from request to answer, on average over those that were timed; None without one.
    """

    succeeded: int
    failed: int
    mean_seconds: float | None


class Traffic:
    """Counts answers. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._succeeded = self._failed = self._timed = 0
        self._seconds = 0.0

    def count(self, status: int, seconds: float | None) -> None:
        """One answer was given; `seconds` None counts it without its time."""
        with self._lock:
            if seconds is not None:
                self._seconds += seconds
                self._timed += 1
            if status >= 500:
                self._failed += 1
            else:
                self._succeeded += 1

    def take(self) -> TrafficCount:
        """What was counted since the last call; counting starts anew."""
        with self._lock:
            mean_seconds = self._seconds / self._timed if self._timed else None
            taken = TrafficCount(self._succeeded, self._failed, mean_seconds)
            self._succeeded = self._failed = self._timed = 0
            self._seconds = 0.0
        return taken
