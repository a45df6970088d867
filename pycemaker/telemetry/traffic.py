"""Counts of answers, by route, method and status, with their durations. Pure counting.

A thread that answers only appends to a deque, which needs no lock: eight threads at one lock pay five microseconds a
request for it. A reader of the counts, and a thread that finds FOLD_AT answers pending, adds them up.
"""

import threading
from collections import deque
from dataclasses import dataclass

from pycemaker.parsing.route_paths import REPORT_PREFIX, template, without_application
from pycemaker.telemetry.histogram import Histogram

BOUNDS_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 120.0),
)
"""From an answer out of memory (20 µs) to a report's deadline."""

NO_ROUTE = "none"  # The route of answers without one, however many paths are tried
FOLD_AT = 1024  # Pending answers that are added up at once

AnswerKey = tuple[str, str, int]
"""A route's template, a method (`other` for one that HTTP does not have), a status."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


@dataclass(frozen=True)
class TrafficCount:
    """Answers of one stretch of time.

    Attributes:
        failed: answers with a status of 500 or more.
        mean_seconds: from request to answer, on average over those that were timed; None without one.
    """

    succeeded: int
    failed: int
    mean_seconds: float | None


@dataclass(frozen=True)
class TrafficTotals:
    """Everything since the start.

    Attributes:
        seconds: by route and method, from the request to the start of the answer.
        in_flight: requests whose answer is not sent yet.
    """

    answers: dict[AnswerKey, int]
    seconds: dict[tuple[str, str], Histogram]
    cached: int
    in_flight: int


class Traffic:
    """Counts answers. Threads share it."""

    def __init__(self) -> None:
        self._in_flight: deque[None] = deque()
        self._pending: deque[tuple[str | None, str, str, float, bool]] = deque()
        self._lock = threading.Lock()
        self._succeeded = self._failed = self._timed = 0
        self._seconds = 0.0
        self._cached = 0
        self._by_key: dict[AnswerKey, Histogram] = {}

    def begin(self) -> None:
        """Count a request that arrived."""
        self._in_flight.append(None)

    def answer(self, rule: str | None, method: str, status: str, seconds: float, is_cached: bool) -> None:
        """Count its answer.

        Args:
            rule: the route's, as Bottle writes it; None where there is no route.
            status: its first three characters are the number.
            is_cached: whether it came out of memory.
        """
        self._pending.append((rule, method if method in _METHODS else _OTHER, status, seconds, is_cached))
        if len(self._pending) >= FOLD_AT and self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def end(self) -> None:
        """Count it as done: its answer is sent, or given up."""
        self._in_flight.pop()

    def take(self) -> TrafficCount:
        """The count since the last call; counting starts anew.

        Reports are counted without their time: they take seconds by nature, and would hide the speed of the API.
        """
        with self._lock:
            self._fold()
            mean_seconds = self._seconds / self._timed if self._timed else None
            taken = TrafficCount(self._succeeded, self._failed, mean_seconds)
            self._succeeded = self._failed = self._timed = 0
            self._seconds = 0.0
        return taken

    def totals(self) -> TrafficTotals:
        """The totals since the start."""
        seconds: dict[tuple[str, str], Histogram] = {}
        with self._lock:
            self._fold()
            for (route, method, _), histogram in self._by_key.items():
                seconds.setdefault((route, method), Histogram(BOUNDS_SECONDS)).merge(histogram)
            answers = {key: histogram.count for key, histogram in self._by_key.items()}
            return TrafficTotals(answers, seconds, self._cached, len(self._in_flight))

    def _fold(self) -> None:
        """Add up the pending answers. The lock is held."""
        for _ in range(len(self._pending)):
            rule, method, status, seconds, is_cached = self._pending.popleft()
            key = (template(rule) if rule else NO_ROUTE, method, int(status[:3]))
            histogram = self._by_key.get(key)
            if histogram is None:
                histogram = self._by_key[key] = Histogram(BOUNDS_SECONDS)
            histogram.add(seconds)
            self._cached += is_cached
            if not without_application(key[0]).startswith(REPORT_PREFIX):
                self._seconds += seconds
                self._timed += 1
            if key[2] >= 500:
                self._failed += 1
            else:
                self._succeeded += 1
