"""Counts of this server's reports and mails since its start, by how they ended, for /metrics."""

import threading
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pycemaker.jobs import states
from pycemaker.telemetry.histogram import Histogram

STAGE_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""From a page rendered warm to a whole deadline."""


@dataclass(frozen=True)
class ReportTotals:
    """Everything since the start.

    Attributes:
        ended: reports by final state and the error's class name, which is empty without an error.
        mails: results of recipients by state; each deferral counts.
        stages: durations of each stage, of reports that ended here.
    """

    ended: dict[tuple[str, str], int]
    mails: dict[str, int]
    stages: dict[str, Histogram]


class ReportCounts:
    """Counts what is written into the job store. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._mails: Counter[str] = Counter()
        self._stages: dict[str, Histogram] = {}

    def count_report(self, state: str, fields: Mapping[str, Any]) -> None:
        """Count a report that ended in this state; `fields` are those written with it."""
        with self._lock:
            self._ended[state, fields.get("error", {}).get("kind", "")] += 1
            for stage, seconds in fields.get("stage_seconds", {}).items():
                self._stages.setdefault(stage, Histogram(STAGE_BUCKETS_SECONDS)).add(seconds)

    def count_mail(self, state: str) -> None:
        """Count a recipient's result."""
        if state != states.QUEUED:
            with self._lock:
                self._mails[state] += 1

    def totals(self) -> ReportTotals:
        """Everything since the start."""
        with self._lock:
            return ReportTotals(dict(self._ended), dict(self._mails), deepcopy(self._stages))
