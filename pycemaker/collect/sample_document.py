"""Documents as the collectors write them."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId

from pycemaker.metrics import Metric
from pycemaker.parsing.application_names import FIELD
from pycemaker.window import to_epoch_ms

Steps = tuple[tuple[float, str], ...]
"""The readings from which on a criticity begins, the highest first."""

MOST_READING = 1e15
"""The largest reading: MongoDB takes no larger integers than 9e18, and sums of larger numbers would be infinite."""

_RATIO_STEPS: Steps = ((0.9, "critical"), (0.75, "high"), (0.5, "medium"))
_SECONDS_STEPS: Steps = ((1.0, "critical"),)
NO_STEPS: Mapping[str, Steps] = {}


def sample_document(
    metric: Metric,
    taken_utc: datetime,
    reading: float,
    *,
    failed: float = 0,
    steps: Mapping[str, Steps] = NO_STEPS,
    collected_for: str | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """One sample, whole.

    Args:
        metric: whose collection it is for.
        taken_utc: when, aware; MongoDB keeps milliseconds.
        reading: in the metric's unit; of a metric with several fields what its first one has, such as the requests
            that succeeded. Whole numbers of requests become integers.
        failed: what the second field has; further ones have 0. A metric with one field has no use for it.
        steps: by metric id, other steps of criticity than the unit's.
        collected_for: its application, empty for the default application, which documents do not name; it gives the
            document an `_id` made of application, metric and instant, so that the same sample twice is one document.
        **extra: more fields, as they are.
    """
    time_ms = to_epoch_ms(taken_utc)
    document: dict[str, Any] = (
        {"_id": sample_id(collected_for, metric.id, time_ms)} if collected_for is not None else {}
    )
    document |= {FIELD: collected_for} if collected_for else {}
    document |= {"time_series": taken_utc, "origin_time_series": time_ms}
    if metric.unit == "ratio":
        document["consume_percent"] = f"{reading * 100:.2f}%"
    document["criticity"] = _criticity(metric, reading, failed, steps.get(metric.id))
    first, *others = metric.fields
    document[first] = _count(reading) if others and metric.unit == "requests" else reading
    document |= {name: _count(failed) if name == others[0] else 0 for name in others}
    return document | extra


def sample_id(application: str, metric_id: str, time_ms: int) -> ObjectId:
    """An ObjectId made of application, metric and instant; it begins with the sample's second, as MongoDB's own do."""
    digest = hashlib.blake2b(f"{application}/{metric_id}/{time_ms}".encode(), digest_size=8).digest()
    return ObjectId((time_ms // 1000).to_bytes(4, "big") + digest)


def _criticity(metric: Metric, reading: float, failed: float, steps: Steps | None) -> str:
    """The criticity of a reading: by these steps, else by those of its unit."""
    if steps is None and metric.unit == "requests":
        return _criticity_of_requests(metric, reading, failed)
    steps = steps or {"ratio": _RATIO_STEPS, "seconds": _SECONDS_STEPS}.get(metric.unit, ())
    level = reading + failed if len(metric.fields) > 1 else reading
    return next((name for step, name in steps if level >= step), "regular" if metric.unit == "seconds" else "low")


def _criticity_of_requests(metric: Metric, reading: float, failed: float) -> str:
    failures, requests = (failed, reading + failed) if len(metric.fields) > 1 else (reading, 0)
    if not failures:
        return "low"
    return "critical" if failures >= max(5, 0.2 * requests) else "medium"


def _count(number: float) -> float:
    """The number, as an integer where it is whole."""
    return int(number) if number == int(number) else number
