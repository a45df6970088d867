"""A metric's two intervals as blocks of five minutes, and the weeks before them as hours. Pure.

Samples seconds apart hang together; blocks of minutes do so less, one spike moves no block's median, and a block means
the same at every cadence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pycemaker.series.hour_summaries import BLOCK_MS, HOUR_MS, HourSummaries, summarize
from pycemaker.series.robust import Floats, block_means, block_medians, row_medians
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.series.batches import Columns
    from pycemaker.series.period import MetricPeriod

LARGEST = 1e15
"""Readings beyond this count as this: no unit of ours comes near, and squares of it stay finite."""

HOUR_BLOCKS = HOUR_MS // BLOCK_MS
DAY_HOURS, WEEK_DAYS = 24, 7


@dataclass(frozen=True)
class Series:
    """One metric in blocks, and its history in hours.

    Attributes:
        part: where it comes from.
        amounts: each block's median reading, its mean for counts, from the start of the previous interval on; NaN where
            it has no reading.
        now: the first block of the current interval.
        lows, middles, highs: the least, the middle and the greatest block of each hour before the interval, as
            `amounts`; oldest first, the last one ends within the hour before the interval's start. Where no history was
            read they are the previous interval's.
        peaks: the greatest reading of each of those hours.
        critical: how much of each of those hours the collectors called critical, 0 to 1.
    """

    part: MetricPeriod
    amounts: Floats
    now: int
    lows: Floats
    middles: Floats
    highs: Floats
    peaks: Floats
    critical: Floats

    @property
    def unit(self) -> str:
        """The metric's."""
        return self.part.metric.unit

    @property
    def start_ms(self) -> int:
        """The start of the first block, milliseconds since 1970 in UTC."""
        return to_epoch_ms(self.part.window.start_utc) - self.now * BLOCK_MS

    @property
    def current(self) -> Floats:
        """The current interval's blocks."""
        return self.amounts[self.now :]

    @property
    def previous(self) -> Floats:
        """The previous interval's blocks."""
        return self.amounts[: self.now]

    @cached_property
    def hours(self) -> Floats:
        """The middle block of each hour of the current interval."""
        return row_medians(self.current.reshape(-1, HOUR_BLOCKS))

    @property
    def known_days(self) -> float:
        """The number of days of hours with readings before the interval."""
        return float(np.isfinite(self.middles).sum() / DAY_HOURS)

    @property
    def days_apart(self) -> int:
        """The number of days from one row of `days` to the next."""
        return -(-len(self.hours) // DAY_HOURS)

    @cached_property
    def days(self) -> Floats:
        """The hours' middles in the same hours of earlier days, a row a day, nearest first.

        Whole intervals apart where these are longer than a day; seven rows at most, none without half of its hours.
        """
        length, step = len(self.hours), self.days_apart * DAY_HOURS
        starts = range(len(self.middles) - step, -1, -step)
        rows = [self.middles[start : start + length] for start in starts][:WEEK_DAYS]
        kept = [row for row in rows if np.isfinite(row).sum() >= len(row) / 2]
        return np.array(kept).reshape(-1, length)

    @cached_property
    def usual_day(self) -> Floats:
        """The median of the days' middles for each of 24 hours, from the hour on at which the interval starts."""
        whole = len(self.middles) // DAY_HOURS * DAY_HOURS
        return row_medians(self.middles[len(self.middles) - whole :].reshape(-1, DAY_HOURS).T)

    def block_start_ms(self, block: int) -> int:
        """The start of a block, milliseconds since 1970 in UTC."""
        return self.start_ms + block * BLOCK_MS


def series(part: MetricPeriod) -> Series:
    """The blocks and hours of one metric's period."""
    now = math.ceil(part.window.hours) * HOUR_BLOCKS  # an hour that is half in the interval has empty blocks
    start_ms = to_epoch_ms(part.window.start_utc) - now * BLOCK_MS
    halves = [_blocks(half, part.metric.unit, start_ms, 2 * now) for half in (part.previous, part.current)]
    history = part.history if part.history is not None and len(part.history) else None
    summaries = history or summarize(part.previous, part.metric.unit)
    lows, middles, highs, peaks, critical = (_grid(each, part, summaries) for each in _hours(summaries))
    amounts = np.concatenate([halves[0][:now], halves[1][now:]])
    return Series(part, amounts, now, lows, middles, highs, peaks, critical)


def scaled(amounts: Floats, unit: str) -> Floats:
    """The amounts where their noise does not grow with them: the logarithm of seconds, the root of counts and others.

    A negative amount, as of a temperature, has its root's negative. Ratios stay.

    M. S. Bartlett, "The use of transformations", Biometrics 3 (1947).
    """
    if unit == "seconds":
        return np.asarray(np.log(np.maximum(amounts, 1e-4)), np.float64)
    return amounts if unit == "ratio" else np.asarray(np.sign(amounts) * np.sqrt(np.abs(amounts)), np.float64)


def rolling_medians(hours: Floats, width: int) -> Floats:
    """For each `width` hours in a row their median; NaN where one of them is missing. Empty where there are fewer."""
    if len(hours) < width:
        return np.empty(0)
    return np.asarray(np.median(sliding_window_view(hours, width), axis=1), np.float64)


def _blocks(columns: Columns, unit: str, start_ms: int, count: int) -> Floats:
    block = (columns.time_ms - start_ms - 1) // BLOCK_MS
    kept = np.isfinite(columns.reading) & (block >= 0) & (block < count)
    readings = np.clip(columns.reading[kept], -LARGEST, LARGEST)
    middle = block_means if unit == "requests" else block_medians
    return middle(block[kept], readings, count, 1)


def _hours(summaries: HourSummaries) -> tuple[Floats, ...]:
    names = np.array([name == "critical" for name in summaries.criticity_names], np.bool_)
    critical = summaries.criticities[:, names].sum(axis=1) / np.maximum(summaries.count, 1)
    return summaries.block_minimum, summaries.block_median, summaries.block_maximum, summaries.maximum, critical


def _grid(amounts: Floats, part: MetricPeriod, summaries: HourSummaries) -> Floats:
    """The amounts of hours that may be missing as hours in a row, up to the hour in which the interval starts."""
    ends_ms = to_epoch_ms(part.window.start_utc) // HOUR_MS * HOUR_MS
    kept = summaries.hour_ms < ends_ms
    back = (ends_ms - summaries.hour_ms[kept]) // HOUR_MS
    grid = np.full(int(back.max(initial=0)), np.nan)
    grid[len(grid) - back] = np.clip(amounts[kept], -LARGEST, LARGEST)
    return grid
