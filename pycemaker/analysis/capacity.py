"""How much room a resource has: its busy hours, its headroom, and when it would be full. Pure numbers over a period.

A resource is a metric whose unit is `ratio`. `forecast` is the one answer to when it is full, for reports of any length
that end at an instant: it goes by the hours of the 28 days before that instant. Without hour summaries it goes by the
interval and the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.trend import Trend, trend
from pycemaker.series.batches import UNKNOWN_CRITICITY, Columns, join_columns
from pycemaker.series.hour_summaries import HourSummaries, hour_medians
from pycemaker.series.period import HISTORY_DAYS
from pycemaker.window import from_epoch_ms, to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.series.period import MetricPeriod, Period

Floats = NDArray[np.float64]

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

FEWEST_DAYS = 8
"""A trend of days takes at least as many: with fewer, the test for one has no power."""

FEWEST_HOURS = 24
STEADY_TAU = 0.9
"""With fewer days, hours may tell too, but only where they climb almost without a break (Kendall's tau): a daily rhythm
or a noisy day then passes for no trend. Of random walks of 24 to 120 hours, 0.4% get there."""

SIGNIFICANCE = 0.05
_FARTHEST_DAYS = 3650  # a later end of an interval is as good as never
_BLOCK_SHARE = 0.5  # of the fullest day's samples, below which a day is left out


@dataclass(frozen=True)
class Headroom:
    """How near a resource comes to its limit; shares of its whole, 0 to 1.

    Attributes:
        p95: what it stays below for 95% of the samples (Hyndman & Fan 1996, type 7, as the other quantile).
        p99: likewise for 99%.
        highest: its highest reading.
        room: the limit less p95; below zero where it is over.
        share_over: the share of its samples at the limit or above.
    """

    p95: float
    p99: float
    highest: float
    room: float
    share_over: float


@dataclass(frozen=True)
class Medians:
    """The median of each block of time, oldest first, blocks with few samples left out.

    Attributes:
        time_ms: each block's middle, milliseconds since 1970 in UTC (float64).
        reading: its median.
        block_ms: how long a block is.
    """

    time_ms: Floats
    reading: Floats
    block_ms: int

    def __len__(self) -> int:
        return len(self.time_ms)


class Verdict(Enum):
    """What a forecast comes to."""

    TOO_SHORT = "too short a history"
    NO_TREND = "no trend"
    FALLING = "falling"
    FULL = "at the limit already"
    LATER = "not within the horizon"
    DATED = "on a day"


@dataclass(frozen=True)
class Forecast:
    """Whether and when a resource reaches a limit, if things go on as they did.

    Attributes:
        verdict: which of the cases it is; the times are None in all but `DATED`.
        medians: what it was computed from: of days, or of hours where there are too few days.
        days: how many days there were to compute from.
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
    def is_preliminary(self) -> bool:
        """Whether it rests on hours, for want of days."""
        return self.medians.block_ms < DAY_MS


@dataclass(frozen=True)
class Resource:
    """One resource, reviewed.

    Attributes:
        part: its period.
        limit: the share from which it counts as full.
        horizon_days: how far ahead the forecast looks.
        headroom: None without a reading in the interval.
        week: its p95 of each hour of the week, 7 days from Monday by 24 hours of the readers' clock; NaN where there is
            no reading.
        forecast: when it would be full.
    """

    part: MetricPeriod
    limit: float
    horizon_days: int
    headroom: Headroom | None
    week: Floats
    forecast: Forecast


def review(period: Period, limit: float = 0.9, horizon_days: int = 90) -> tuple[Resource, ...]:
    """Every resource of a period, in the registry's order.

    Args:
        period: the interval, and the one before it for the forecast.
        limit: the share from which a resource counts as full, 0 to 1.
        horizon_days: how far ahead the forecast looks.
    """
    return tuple(
        Resource(
            part,
            limit,
            horizon_days,
            headroom(part.current.reading, limit),
            hours_of_week(part.current, part.zone),
            forecast(part, limit, horizon_days),
        )
        for part in period.metrics
        if part.metric.unit == "ratio"
    )


def headroom(readings: Floats, limit: float) -> Headroom | None:
    """How near readings come to the limit; None where none is finite."""
    finite = readings[np.isfinite(readings)]
    if not len(finite):
        return None
    p95, p99 = (float(quantile) for quantile in np.quantile(finite, (0.95, 0.99)))
    return Headroom(p95, p99, float(finite.max()), limit - p95, float((finite >= limit).mean()))


def hours_of_week(columns: Columns, zone: ZoneInfo) -> Floats:
    """The p95 of each hour of the week: 7 days from Monday by 24 hours on the wall of `zone`; NaN without a reading.

    An hour that a clock change repeats counts as one, one that it skips has no reading.
    """
    week = np.full(7 * 24, np.nan)
    finite = np.isfinite(columns.reading)
    reading = columns.reading[finite]
    hours = columns.time_ms[finite] // HOUR_MS
    starts = np.flatnonzero(np.diff(hours, prepend=hours[:1] - 1))
    week_hours = np.repeat(
        [_hour_of_week(epoch_hour, zone) for epoch_hour in hours[starts]], np.diff(starts, append=len(hours))
    ).astype(int)
    for hour in np.unique(week_hours):
        week[hour] = np.quantile(reading[week_hours == hour], 0.95)
    return week.reshape(7, 24)


def _hour_of_week(epoch_hour: int, zone: ZoneInfo) -> int:
    """Which hour of the week an hour of UTC begins in."""
    local = from_epoch_ms(int(epoch_hour) * HOUR_MS).astimezone(zone)
    return local.weekday() * 24 + local.hour


def medians(columns: tuple[Columns, ...], end_ms: int, block_ms: int) -> Medians:
    """The median of each block, counted back from `end_ms`. A whole day's block is free of the daily rhythm.

    A block with less than half the readings of the fullest one is left out, the oldest, cut off one included.
    """
    time_ms = np.concatenate([part.time_ms for part in columns])
    reading = np.concatenate([part.reading for part in columns])
    kept = np.isfinite(reading)
    back = (end_ms - time_ms[kept]) // block_ms
    blocks, counts = np.unique(back, return_counts=True)
    full = blocks[counts >= _BLOCK_SHARE * counts.max()][::-1] if len(blocks) else blocks
    values = [float(np.median(reading[kept][back == block])) for block in full]
    return Medians(end_ms - (full + 0.5) * block_ms, np.array(values, np.float64), block_ms)


def forecast(part: MetricPeriod, limit: float, horizon_days: int) -> Forecast:
    """When the metric reaches the limit, from the trend of its daily medians; of its hourly ones where days are few.

    No day is named without a significant rise (see `SIGNIFICANCE`, and `STEADY_TAU` for hours), nor one beyond the
    horizon.
    """
    end_ms = to_epoch_ms(part.window.end_utc)
    history = (part.previous, part.current) if part.history is None else (_hour_medians(part, part.history),)
    daily = medians(history, end_ms, DAY_MS)
    days = len(daily)
    if days >= FEWEST_DAYS:
        line = trend(daily.time_ms / DAY_MS, daily.reading)
        is_trend = line is not None and line.p < SIGNIFICANCE
        found = _with_verdict(Forecast(Verdict.NO_TREND, daily, days, line), is_trend, limit, end_ms, horizon_days)
        return _with_full(found, part, limit, horizon_days)
    hourly = medians(history, end_ms, HOUR_MS)
    line = trend(hourly.time_ms / DAY_MS, hourly.reading) if len(hourly) >= FEWEST_HOURS else None
    is_trend = line is not None and abs(line.tau) >= STEADY_TAU
    found = _with_verdict(Forecast(Verdict.TOO_SHORT, hourly, days, line), is_trend, limit, end_ms, horizon_days)
    return _with_full(found, part, limit, horizon_days)


def _hour_medians(part: MetricPeriod, history: HourSummaries) -> Columns:
    """The medians of the hours that end within HISTORY_DAYS before the interval's end, each at its middle."""
    start_ms, end_ms = to_epoch_ms(part.window.start_utc), to_epoch_ms(part.window.end_utc)
    known = start_ms // HOUR_MS * HOUR_MS  # the hour that the interval starts in is in no summary of what was before
    recent = join_columns(
        [
            each.part(int(np.searchsorted(each.time_ms, known, "right")), len(each))
            for each in (part.previous, part.current)
        ]
    )
    own_ms, own = hour_medians(recent, part.metric.unit)
    hour_ms = np.concatenate([history.hour_ms, own_ms])
    reading = np.concatenate([history.block_median, own])
    kept = (hour_ms + HOUR_MS > end_ms - HISTORY_DAYS * DAY_MS) & np.append(history.hour_ms < known, own_ms >= known)
    criticity = np.zeros(int(kept.sum()), np.int16)
    return Columns(hour_ms[kept] + HOUR_MS // 2, reading[kept], criticity, (UNKNOWN_CRITICITY,))


def _with_full(found: Forecast, part: MetricPeriod, limit: float, horizon_days: int) -> Forecast:
    own = part.metric.limit
    if found.verdict is not Verdict.DATED or found.trend is None or own is None or own <= limit:
        return found
    end_ms = to_epoch_ms(part.window.end_utc)
    days = (own - found.trend.at(end_ms / DAY_MS)) / found.trend.slope
    return replace(found, full_utc=from_epoch_ms(round(end_ms + days * DAY_MS))) if days <= horizon_days else found


def _with_verdict(found: Forecast, is_trend: bool, limit: float, end_ms: int, horizon_days: int) -> Forecast:
    """The forecast with its verdict; as it was handed in where there is no trend to go by."""
    latest = found.medians.reading[-1] if len(found.medians) else 0.0
    if latest >= limit:
        return _without_date(found, Verdict.FULL)
    if not is_trend or found.trend is None:
        return found
    if found.trend.slope <= 0:
        return _without_date(found, Verdict.FALLING)
    now = end_ms / DAY_MS
    level = found.trend.at(now)
    ahead = [(limit - level) / slope if slope > 0 else np.inf for slope in _slopes(found.trend)]
    if ahead[0] > horizon_days:
        return _without_date(found, Verdict.LATER)
    at, early, late = (
        from_epoch_ms(round(end_ms + max(0.0, days) * DAY_MS)) if days < _FARTHEST_DAYS else None for days in ahead
    )
    return Forecast(Verdict.DATED, found.medians, found.days, found.trend, at, early, late)


def _slopes(line: Trend) -> tuple[float, float, float]:
    return line.slope, line.high, line.low


def _without_date(found: Forecast, verdict: Verdict) -> Forecast:
    return Forecast(verdict, found.medians, found.days, found.trend)
