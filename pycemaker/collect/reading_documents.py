"""Readings of a source as documents of samples: units, bounds, requests with their failures. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pycemaker.collect.collect_file import CollectSource
from pycemaker.collect.sample_document import MOST_READING, sample_document
from pycemaker.metrics import HTTP_FAIL, METRICS, REQUEST_COUNT, Metric
from pycemaker.window import from_epoch_ms

Readings = Mapping[tuple[str, int], Mapping[str, float]]
"""By application and instant (milliseconds since 1970 in UTC) each metric's reading; of requests and failures the rate
a second."""

Documents = dict[str, list[dict[str, Any]]]
"""Documents by their collections."""

_MOST_RATIO, _LEAST_RATIO = 1.05, -0.05
"""Bounds within which a ratio is rounded into 0 to 1: rates over a stretch are not quite exact."""

_DIGITS = 6


def to_documents(source: CollectSource, readings: Readings) -> tuple[Documents, dict[str, str]]:
    """The documents of these readings, and by metric id why readings of it were refused.

    A reading that is no finite number gives no document. Of requests without a reading of failures, failures are 0: no
    counter of them has begun.
    """
    documents: Documents = defaultdict(list)
    refused: dict[str, str] = {}
    has_failures = HTTP_FAIL.id in source.metric_ids
    for (application, time_ms), by_metric in readings.items():
        taken_utc = from_epoch_ms(time_ms)
        values = {name: value for name, value in by_metric.items() if math.isfinite(value)}
        if values.get(REQUEST_COUNT.id, -1.0) >= 0 and has_failures:
            values.setdefault(HTTP_FAIL.id, 0.0)
        for metric in METRICS:
            if metric.id not in values:
                continue
            reading = _bounded(metric, values[metric.id], source.every_seconds)
            if reading is None:
                refused[metric.id] = f"{values[metric.id]:g} is no reading in {metric.unit}"
                continue
            more: dict[str, float] = {}
            if len(metric.fields) > 1:
                failed = min(reading, _bounded(metric, values.get(HTTP_FAIL.id, 0.0), source.every_seconds) or 0.0)
                reading, more = round(reading - failed, _DIGITS), {"failed": failed}
            documents[metric.collection].append(
                sample_document(metric, taken_utc, reading, steps=source.steps, collected_for=application, **more)
            )
    return documents, refused


def _bounded(metric: Metric, value: float, every_seconds: int) -> float | None:
    """The reading in the metric's unit; None where the unit cannot have it."""
    if metric.unit == "ratio":
        return round(min(max(value, 0.0), 1.0), _DIGITS) if _LEAST_RATIO <= value <= _MOST_RATIO else None
    reading = round(value * every_seconds if metric.unit == "requests" else value, _DIGITS)
    return None if reading < metric.bounds[0] or abs(reading) > MOST_READING else reading
