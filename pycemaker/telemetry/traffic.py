"""What the API answered: how many, to what, how soon, how many failed. Pure counting.

A thread that answers only appends to a deque, which needs no lock: eight threads at one lock pay five microseconds a
request for it. Whoever asks, or finds that enough has come together, adds it up.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from pycemaker.parsing.route_paths import REPORT_PREFIX, template
from pycemaker.telemetry.histogram import Histogram

BOUNDS_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 120.0),
)
"""From what memory answers (20 µs) to a report's deadline."""

NO_ROUTE = "none"
"""What answers without a route count as, however many paths are tried."""

FOLDED_AT = 1024
"""How many answers come together before they are added up."""

Asked = tuple[str, str, int]
"""A route's template, a method (`other` for one that HTTP does not have), a status."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


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


@dataclass(frozen=True)
class TrafficTotals:
    """Everything since the start.

    Attributes:
        answers: by route, method and status.
        seconds: by route and method, from the request to the start of the answer.
        remembered: answers out of memory, without a route's work.
        in_flight: requests whose answer is not out yet.
    """

    answers: dict[Asked, int]
    seconds: dict[tuple[str, str], Histogram]
    remembered: int
    in_flight: int


class Traffic:
    """Counts answers. Threads share it."""

    def __init__(self) -> None:
        self._open: deque[None] = deque()
        self._noted: deque[tuple[str | None, str, str, float, bool]] = deque()
        self._lock = threading.Lock()
        self._succeeded = self._failed = self._timed = 0
        self._seconds = 0.0
        self._remembered = 0
        self._by_asked: dict[Asked, Histogram] = {}

    def begin(self) -> None:
        """A request has come."""
        self._open.append(None)

    def answer(self, rule: str | None, method: str, status: str, seconds: float, is_remembered: bool) -> None:
        """It was answered.

        Args:
            rule: the route's, as Bottle writes it; None where there is no route.
            method: as it was sent.
            status: its first three characters are the number.
            seconds: until the answer began.
            is_remembered: whether it came out of memory.
        """
        self._noted.append((rule, method if method in _METHODS else _OTHER, status, seconds, is_remembered))
        if len(self._noted) >= FOLDED_AT and self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def end(self) -> None:
        """Its answer is out, or given up."""
        self._open.pop()

    def take(self) -> TrafficCount:
        """What was answered since the last call; counting starts anew.

        A report takes seconds by nature and says nothing of how the API is doing: it is counted without its time.
        """
        with self._lock:
            self._fold()
            mean_seconds = self._seconds / self._timed if self._timed else None
            taken = TrafficCount(self._succeeded, self._failed, mean_seconds)
            self._succeeded = self._failed = self._timed = 0
            self._seconds = 0.0
        return taken

    def totals(self) -> TrafficTotals:
        """Everything since the start; nothing starts anew."""
        seconds: dict[tuple[str, str], Histogram] = {}
        with self._lock:
            self._fold()
            for (route, method, _), histogram in self._by_asked.items():
                seconds.setdefault((route, method), Histogram(BOUNDS_SECONDS)).merge(histogram)
            answers = {asked: histogram.count for asked, histogram in self._by_asked.items()}
            return TrafficTotals(answers, seconds, self._remembered, len(self._open))

    def _fold(self) -> None:
        """Add up what was noted until now. The lock is held."""
        for _ in range(len(self._noted)):
            rule, method, status, seconds, is_remembered = self._noted.popleft()
            asked = (template(rule) if rule else NO_ROUTE, method, int(status[:3]))
            histogram = self._by_asked.get(asked)
            if histogram is None:
                histogram = self._by_asked[asked] = Histogram(BOUNDS_SECONDS)
            histogram.add(seconds)
            self._remembered += is_remembered
            if not asked[0].startswith(REPORT_PREFIX):
                self._seconds += seconds
                self._timed += 1
            if asked[2] >= 500:
                self._failed += 1
            else:
                self._succeeded += 1
