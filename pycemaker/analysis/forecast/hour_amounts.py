"""Hourly amounts that forecasts go by: of a metric, and of the health of an application. Pure.

The last amount is that of the hour before the end of the part's interval, the others are those of UTC hours.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from pycemaker.analysis.health import BORDERS, hour_points, hour_scores
from pycemaker.series.batches import join_columns
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, summarize
from pycemaker.series.period import MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.window import to_epoch_ms


def metric_amounts(part: MetricPeriod) -> Floats:
    """The median reading of each hour, oldest first, in the metric's unit; NaN where there is no reading.

    Counts per sample are those that the latest cadence would have given.
    """
    if part.metric.unit != "requests":
        return _by_hour(part, lambda hours: hours.block_median)
    per_ms = _by_hour(part, lambda hours: hours.block_median / np.where(hours.step_ms > 0, hours.step_ms, np.nan))
    return per_ms * part.cadence.step_ms


def health_amounts(parts: Mapping[str, MetricPeriod]) -> Floats:
    """The score of each hour, oldest first; NaN where a metric of the index has no reading.

    Args:
        parts: those of `health.BORDERS`, over one window.
    """
    points = {metric_id: _by_hour(parts[metric_id], partial(hour_points, metric_id)) for metric_id in BORDERS}
    shared = min(len(each) for each in points.values())
    return hour_scores({metric_id: each[len(each) - shared :] for metric_id, each in points.items()})


def _by_hour(part: MetricPeriod, amounts: Callable[[HourSummaries], Floats]) -> Floats:
    """The amounts of history, of the hours of both intervals that it lacks, and of the last hour."""
    start_ms, end_ms = to_epoch_ms(part.window.start_utc), to_epoch_ms(part.window.end_utc)
    known_ms = start_ms // HOUR_MS * HOUR_MS  # the hour that the interval starts in is in no summary
    recent = join_columns([part.previous, part.current])
    history = part.history.part(0, int(np.searchsorted(part.history.hour_ms, known_ms))) if part.history else None
    last = recent.after(end_ms - HOUR_MS)
    pieces = [
        *([history] if history else []),
        summarize(recent.after(known_ms), part.metric.unit),
        summarize(replace(last, time_ms=last.time_ms + -end_ms % HOUR_MS), part.metric.unit),
    ]
    end_hour = (end_ms - 1) // HOUR_MS
    hours = np.concatenate([each.hour_ms // HOUR_MS for each in pieces])
    if not len(hours):
        return np.empty(0)
    by_hour = np.full(end_hour - int(hours.min()) + 1, np.nan)
    by_hour[hours - int(hours.min())] = np.concatenate([amounts(each) for each in pieces])
    return by_hour
