"""A metric whose level over the whole interval is not what it was. Pure.

The level is a median over blocks. With three earlier days or more, the days themselves say how far the level moves from
one to the next (a robust z of this interval among them, slot by slot, so that neither the rhythm of the day nor a gap
counts); with fewer, the difference must be larger and, since a rhythm cannot be told from a change then, abrupt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pycemaker.findings.finding import Floor
from pycemaker.findings.series import Series, scaled
from pycemaker.robust import Floats, median, spread

_FLOORS = {  # with three earlier days or more; with one or two; with none
    "ratio": (Floor(1, 0.10), Floor(1, 0.15), Floor(1, 0.25)),
    "seconds": (Floor(1.4, 0.02), Floor(1.8, 0.02), Floor(2.5, 0.02)),
    "requests": (Floor(1.5, 0.5), Floor(2, 0.5), Floor(4, 0.5)),
}
_MANY_DAYS, _FEW_DAYS = 5, 3
_Z_MANY, _Z_FEW = 4.0, 6.0
_OUTSIDE = 1.5
_STEP_BLOCKS = 6
_STEP_SHARE = 0.6


@dataclass(frozen=True)
class Shift:
    """A level that moved.

    Attributes:
        level: this interval's median, in the metric's unit.
        normal: what it was in what it is compared with.
        previous: the previous interval's median.
        days: how many earlier days it is compared with.
        since_ms: when it moved, where that was at once; else None.
    """

    level: float
    normal: float
    previous: float
    days: int
    since_ms: int | None


def find_shift(series: Series) -> Shift | None:
    """The shift of one metric's level; None where there is none, or too little to tell."""
    days = len(series.days)
    if days >= _FEW_DAYS:
        return _against_days(series)
    references = [median(day) for day in series.days] + [median(series.previous)]
    level = median(series.current)
    normal = min(references, key=lambda reference: abs(level - reference))
    if not _floor(series, days).parts(level, normal) or len({level > reference for reference in references}) > 1:
        return None
    since = step(series, 1 if level > normal else -1)
    if since is None:
        return None
    return Shift(level, normal, references[-1], days, series.block_start_ms(since))


def _against_days(series: Series) -> Shift | None:
    unit, normal = series.unit, scaled(series.normal_slots, series.unit)
    here = scaled(series.slots, unit) - normal
    moved = median(here)
    usual = np.array([median(scaled(day, unit) - normal) for day in series.days])
    level = median(series.slots)
    before = median(series.normal_slots[np.isfinite(series.slots)])
    noise = float(np.hypot(spread(usual), spread(here) / 2))
    limit = (_Z_MANY if len(usual) >= _MANY_DAYS else _Z_FEW) * noise
    if not (abs(moved) > limit and abs(moved) > _OUTSIDE * float(np.abs(usual).max())):
        return None
    if not _floor(series, len(usual)).parts(level, before) or (level > before) != (moved > 0):
        return None
    since = step(series, 1 if moved > 0 else -1)
    return Shift(
        level, before, median(series.previous), len(usual), None if since is None else series.block_start_ms(since)
    )


def step(series: Series, way: int) -> int | None:
    """The block at which the current interval's level moved at once, up (1) or down (-1); None where it crept.

    It moved at once where the medians of the half hours before and after differ by most of the whole difference. Where
    blocks last a minute, six minutes stand for the half hour.
    """
    amounts = scaled(series.amounts, series.unit)
    whole = way * (median(amounts[series.now :]) - median(amounts[: series.now]))
    first = max(_STEP_BLOCKS, series.now - _STEP_BLOCKS)
    places = range(first, len(amounts) - _STEP_BLOCKS + 1)
    jumps = np.array([way * _jump(amounts, place) for place in places])
    if not len(jumps) or not np.isfinite(jumps).any():
        return None
    best = int(np.nanargmax(jumps))
    if jumps[best] < _STEP_SHARE * abs(whole) or whole <= 0:
        return None
    near = [place for place in places if abs(place - places[best]) < _STEP_BLOCKS]
    return max(near, key=lambda place: _contrast(amounts, place, way))


def _jump(amounts: Floats, place: int) -> float:
    return median(amounts[place : place + _STEP_BLOCKS]) - median(amounts[place - _STEP_BLOCKS : place])


def _contrast(amounts: Floats, place: int, way: int) -> float:
    """The difference of the means on both sides: unlike that of the medians it is largest at one place alone."""
    sides = amounts[place - _STEP_BLOCKS : place], amounts[place : place + _STEP_BLOCKS]
    before, after = (side[np.isfinite(side)] for side in sides)
    return way * float(after.sum() / max(1, len(after)) - before.sum() / max(1, len(before)))


def _floor(series: Series, days: int) -> Floor:
    return _FLOORS.get(series.unit, _FLOORS["requests"])[0 if days >= _FEW_DAYS else 1 if days else 2]
