"""Documents as the collectors write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pycemaker.metrics import Metric
from pycemaker.window import to_epoch_ms

_RATIO_STEPS = ((0.9, "critical"), (0.75, "high"), (0.5, "medium"))
_SLOW_SECONDS = 1.0


def sample_document(
    metric: Metric, taken_utc: datetime, reading: float, *, failed: int = 0, **extra: Any
) -> dict[str, Any]:
    """One sample, whole.

    Args:
        metric: whose collection it is for.
        taken_utc: when, aware; MongoDB keeps milliseconds.
        reading: in the metric's unit; of a metric with several fields what its first one has, such as the requests
            that succeeded.
        failed: what the second field has; further ones have 0.
        **extra: more fields, as they are.
    """
    document: dict[str, Any] = {"time_series": taken_utc, "origin_time_series": to_epoch_ms(taken_utc)}
    if metric.unit == "ratio":
        document["consume_percent"] = f"{reading * 100:.2f}%"
    document["criticity"] = _criticity(metric, reading, failed)
    first, *others = metric.fields
    document[first] = int(reading) if others and metric.unit == "requests" else reading
    document |= {name: failed if name == others[0] else 0 for name in others}
    return document | extra


def _criticity(metric: Metric, reading: float, failed: int) -> str:
    if metric.unit == "ratio":
        return next((name for step, name in _RATIO_STEPS if reading >= step), "low")
    if metric.unit == "seconds":
        return "critical" if reading >= _SLOW_SECONDS else "regular"
    failures, requests = (failed, reading + failed) if len(metric.fields) > 1 else (reading, 0)
    if metric.unit != "requests" or not failures:
        return "low"
    return "critical" if failures >= max(5, 0.2 * requests) else "medium"
