"""The date on which a resource reaches a limit, from the trend of its medians. Pure.

`full_date` is the one answer to "when will it be full": the finding of a report and the capacity review name its date.
It goes by the hours of the 28 days before the end of the interval, so reports of any length that end at one instant
agree. Without hour summaries it goes by the interval and the one before it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

import numpy as np

from pycemaker.analysis.trend import Trend, trend
from pycemaker.series.batches import UNKNOWN_CRITICITY, Columns, join_columns
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, hour_medians
from pycemaker.series.period import HISTORY_DAYS, MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.window import from_epoch_ms, to_epoch_ms

DAY_MS = 86_400_000

FEWEST_DAYS = 8
"""The fewest daily medians that a trend is taken through: with fewer, the test for one has no power."""

FEWEST_HOURS = 24
STEADY_TAU = 0.9
"""The least Kendall's tau of hourly medians that climb: a daily rhythm or a noisy day does not reach it.

Of random walks of 24 to 120 hours, 0.4% get there.
"""

SIGNIFICANCE = 0.05
_FARTHEST_DAYS = 3650  # a later end of an interval is as good as never
_BLOCK_SHARE = 0.5  # of the fullest day's samples, below which a day is left out
_STEEPER = 3.0  # times the days' slope: a busy day of a steady rise is less
_NEW_SHARE = 0.5  # of the last day's rise, by which it ends above all hours before: a daily sawtooth does not


@dataclass(frozen=True)
class Medians:
    """The median of each block of time, oldest first, blocks with few samples left out.

    Attributes:
        time_ms: each block's middle, milliseconds since 1970 in UTC (float64).
        reading: its median.
        block_ms: the length of a block.
    """

    time_ms: Floats
    reading: Floats
    block_ms: int

    def __len__(self) -> int:
        return len(self.time_ms)


class Verdict(Enum):
    """The outcome of looking for a date."""

    TOO_SHORT = "too short a history"
    NO_TREND = "no trend"
    FALLING = "falling"
    FULL = "at the limit already"
    LATER = "not within the horizon"
    DATED = "on a day"


@dataclass(frozen=True)
class FullDate:
    """The date on which a resource reaches a limit, if it goes on as before.

    Attributes:
        verdict: the outcome; the times are None in all but `DATED`.
        medians: the medians it was computed from: of days, or of hours where there are too few days or the last day
            climbs.
        days: the number of days there were to compute from.
        trend: through the medians, x in days since 1970; None with too few of them.
        at_utc: when the line reaches the limit.
        early_utc: when it does with the upper end of the slope's 95% interval.
        late_utc: when it does with the lower end; None where that never does.
        full_utc: when the line reaches the metric's own limit; None where that is no later one, or further away than
            the horizon.
    """

    verdict: Verdict
    medians: Medians
    days: int
    trend: Trend | None = None
    at_utc: datetime | None = None
    early_utc: datetime | None = None
    late_utc: datetime | None = None
    full_utc: datetime | None = None

    @property
    def is_hourly(self) -> bool:
        """True if it goes by medians of hours."""
        return self.medians.block_ms < DAY_MS

    @property
    def is_preliminary(self) -> bool:
        """True if it goes by hours because there are too few days."""
        return self.is_hourly and self.days < FEWEST_DAYS


def full_date(part: MetricPeriod, limit: float, horizon_days: int) -> FullDate:
    """The date on which the metric reaches the limit, from the trend of its daily medians, or of its hourly ones.

    Hours count where days are few, and where days rise and the last 24 hours climb much faster, to a new high. No date
    is named without a significant rise (`SIGNIFICANCE`, and `STEADY_TAU` for hours), nor one beyond the horizon.
    """
    end_ms = to_epoch_ms(part.window.end_utc)
    samples = (part.previous, part.current)
    history = join_columns(samples) if part.history is None else _hour_medians(part, part.history)
    daily = medians(history, end_ms, DAY_MS)
    days = len(daily)
    if days >= FEWEST_DAYS:
        line = trend(daily.time_ms / DAY_MS, daily.reading)
        is_trend = line is not None and line.p < SIGNIFICANCE
        climb = _climb(history, end_ms, line) if is_trend and line and part.history is not None else None
        points, line = climb or (daily, line)
        return _dated(FullDate(Verdict.NO_TREND, points, days, line), part, is_trend, limit, horizon_days)
    hourly = medians(history, end_ms, HOUR_MS)
    line = trend(hourly.time_ms / DAY_MS, hourly.reading) if len(hourly) >= FEWEST_HOURS else None
    is_trend = line is not None and abs(line.tau) >= STEADY_TAU
    return _dated(FullDate(Verdict.TOO_SHORT, hourly, days, line), part, is_trend, limit, horizon_days)


def medians(columns: Columns, end_ms: int, block_ms: int) -> Medians:
    """The median of each block, counted back from `end_ms`. A whole day's block is free of the daily rhythm.

    A block with less than half the readings of the fullest one is left out, the oldest, cut off one included.
    """
    kept = np.isfinite(columns.reading)
    reading, back = columns.reading[kept], (end_ms - columns.time_ms[kept]) // block_ms
    blocks, counts = np.unique(back, return_counts=True)
    full = blocks[counts >= _BLOCK_SHARE * counts.max()][::-1] if len(blocks) else blocks
    values = [float(np.median(reading[back == block])) for block in full]
    middles_ms = np.asarray(end_ms - (full + 0.5) * block_ms, np.float64)
    return Medians(middles_ms, np.array(values, np.float64), block_ms)


def _hour_medians(part: MetricPeriod, history: HourSummaries) -> Columns:
    """The medians of the hours that end within HISTORY_DAYS before the interval's end, each at its middle."""
    start_ms, end_ms = to_epoch_ms(part.window.start_utc), to_epoch_ms(part.window.end_utc)
    known = start_ms // HOUR_MS * HOUR_MS  # the hour that the interval starts in is in no summary of what was before
    recent = join_columns(each.after(known) for each in (part.previous, part.current))
    own_ms, own = hour_medians(recent, part.metric.unit)
    hour_ms = np.concatenate([history.hour_ms, own_ms])
    reading = np.concatenate([history.block_median, own])
    kept = (hour_ms + HOUR_MS > end_ms - HISTORY_DAYS * DAY_MS) & np.append(history.hour_ms < known, own_ms >= known)
    criticity = np.zeros(int(kept.sum()), np.int16)
    return Columns(hour_ms[kept] + HOUR_MS // 2, reading[kept], criticity, (UNKNOWN_CRITICITY,))


def _climb(hours: Columns, end_ms: int, usual: Trend) -> tuple[Medians, Trend] | None:
    """The hours of the last day and their trend, where they climb much faster than usual to a new high; else None."""
    if usual.slope <= 0:
        return None
    finite = np.isfinite(hours.reading)
    time_ms, reading = hours.time_ms[finite].astype(np.float64), hours.reading[finite]
    own = time_ms > end_ms - FEWEST_HOURS * HOUR_MS - HOUR_MS / 2
    line = trend(time_ms[own] / DAY_MS, reading[own]) if own.sum() >= FEWEST_HOURS and not own.all() else None
    if line is None or line.tau < STEADY_TAU or line.slope < _STEEPER * usual.slope:
        return None
    rise, beyond = reading[-1] - reading[own][0], reading[-1] - reading[~own].max()
    return (Medians(time_ms[own], reading[own], HOUR_MS), line) if beyond >= _NEW_SHARE * rise else None


def _dated(estimate: FullDate, part: MetricPeriod, is_trend: bool, limit: float, horizon_days: int) -> FullDate:
    """The estimate with its verdict and its dates; as it is where there is no trend to go by."""
    line, latest = estimate.trend, estimate.medians.reading[-1] if len(estimate.medians) else 0.0
    if latest >= limit:
        return replace(estimate, verdict=Verdict.FULL)
    if not is_trend or line is None:
        return estimate
    if line.slope <= 0:
        return replace(estimate, verdict=Verdict.FALLING)
    end_ms = to_epoch_ms(part.window.end_utc)
    level = line.at(end_ms / DAY_MS)
    ahead = [(limit - level) / slope if slope > 0 else np.inf for slope in (line.slope, line.high, line.low)]
    if ahead[0] > horizon_days:
        return replace(estimate, verdict=Verdict.LATER)
    at, early, late = (_instant(end_ms, max(0.0, days)) if days < _FARTHEST_DAYS else None for days in ahead)
    own = part.metric.limit
    full = (own - level) / line.slope if own is not None and own > limit else np.inf
    full_utc = _instant(end_ms, full) if full <= horizon_days else None
    return replace(estimate, verdict=Verdict.DATED, at_utc=at, early_utc=early, late_utc=late, full_utc=full_utc)


def _instant(end_ms: int, days: float) -> datetime:
    return from_epoch_ms(round(end_ms + days * DAY_MS))
