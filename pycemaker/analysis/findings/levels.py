"""A metric whose level over hours is not what it was in the days before. Pure.

The level is the median of six hours, of the whole interval where it is shorter. As for stretches, it is compared with
what it reached at any hour, and its distance from the same hours of the days before with how far the days themselves
were from that; so neither a rhythm nor a slightly different day counts. It is a finding as long as the worst day
that is left out may still be the move itself: for a day or two, then it is the new normal. A fall, and what is new at
its hours alone, may be the first weekend or working day that is seen: they need a week to compare with. With hardly any
day a level must have moved at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.findings.extremes import LEAST_DAYS, doubled_at_first, floor, limit
from pycemaker.analysis.findings.time_blocks import DAY_HOURS, HOUR_BLOCKS, WEEK_DAYS, Series, rolling_medians, scaled
from pycemaker.series.robust import Floats, median

_LEVEL_HOURS = 6
_FLOORS = {1: 1.25, -1: 1.75}
_FLOORS_WITHOUT_DAYS = 3.0
_WEEKS, _WEEK_HOURS = 3, WEEK_DAYS * DAY_HOURS
_LASTING_SHARE = 0.6
_STEP_BLOCKS = 6
_STEP_SHARE = 0.6


@dataclass(frozen=True)
class Shift:
    """A level that moved.

    Attributes:
        level: the median since it moved, in the metric's unit.
        normal: what it was in what it is compared with.
        previous: the previous interval's median.
        days: how many earlier days it is compared with: whole intervals of them where these are longer than a day; 0
            where it is compared with the previous interval.
        since_ms: when it moved, where that was at once; else None.
    """

    level: float
    normal: float
    previous: float
    days: int
    since_ms: int | None


def find_shift(series: Series) -> Shift | None:
    """The shift of one metric's level that lasts to the end of the interval, or for most of it; else None."""
    for way in (1, -1):
        moved = np.flatnonzero(_moved(series, way))
        if not len(moved):
            continue
        width, count = _width(series), len(series.hours)
        first, last = int(moved[0]), int(moved[-1]) + width
        if last == count or last - first >= _LASTING_SHARE * count:
            return _shift(series, first, last, way)
    return None


def _shift(series: Series, first: int, last: int, way: int) -> Shift | None:
    days = len(series.days) * series.days_apart
    normal = median(series.days) if days else median(series.previous)
    since = step(series, way)
    if since is None and series.known_days < LEAST_DAYS:
        return None
    since_ms = None if since is None else series.block_start_ms(since)
    level = median(series.current[max(first * HOUR_BLOCKS, (since or 0) - series.now) : last * HOUR_BLOCKS])
    reached, usual = way * scaled(np.array([level, normal]), series.unit)
    if not reached - usual >= floor(np.array([usual]), series.unit)[0]:
        return None
    return Shift(level, normal, median(series.previous), days, since_ms)


def _width(series: Series) -> int:
    return min(_LEVEL_HOURS, len(series.hours))


def _moved(series: Series, way: int) -> NDArray[np.bool_]:
    """For each run of hours in the interval whether its level is beyond what the days before know."""
    width = _width(series)
    own = way * rolling_medians(scaled(series.hours, series.unit), width)
    past = way * rolling_medians(scaled(series.middles, series.unit), width)
    known = series.known_days
    if not np.isfinite(past).any() or (way < 0 and LEAST_DAYS <= known < WEEK_DAYS):
        return np.zeros(len(own), np.bool_)
    floors = doubled_at_first(_FLOORS[way], known, way) if known >= LEAST_DAYS else _FLOORS_WITHOUT_DAYS
    with np.errstate(invalid="ignore"):
        moved = own > limit(past, floors, series.unit)
        if known >= WEEK_DAYS:
            moved |= _from_same_hours(series, way, floors)
        return np.asarray(moved & ~(own <= _weeks_ago(past, width, len(own), series.unit)), np.bool_)


def _from_same_hours(series: Series, way: int, floors: float) -> NDArray[np.bool_]:
    usual = way * scaled(series.usual_day, series.unit)
    steps = floor(usual, series.unit)
    middles = way * scaled(series.middles[len(series.middles) % DAY_HOURS :], series.unit)
    hours = way * scaled(series.hours, series.unit)
    past, own = (
        rolling_medians((each - np.resize(usual, len(each))) / np.resize(steps, len(each)), _width(series))
        for each in (middles, hours)
    )
    return np.asarray(own > limit(past, floors, "floors"), np.bool_)


def _weeks_ago(past: Floats, width: int, count: int, unit: str) -> Floats:
    """The highest level of the same hours one, two and three weeks ago, and half a floor more."""
    hours_before = len(past) + np.arange(count)[:, None] + width - 1 - np.arange(1, _WEEKS + 1) * _WEEK_HOURS
    exists = (hours_before >= 0) & (hours_before < len(past))
    padded = np.append(np.where(np.isfinite(past), past, -np.inf), -np.inf)
    reached = padded[np.where(exists, hours_before, -1)].max(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(reached), reached + floor(reached, unit) / 2, -np.inf)


def step(series: Series, way: int) -> int | None:
    """The block at which the current interval's level moved at once, up (1) or down (-1); None where it crept.

    It moved at once where the medians of the half hours before and after differ by most of the whole difference.
    """
    amounts = scaled(series.amounts, series.unit)
    whole = way * (median(amounts[series.now :]) - median(amounts[: series.now]))
    first = max(_STEP_BLOCKS, series.now - _STEP_BLOCKS)
    blocks = range(first, len(amounts) - _STEP_BLOCKS + 1)
    jumps = np.array([way * _jump(amounts, block) for block in blocks])
    if not len(jumps) or not np.isfinite(jumps).any():
        return None
    best = int(np.nanargmax(jumps))
    if jumps[best] < _STEP_SHARE * abs(whole) or whole <= 0:
        return None
    near = [block for block in blocks if abs(block - blocks[best]) < _STEP_BLOCKS]
    return max(near, key=lambda block: _contrast(amounts, block, way))


def _jump(amounts: Floats, block: int) -> float:
    return median(amounts[block : block + _STEP_BLOCKS]) - median(amounts[block - _STEP_BLOCKS : block])


def _contrast(amounts: Floats, block: int, way: int) -> float:
    """The difference of the means on both sides: unlike that of the medians it is largest at one place alone."""
    sides = amounts[block - _STEP_BLOCKS : block], amounts[block : block + _STEP_BLOCKS]
    before, after = (side[np.isfinite(side)] for side in sides)
    return way * float(after.sum() / max(1, len(after)) - before.sum() / max(1, len(before)))
