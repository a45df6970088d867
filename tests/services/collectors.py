"""Fills a database as other people's collectors do: at their own distances, until they stop, without dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from bson import ObjectId

from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database

_LEVELS = {"cpu": 0.4, "ram": 0.6, "disk": 0.5, "response_time": 0.2, "http_fail": 0.0}
_HIGH = {"cpu": 0.97, "response_time": 4.0}
_HIGH_HOURS = 5


@dataclass(frozen=True)
class Collector:
    """The rhythm of a collector.

    Attributes:
        seconds: how far apart they are.
        hours: since how many hours before the end.
        silent_hours: for how many hours before the end there is none.
        high_criticity: what it calls CPU and response time, which were high for the last five hours; None where they
            were not.
        has_dates: whether `time_series` is a date; else ISO 8601 text.
    """

    seconds: int = 5
    hours: int = 12
    silent_hours: int = 0
    high_criticity: str | None = None
    has_dates: bool = True


COLLECTORS = {
    "stopped": Collector(hours=40, silent_hours=30),
    "minute-critical": Collector(60, high_criticity="critical"),
    "quarter-critical": Collector(15, high_criticity="critical"),
    "five-minutes": Collector(300, hours=24, high_criticity="critical"),
    "minute-quiet": Collector(60, high_criticity="low"),
    "text-time": Collector(has_dates=False),
}


def fill(database: Database, collector: Collector, end_utc: datetime) -> None:
    """Write every metric's samples, the last one at `end_utc`, each stored when it was taken."""
    for place, metric in enumerate(METRICS):
        database[metric.collection].insert_many(_documents(collector, metric, end_utc, place))


def _documents(collector: Collector, metric: Metric, end_utc: datetime, seed: int) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(seed)
    for back in range(collector.hours * 3600 // collector.seconds - 1, -1, -1):
        age_hours = back * collector.seconds / 3600
        if age_hours < collector.silent_hours:
            return
        taken_utc = end_utc - timedelta(seconds=back * collector.seconds)
        is_high = collector.high_criticity is not None and age_hours < _HIGH_HOURS and metric.id in _HIGH
        reading = {"value": _HIGH[metric.id] if is_high else abs(_LEVELS.get(metric.id, 0) + random.normal(0, 0.02))}
        if metric.is_sum:
            reading = {"value_success": int(random.integers(20, 41)), "value_fail": 1}
        yield reading | {
            "_id": ObjectId(int(taken_utc.timestamp()).to_bytes(4, "big") + back.to_bytes(8, "big")),
            "time_series": taken_utc if collector.has_dates else taken_utc.isoformat(),
            "criticity": collector.high_criticity if is_high else "low",
        }
