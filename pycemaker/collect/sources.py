"""State of each metric's source: whether samples keep coming and carry dates, by a few entries of the index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pycemaker.cache.collection_ends import has_undated
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.indexes import KEY
from pycemaker.window import to_epoch_ms

_LATEST = 33
_LEAST_SILENCE_MS, _SILENT_STEPS = 300_000, 10


@dataclass(frozen=True)
class Source:
    """One metric's collection, where it is there.

    Attributes:
        metric: whose.
        newest_ms: its newest sample, milliseconds since 1970 in UTC; None where no document has a date.
        step_ms: the usual distance of its newest samples; 0 with fewer than two.
        has_undated: whether it has documents whose `time_series` is no date.
    """

    metric: Metric
    newest_ms: int | None
    step_ms: float
    has_undated: bool

    def silent_seconds(self, now_utc: datetime) -> float:
        """The seconds without a sample, where they are over ten usual distances and over 5 min; else 0."""
        if self.newest_ms is None:
            return 0.0
        silent_ms = to_epoch_ms(now_utc) - self.newest_ms
        return silent_ms / 1000 if silent_ms > max(_LEAST_SILENCE_MS, _SILENT_STEPS * self.step_ms) else 0.0


def read_sources(database: Database) -> list[Source]:
    """Every metric's source whose collection has documents.

    Raises:
        DatabaseUnreachable: MongoDB is away, or a collection has no index.
    """
    with one_exchange():
        collections = set(database.handle.list_collection_names())
    present = (metric for metric in METRICS if metric.collection in collections)
    return [source for metric in present if (source := _read_source(database, metric))]


def _read_source(database: Database, metric: Metric) -> Source | None:
    dated = {"time_series": {"$type": "date", "$not": {"$type": "array"}}}
    with one_exchange():
        latest = list(
            database[metric.collection].find(
                dated, {"_id": 0, "time_series": 1}, sort=[("time_series", -1)], limit=_LATEST, hint=KEY
            )
        )
    undated = has_undated(database, metric.collection)
    if not latest:
        return Source(metric, None, 0.0, undated) if undated else None
    times = np.array([to_epoch_ms(document["time_series"]) for document in latest], np.int64)
    distances = -np.diff(times)
    step_ms = float(np.median(distances[distances > 0])) if (distances > 0).any() else 0.0
    return Source(metric, int(times[0]), step_ms, undated)
