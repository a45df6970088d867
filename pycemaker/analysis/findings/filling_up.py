"""The detector of metrics that fill up, and the date on which they would be full. Pure.

`full_date.full_date` says when, so a report and the capacity review name one date. Where it names none within 60
days, a rise may be younger than what it goes by:

- with three earlier days or more the slope between the same hours of different days (Hirsch, Slack and Smith, 1982),
  which no daily rhythm moves; the days must rise one after another (Kendall's tau), and that must know no rise;
- else, or where that shows nothing, Theil and Sen's over the two intervals, whose blocks must rise almost without
  exception, and which the same hours of the days before must not contradict: a rhythm that rises each morning fills
  nothing.

A metric that rises where the days before already were, as memory does between restarts, does not fill up.
"""

from dataclasses import dataclass

import numpy as np

from pycemaker.analysis.findings.extremes import LEAST_DAYS, greatest, limit
from pycemaker.analysis.findings.time_blocks import Series
from pycemaker.analysis.full_date import DAY_MS, Verdict, full_date
from pycemaker.series.robust import Floats, block_medians, median, row_medians, seasonal_slope, slope, spread, tau

_FEW_DAYS = 3
_DAYS_TAU, _BLOCKS_TAU = 0.8, 0.9
_BINS = 24
_LEAST_RISE = 0.005
_CLEAR = 4.0
_FARTHEST_DAYS = 60
_AHEAD, _AHEAD_WITHOUT_DAYS = 20, 2


@dataclass(frozen=True)
class Filling:
    """A level that rises towards its limit.

    Attributes:
        level: now, in the metric's unit.
        days_left: until it would be at its limit; 0 where it is.
        seen_days: over how long the rise was seen.
    """

    level: float
    per_day: float
    days_left: float
    seen_days: float


def find_filling(series: Series) -> Filling | None:
    """The metric's way to its limit, where it has one and rises towards it; else None.

    None beyond 60 days, and beyond twenty times the time in which the rise was seen; without an earlier day, twice.
    """
    full = series.part.metric.limit
    if full is None:
        return None
    level = median(series.current[np.isfinite(series.current)][-6:])
    if np.isnan(level) or (series.known_days >= LEAST_DAYS and not level > greatest(series.highs)):
        return None
    hours = series.part.window.hours / 24
    history = series.part.history
    date = None if history is None else full_date(series.part, full, _FARTHEST_DAYS)
    if date is not None and date.at_utc is not None and date.trend is not None:
        days_left = (date.at_utc - series.part.window.end_utc).total_seconds() / 86400
        return Filling(level, date.trend.slope, days_left, len(date.medians) * date.medians.block_ms / DAY_MS)
    estimates = [(_over_blocks(series), 2 * hours)]
    if date is None or date.verdict is not Verdict.LATER:
        estimates.insert(0, (_over_days(series), len(series.days) * series.days_apart + hours))
    for per_day, seen_days in estimates:
        if per_day is None or not per_day > 0:
            continue
        left = max(0.0, (full - level) / per_day)
        ahead = _AHEAD if len(series.days) else _AHEAD_WITHOUT_DAYS
        if left <= min(_FARTHEST_DAYS, ahead * seen_days):
            return Filling(level, per_day, left, seen_days)
    return None


def _over_days(series: Series) -> float | None:
    if len(series.days) < _FEW_DAYS:
        return None
    rows = np.vstack([series.days[::-1], series.hours])
    back = np.arange(len(series.days), -1.0, -1.0) * series.days_apart
    levels = row_medians(rows - row_medians(series.days.T))
    per_day = seasonal_slope(np.repeat(-back[:, None], rows.shape[1], axis=1), rows)
    rise = per_day * back[0]
    rest = spread(levels + per_day * back)
    return per_day if tau(levels) >= _DAYS_TAU and rise >= _LEAST_RISE and rise > _CLEAR * rest else None


def _over_blocks(series: Series) -> float | None:
    times, bins = _binned(series)
    per_day = slope(times, bins)
    rise = per_day * 2 * series.part.window.hours / 24
    rest = spread(bins - per_day * times)
    known = limit(series.highs, 1, series.unit) if series.known_days >= LEAST_DAYS else -np.inf
    clear = bins[-1] > known and tau(bins) >= _BLOCKS_TAU and rise >= _LEAST_RISE and rise > _CLEAR * rest
    return per_day if clear and not _is_rhythm(series, per_day) else None


def _binned(series: Series) -> tuple[Floats, Floats]:
    """Both intervals in a few bins: their middles in days, their medians."""
    count = len(series.amounts)
    kept = np.isfinite(series.amounts)
    bin_index = np.arange(count) * _BINS // count
    bins = block_medians(bin_index[kept], series.amounts[kept], _BINS, 1)
    return (np.arange(_BINS) + 0.5) / _BINS * 2 * series.part.window.hours / 24, bins


def _is_rhythm(series: Series, per_day: float) -> bool:
    """True if the nearest earlier day rose as much in these hours, and yet today is no higher than it was."""
    if not len(series.days):
        return False
    day = series.days[0]
    own = slope(np.arange(len(day)) / 24, day)
    higher = median(series.hours - day)
    return bool(own > 0.3 * per_day and higher < 0.5 * per_day * series.days_apart)
