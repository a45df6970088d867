"""The capacity review of a resource: its headroom, its busy hours, and the date on which it is full. Pure.

A resource is a metric whose unit is `ratio`. The date is `full_date.full_date`'s.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker.analysis.full_date import FullDate, full_date
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.series.robust import Floats
from pycemaker.window import from_epoch_ms


@dataclass(frozen=True)
class Headroom:
    """The distance of a resource from its limit; shares of its whole, 0 to 1.

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
class Resource:
    """One resource, reviewed.

    Attributes:
        horizon_days: how far ahead a date is looked for.
        headroom: None without a reading in the interval.
        week: its p95 of each hour of the week, 7 days from Monday by 24 hours of the readers' clock; NaN where there is
            no reading.
        full_date: when it would be full.
    """

    part: MetricPeriod
    limit: float
    horizon_days: int
    headroom: Headroom | None
    week: Floats
    full_date: FullDate


FULL = 0.9  # The share from which a resource counts as full, unless a caller says another


def review(period: Period, limit: float = FULL, horizon_days: int = 90) -> tuple[Resource, ...]:
    """Every resource of a period, in the registry's order."""
    return tuple(
        Resource(
            part,
            limit,
            horizon_days,
            headroom(part.current.reading, limit),
            hours_of_week(part.current, part.zone),
            full_date(part, limit, horizon_days),
        )
        for part in period.metrics
        if part.metric.unit == "ratio"
    )


def headroom(readings: Floats, limit: float) -> Headroom | None:
    """The headroom of readings below the limit; None where none is finite."""
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
    """The hour of the week, 0 to 167 from Monday 00:00 in `zone`, in which an hour of UTC begins."""
    local = from_epoch_ms(int(epoch_hour) * HOUR_MS).astimezone(zone)
    return local.weekday() * 24 + local.hour
