"""The same hour of earlier days, as the measure of a reading. Pure."""

from dataclasses import dataclass

import numpy as np

from pycemaker.analysis.findings.time_blocks import DAY_HOURS
from pycemaker.analysis.forecast.hour_amounts import health_amounts
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.series.robust import Floats, median
from pycemaker.window import to_epoch_ms

_FEWEST_DAYS = 3


@dataclass(frozen=True)
class SameHours:
    """The hour of UTC of an instant on the days before it, four weeks at most.

    Attributes:
        usual: the median of the days' medians, in the metric's unit; requests are a second.
        furthest: the highest of the days' highest five minutes, or the lowest of the lowest.
        beyond: the number of days that were beyond the threshold for five minutes.
    """

    days: int
    usual: float
    furthest: float
    beyond: int


def same_hours(part: MetricPeriod, at_ms: int, threshold: float, *, is_above: bool) -> SameHours | None:
    """The same hours of a metric; None where fewer than three days are known.

    Args:
        threshold: in the metric's unit; of requests a second.
        is_above: True where what is above it counts as beyond it.
    """
    hours = part.history
    if hours is None:
        return None
    back = (at_ms - 1) // HOUR_MS - hours.hour_ms // HOUR_MS
    same = (back > 0) & (back % DAY_HOURS == 0)
    scale = np.where(hours.step_ms > 0, hours.step_ms / 1000, np.nan)[same] if part.metric.unit == "requests" else 1.0
    extremes = hours.block_maximum if is_above else hours.block_minimum
    return _compared(hours.block_median[same] / scale, extremes[same] / scale, threshold, is_above)


def same_hours_of_health(period: Period, at_ms: int, threshold: float) -> SameHours | None:
    """The same hours of the health, by the hours' scores; None as `same_hours`, or where the index lacks a metric."""
    try:
        scores = health_amounts({part.metric.id: part for part in period.metrics})
    except KeyError:
        return None
    ends = (to_epoch_ms(period.window.end_utc) - 1) // HOUR_MS - (at_ms - 1) // HOUR_MS
    days = scores[: len(scores) - 1 - ends][::-1][DAY_HOURS - 1 :: DAY_HOURS]
    return _compared(days, days, threshold, is_above=False)


def _compared(middles: Floats, extremes: Floats, threshold: float, is_above: bool) -> SameHours | None:
    middles, extremes = middles[np.isfinite(middles)], extremes[np.isfinite(extremes)]
    if len(middles) < _FEWEST_DAYS:
        return None
    beyond = int((extremes > threshold if is_above else extremes < threshold).sum())
    return SameHours(len(middles), median(middles), float(extremes.max() if is_above else extremes.min()), beyond)
