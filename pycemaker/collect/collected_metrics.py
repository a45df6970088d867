"""Collected metrics: each one's newest sample, its usual step, and whether dates and readings can be read.

A metric's newest documents are read by the index. A view is not read: it may have no index below it, and a sort would
read all of it.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pycemaker.cache.index_ends import has_undated
from pycemaker.columnar.decode import DECODE_OPTIONS, number_of
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.indexes import KEY
from pycemaker.window import to_epoch_ms

VIEW = "view"
_NEWEST_SAMPLES = 33
_LEAST_SILENCE_MS, _SILENT_STEPS = 300_000, 10


@dataclass(frozen=True)
class CollectedMetric:
    """One metric's collection that exists.

    Attributes:
        metric: the metric.
        newest_ms: its newest sample, milliseconds since 1970 in UTC; None where no document has a date.
        step_ms: the usual distance of its newest samples; 0 with fewer than two.
        has_undated: whether it has documents whose `time_series` is no date.
        has_readings: whether one of its newest samples has a number as its reading; a text such as `53%` is none.
        is_view: whether it is a view; the other attributes are unknown then.
    """

    metric: Metric
    newest_ms: int | None = None
    step_ms: float = 0.0
    has_undated: bool = False
    has_readings: bool = True
    is_view: bool = False

    def silent_seconds(self, now_utc: datetime) -> float:
        """The seconds since the newest sample where they are over ten steps and over 5 min; else 0."""
        if self.newest_ms is None:
            return 0.0
        silent_ms = to_epoch_ms(now_utc) - self.newest_ms
        return silent_ms / 1000 if silent_ms > max(_LEAST_SILENCE_MS, _SILENT_STEPS * self.step_ms) else 0.0


def read_collected_metrics(database: Database) -> list[CollectedMetric]:
    """Every metric whose collection has documents, or is a view.

    Raises:
        DatabaseUnreachable: MongoDB is away, or a collection has no index.
    """
    types = collection_types(database)
    present = [metric for metric in METRICS if metric.collection in types]
    collected = (_read_metric(database, metric, types[metric.collection]) for metric in present)
    return [each for each in collected if each]


def collection_types(database: Database) -> dict[str, str]:
    """Each collection's type by its name: `collection`, `view` or `timeseries`. Raises DatabaseUnreachable."""
    with one_exchange():
        return {each["name"]: each["type"] for each in database.handle.list_collections()}


def _read_metric(database: Database, metric: Metric, collection_type: str) -> CollectedMetric | None:
    if collection_type == VIEW:
        return CollectedMetric(metric, is_view=True)
    dated = {"time_series": {"$type": "date", "$not": {"$type": "array"}}}
    projection = dict.fromkeys(("time_series", *metric.fields), 1)
    collection = database[metric.collection].with_options(codec_options=DECODE_OPTIONS)
    with one_exchange():
        newest = list(collection.find(dated, projection, sort=[("time_series", -1)], limit=_NEWEST_SAMPLES, hint=KEY))
    undated = has_undated(database, metric.collection)
    if not newest:
        return CollectedMetric(metric, has_undated=True) if undated else None
    times = np.array([int(document["time_series"]) for document in newest], np.int64)
    distances = -np.diff(times)
    step_ms = float(np.median(distances[distances > 0])) if (distances > 0).any() else 0.0
    has_readings = any(all(number_of(each.get(name)) is not None for name in metric.fields) for each in newest)
    return CollectedMetric(metric, int(times[0]), step_ms, undated, has_readings)
