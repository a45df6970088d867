"""What is seen of the reports that this process takes in: how many are there, since when, and what became of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import MailRefused, PycemakerError
from pycemaker.histogram import Histogram

BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Buckets of a stage: from a page rendered warm to a whole deadline."""


@dataclass(frozen=True)
class ReportTotals:
    """Everything since the start.

    Attributes:
        ended: reports by how they ended (sent, written, failed) and the error's class name, empty for none.
        mails: by outcome: accepted, written, refused, or unknown where the connection broke before the answer.
        stages: how long each stage took.
    """

    ended: dict[tuple[str, str], int]
    mails: dict[str, int]
    stages: dict[str, Histogram]


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
        self._ended: Counter[tuple[str, str]] = Counter()
        self._mails: Counter[str] = Counter()
        self._stages: dict[str, Histogram] = {}

    @contextmanager
    def one(self) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """A report is there for as long as the block lasts, whether it runs or waits.

        Gives what takes the record of one that ended well; an error that leaves the block is one that did not.
        """
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._inside[number] = self._clock()
        try:
            yield self._note_record
        except PycemakerError as error:
            self._note_error(error)
            raise
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

    def totals(self) -> ReportTotals:
        """Everything since the start."""
        with self._lock:
            stages: dict[str, Histogram] = {}
            for name, histogram in self._stages.items():
                stages.setdefault(name, Histogram(BOUNDS_SECONDS)).merge(histogram)
            return ReportTotals(dict(self._ended), dict(self._mails), stages)

    def _note_record(self, record: Mapping[str, Any]) -> None:
        with self._lock:
            self._ended[record["state"], ""] += 1
            self._mails["written" if record["state"] == "written" else "accepted"] += 1
            for stage, seconds in record.get("stage_seconds", {}).items():
                self._stages.setdefault(stage, Histogram(BOUNDS_SECONDS)).add(seconds)

    def _note_error(self, error: PycemakerError) -> None:
        with self._lock:
            self._ended["failed", type(error).__name__] += 1
            if error.facts.get("possibly_sent"):
                self._mails["unknown"] += 1
            elif isinstance(error, MailRefused):
                self._mails["refused"] += 1
