"""A stretch of the interval in which a metric was far from normal. Pure.

Normal is, with three earlier days or more, the same hours of those days; with fewer, the running median of some four
hours around. A block is far from it when a robust z (Hampel's identifier: distance in MADs, 1974) and a floor that
matters to people both say so. With few days a stretch must also begin or end abruptly, which a daily rhythm does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.findings.finding import Floor
from pycemaker.findings.series import LARGEST, Series, scaled
from pycemaker.period import EARLIER_SLICES
from pycemaker.robust import NORMAL_MAD, Floats, median, running_median, smoothed

_UP = {"ratio": Floor(1, 0.20), "seconds": Floor(2, 0.05), "requests": Floor(3, 0.5)}
_DOWN = Floor(4, 2)
_SMALLEST_NOISE = {"ratio": 0.01, "seconds": 0.05, "requests": 0.1}
_Z = 6.0
_WINDOW_BLOCKS = 49
_FEW_DAYS = 3
_JUMP_SHARE = 0.5
_JUMP_BLOCKS = 6
_WHOLE_SHARE = 0.6


@dataclass(frozen=True)
class Episode:
    """A stretch far from normal.

    Attributes:
        series: of which metric.
        start_ms: its first sample, milliseconds since 1970 in UTC.
        end_ms: its last one.
        amount: the median reading in it, the mean for counts.
        normal: what it would have been.
        critical_share: how many of its samples the collectors called critical, 0 to 1.
        repeats: on how many of the earlier days the same hours had it too.
        is_whole: whether it is most of the interval, and so its level.
    """

    series: Series
    start_ms: int
    end_ms: int
    amount: float
    normal: float
    critical_share: float
    repeats: int
    is_whole: bool

    @property
    def fold(self) -> float:
        """How many times normal, or normal how many times it; ratios in steps of 10 points. For ranking alone."""
        if self.series.unit == "ratio":
            return abs(self.amount - self.normal) * 10
        low, high = sorted((max(self.amount, 1e-9), max(self.normal, 1e-9)))
        return min(high / low, 20)


def find_episode(series: Series) -> Episode | None:
    """The farthest stretch from normal of one metric's current interval; None where all is near it."""
    normal = _normal(series)
    noise = _noise(series, normal)
    found = []
    for way, floor in ((1, _UP.get(series.unit, _UP["requests"])), (-1, _DOWN)):
        if way < 0 and series.unit != "requests":
            continue
        far = _far(series, normal, noise, way, floor)
        found += [_told(series, run, normal, way) for run in _runs(series, far, normal, floor, way)]
    return max(found, key=lambda episode: episode.fold * (1 + episode.critical_share), default=None)


def _normal(series: Series) -> Floats:
    """Each current block's normal reading."""
    if len(series.days) < _FEW_DAYS:
        return running_median(series.amounts, _WINDOW_BLOCKS)[series.now :]
    place = np.arange(len(series.current)) * EARLIER_SLICES // len(series.current)
    return _filled(series.normal_slots)[place]


def _filled(slots: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(slots))
    return np.asarray(np.interp(np.arange(len(slots)), known, slots[known]), np.float64)


def _noise(series: Series, normal: Floats) -> float:
    residual = scaled(series.current, series.unit) - scaled(normal, series.unit)
    if len(series.days) >= _FEW_DAYS:
        days = scaled(series.days, series.unit) - scaled(series.normal_slots, series.unit)
        residual = np.concatenate([residual, days.ravel()])
    measured = NORMAL_MAD * median(np.abs(residual))
    return float(np.nanmax([measured, _SMALLEST_NOISE.get(series.unit, 0.1)]))


def _far(series: Series, normal: Floats, noise: float, way: int, floor: Floor) -> NDArray[np.bool_]:
    amounts = series.current
    with np.errstate(invalid="ignore"):
        excess = way * (scaled(amounts, series.unit) - scaled(normal, series.unit))
        far = excess > _Z * noise
    pairs = zip(far, amounts, normal, strict=True)
    return np.array([bool(is_far and floor.parts(amount, usual)) for is_far, amount, usual in pairs])


def _runs(series: Series, far: NDArray[np.bool_], normal: Floats, floor: Floor, way: int) -> list[tuple[int, int]]:
    """First and last block of each stretch: two blocks or more, or one that is twice as far as it need be."""
    places = np.flatnonzero(far)
    groups = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1) if len(places) else []
    twice = Floor(floor.factor**2, floor.least * 2)
    runs = []
    for group in groups:
        first, last = int(group[0]), int(group[-1])
        strong = twice.parts(series.current[first], normal[first])
        if (len(group) > 1 or strong) and (len(series.days) >= _FEW_DAYS or _is_abrupt(series, first, last, way)):
            runs.append((first, last))
    return runs


def _is_abrupt(series: Series, first: int, last: int, way: int) -> bool:
    """Whether the blocks just before, or just after, were far from what it is within."""
    amounts, at = scaled(series.amounts, series.unit), series.now + first
    end = series.now + last + 1
    inside = median(amounts[at:end])
    around = median(running_median(amounts, _WINDOW_BLOCKS)[at:end])
    wanted = _JUMP_SHARE * way * (inside - around)
    before, after = amounts[max(0, at - _JUMP_BLOCKS) : at], amounts[end : end + _JUMP_BLOCKS]
    return any(way * (inside - median(side)) >= wanted for side in (before, after))


def _told(series: Series, run: tuple[int, int], normal: Floats, way: int) -> Episode:
    first, last = run
    usual = median(normal[first : last + 1])
    middle = (usual + median(series.current[first : last + 1])) / 2
    kept = _samples(series, first, last, middle, way)
    part = series.part.current
    readings = np.clip(part.reading[kept], -LARGEST, LARGEST)
    amount = float(np.nanmean(readings)) if series.unit == "requests" else median(readings)
    names = np.array([name == "critical" for name in part.criticity_names])
    present = np.isfinite(series.current).sum()
    return Episode(
        series=series,
        start_ms=int(part.time_ms[kept[0]]),
        end_ms=int(part.time_ms[kept[-1]]),
        amount=amount,
        normal=usual,
        critical_share=float(names[part.criticity[kept]].mean()),
        repeats=_repeats(series, first, last, middle, way),
        is_whole=(last - first + 1) >= _WHOLE_SHARE * present,
    )


def _samples(series: Series, first: int, last: int, middle: float, way: int) -> NDArray[np.intp]:
    """The samples of the stretch: from the first to the last one whose neighbourhood is beyond the middle."""
    part = series.part.current
    ends = [series.block_start_ms(series.now + first - 1), series.block_start_ms(series.now + last + 2)]
    low, high = np.searchsorted(part.time_ms, ends, side="right")
    near = np.arange(low, high)
    near = near[np.isfinite(part.reading[near])]
    beyond = np.flatnonzero(way * (smoothed(part.reading[near], 7) - middle) > 0)
    return near[beyond[0] : beyond[-1] + 1] if len(beyond) else near


def _repeats(series: Series, first: int, last: int, middle: float, way: int) -> int:
    """On how many earlier days a slot of the stretch, or one beside it, was beyond the middle."""
    blocks = len(series.current)
    low, high = first * EARLIER_SLICES // blocks, (last + 1) * EARLIER_SLICES // blocks
    near = series.days[:, max(0, low - 1) : high + 2]
    with np.errstate(invalid="ignore"):
        return int((way * (near - middle) > 0).any(axis=1).sum()) if near.size else 0
