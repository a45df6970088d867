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
        reading: in the metric's unit; for `request_count` the requests that succeeded.
        failed: for `request_count`, the requests that failed.
        **extra: more fields, as they are.
    """
    document: dict[str, Any] = {"time_series": taken_utc, "origin_time_series": to_epoch_ms(taken_utc)}
    if metric.unit == "ratio":
        document["consume_percent"] = f"{reading * 100:.2f}%"
    document["criticity"] = _criticity(metric, reading, failed)
    if metric.is_sum:
        document |= {"value_success": int(reading), "value_fail": failed}
    else:
        document["value"] = reading
    return document | extra


def _criticity(metric: Metric, reading: float, failed: int) -> str:
    if metric.unit == "ratio":
        return next((name for step, name in _RATIO_STEPS if reading >= step), "low")
    if metric.unit == "seconds":
        return "critical" if reading >= _SLOW_SECONDS else "regular"
    failures, requests = (failed, reading + failed) if metric.is_sum else (reading, 0)
    if not failures:
        return "low"
    return "critical" if failures >= max(5, 0.2 * requests) else "medium"
