"""Slots for callers that wait for their reports: so many in all, and so many for one report."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

WAITERS = 48  # Requests that wait at a time; each holds a thread of the server
WAITERS_OF_ONE = 32
"""The same for one report, so that a caller who repeats a request leaves slots to others."""


class Waiters:
    """Slots for callers. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def slot(self, report_id: str) -> Iterator[bool]:
        """Take a slot to wait for this report for the length of the block; yields False where none is free."""
        with self._lock:
            has_slot = self._taken.total() < WAITERS and self._taken[report_id] < WAITERS_OF_ONE
            self._taken[report_id] += has_slot
        try:
            yield has_slot
        finally:
            with self._lock:
                self._taken[report_id] -= has_slot
                self._taken += Counter()  # drops the zeros
