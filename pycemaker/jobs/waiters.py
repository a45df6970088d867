"""Callers that wait for their reports: so many at a time, and so many of one and the same report."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

WAITERS = 48
"""Requests that wait at a time; each holds a thread of the server."""

WAITERS_OF_ONE = 32
"""The same for one report, so that whoever asks for it again and again leaves places to others."""


class Waiters:
    """Places for callers. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def slot(self, report_id: str) -> Iterator[bool]:
        """Whether there is a place for one more who waits for this report; it is held within the block."""
        has_place = self._take(report_id)
        try:
            yield has_place
        finally:
            if has_place:
                self._give_back(report_id)

    def _take(self, report_id: str) -> bool:
        with self._lock:
            if self._held.total() >= WAITERS or self._held[report_id] >= WAITERS_OF_ONE:
                return False
            self._held[report_id] += 1
            return True

    def _give_back(self, report_id: str) -> None:
        with self._lock:
            self._held[report_id] -= 1
            self._held += Counter()  # which drops those that nobody waits for
