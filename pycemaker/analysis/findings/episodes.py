"""A stretch of the interval in which a metric was further from normal than the days before know. Pure.

Two things are looked at: the blocks as they are, against what was reached at any hour; and their distance from the
same hours of the days before, against how far the days themselves were from that: twice as far, since other hours know
it. A stretch needs neighbours that agree or a block twice as far, and is known where the same hours of a week ago had
it. The amount that is reported is itself far from normal. With hardly any day to compare with it must begin or end
abruptly, which a daily rhythm does not.

A stretch that is critical at one hour of each day alone is a finding each day, which says so. It is short and
abrupt, beyond what the other hours of the days reached, and was there on two of the last seven days at least, or on
the only one that is known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.findings.extremes import LEAST_DAYS, doubled_at_first, floor, limit, outlying
from pycemaker.analysis.findings.time_blocks import DAY_HOURS, HOUR_BLOCKS, LARGEST, WEEK_DAYS, Series, scaled
from pycemaker.series.hour_summaries import BLOCK_MS
from pycemaker.series.robust import Floats, median, running_median, smoothed

Flags = NDArray[np.bool_]

_FLOORS = {1: 1.25, -1: 2.5}
_SAME_HOURS_FLOORS, _FLOORS_WITHOUT_DAYS = 2.5, 2.5
_STRONG, _REPORTED_FLOORS, _FEW_DAYS = 2.0, 1.5, 3
_WEEKS, _WEEK_HOURS, _AROUND_HOURS = 3, WEEK_DAYS * DAY_HOURS, 2
_WINDOW_BLOCKS, _JUMP_SHARE, _JUMP_BLOCKS = 49, 0.5, 6
_WHOLE_SHARE, _LEVEL_HOURS = 0.6, 6
_DAILY_HOURS, _DAILY_AROUND_HOURS, _DAILY_REPEATS, _CRITICAL_SHARE = 3, 1, 2, 0.5


@dataclass(frozen=True)
class Episode:
    """A stretch far from normal.

    Attributes:
        start_ms: its first sample, milliseconds since 1970 in UTC.
        amount: the median reading in it, the mean for counts.
        normal: what it would have been.
        critical_share: how many of its samples the collectors called critical, 0 to 1.
        repeats: on how many of the `days` before it the same hours had it too.
        days: of how many days before it, seven at most, the same hours are known.
        is_strong: whether it is twice as far as it need be.
        is_level: whether it is most of the interval, or six hours and more up to its end, and so a level.
    """

    series: Series
    start_ms: int
    end_ms: int
    amount: float
    normal: float
    critical_share: float
    repeats: int
    days: int
    is_strong: bool
    is_level: bool

    @property
    def fold(self) -> float:
        """The multiple of normal, or of it that normal is; for ratios steps of 10 points. For ranking alone."""
        if self.series.unit == "ratio":
            return abs(self.amount - self.normal) * 10
        low, high = sorted((max(self.amount, 1e-9), max(self.normal, 1e-9)))
        return min(high / low, 20)


def find_episode(series: Series) -> Episode | None:
    """The farthest stretch from normal of one metric's current interval; None where all is near it.

    Of stretches that come at the same hour of several days the last is taken.
    """
    around = running_median(series.amounts, _WINDOW_BLOCKS)[series.now :]
    normal = _normal(series, around)
    episodes = []
    for way in (1, -1) if series.part.metric.falls else (1,):
        runs = _runs(series, way)
        daily = [run for run in _daily_runs(series, way) if not any(_touch(run, other) for other in runs)]
        episodes += [each for run in runs if _is_far(each := _episode(series, run, normal, way), way)]
        repeated = [_episode(series, run, around, way) for run in daily]
        episodes += [each for each in repeated if each.repeats >= min(_DAILY_REPEATS, each.days)]
    farthest = max(episodes, key=lambda episode: episode.fold * (1 + episode.critical_share), default=None)
    if farthest is None:
        return None
    alike = [episode for episode in episodes if _is_same_hour(episode, farthest) and episode.fold >= farthest.fold / 2]
    return max(alike, key=lambda episode: episode.start_ms)


def _is_far(episode: Episode, way: int) -> bool:
    """True if the amount that is reported is far from normal, however far single blocks of the stretch were."""
    amounts = way * scaled(np.array([episode.amount, episode.normal]), episode.series.unit)
    return bool(amounts[0] - amounts[1] >= _REPORTED_FLOORS * floor(amounts[1:], episode.series.unit)[0])


def _is_same_hour(first: Episode, second: Episode) -> bool:
    apart = (first.start_ms - second.start_ms) / 3_600_000
    return abs(apart - round(apart / DAY_HOURS) * DAY_HOURS) <= 1 and (first.amount > first.normal) == (
        second.amount > second.normal
    )


def _normal(series: Series, around: Floats) -> Floats:
    """Each current block's normal reading: that of the same hours, what is around it where these are not known."""
    if series.known_days < _FEW_DAYS:
        return around
    usual = np.repeat(np.resize(series.usual_day, len(series.hours)), HOUR_BLOCKS)
    return np.where(np.isfinite(usual), usual, around)


def _runs(series: Series, way: int) -> list[tuple[int, int, bool]]:
    """First and last block of each stretch, and whether it is strong."""
    far, strong = _beyond_any_hour(series, way)
    known = _known_for_weeks(series, way)
    runs = _stretches(series, (far | _beyond_same_hours(series, way)) & ~known, strong & ~known)
    if series.known_days < LEAST_DAYS:
        return [run for run in runs if _is_abrupt(series, run[0], run[1], way)]
    return runs


def _stretches(series: Series, far: Flags, strong: Flags) -> list[tuple[int, int, bool]]:
    """First and last block of far ones in a row, two blocks left out at most, and whether one of them is strong."""
    filled = np.flatnonzero(np.isfinite(series.current))
    positions = np.flatnonzero(far[filled])
    groups = np.split(positions, np.flatnonzero(np.diff(positions) > 2) + 1) if len(positions) else []
    return [
        (int(filled[group[0]]), int(filled[group[-1]]), bool(strong[filled[group]].any()))
        for group in groups
        if len(group) > 1 or strong[filled[group]].any()
    ]


def _daily_runs(series: Series, way: int) -> list[tuple[int, int, bool]]:
    """Short, abrupt stretches that are critical and beyond what all but their own hours of the day reached."""
    if way * series.part.metric.worse < 0 or series.known_days < LEAST_DAYS:
        return []
    far = _beyond_other_hours(series, way) & (_critical_shares(series) >= _CRITICAL_SHARE)
    runs = _stretches(series, far, np.zeros(len(far), np.bool_))
    short = [run for run in runs if run[1] - run[0] < _DAILY_HOURS * HOUR_BLOCKS]
    return [run for run in short if _is_abrupt(series, run[0], run[1], way)]


def _touch(one: tuple[int, int, bool], other: tuple[int, int, bool]) -> bool:
    return one[0] <= other[1] + 1 and other[0] <= one[1] + 1


def _beyond_other_hours(series: Series, way: int) -> Flags:
    """The blocks beyond what was reached at other hours of the day, an hour around their own left out."""
    hours = way * scaled(series.highs if way > 0 else series.lows, series.unit)
    apart = (np.arange(len(hours)) - len(hours)) % DAY_HOURS
    limits = []
    for hour in range(min(DAY_HOURS, len(series.hours))):
        away = np.minimum((apart - hour) % DAY_HOURS, (hour - apart) % DAY_HOURS)
        others = np.where(away > _DAILY_AROUND_HOURS, hours, np.nan)
        limits.append(limit(others, _STRONG * _FLOORS[way], series.unit))
    beyond = np.repeat(np.resize(limits, len(series.hours)), HOUR_BLOCKS)
    with np.errstate(invalid="ignore"):
        return np.asarray(way * scaled(series.current, series.unit) > beyond, np.bool_)


def _critical_shares(series: Series) -> Floats:
    """The share of each current block's samples that the collectors called critical, 0 to 1; 0 without a sample."""
    part = series.part.current
    names = np.array([name == "critical" for name in part.criticity_names], np.float64)
    block = (part.time_ms - series.block_start_ms(series.now) - 1) // BLOCK_MS
    kept = (block >= 0) & (block < len(series.current))
    counts = np.bincount(block[kept], minlength=len(series.current))
    critical = np.bincount(block[kept], names[part.criticity[kept]], minlength=len(series.current))
    return np.asarray(critical / np.maximum(counts, 1), np.float64)


def _beyond_any_hour(series: Series, way: int) -> tuple[Flags, Flags]:
    """The blocks beyond all that was reached, outliers while few days are known, and those twice as far as need be."""
    hours = way * scaled(series.highs if way > 0 else series.lows, series.unit)
    known = series.known_days
    floors = max(doubled_at_first(_FLOORS[way], known, way), 0 if known >= LEAST_DAYS else _FLOORS_WITHOUT_DAYS)
    beyond = limit(hours, floors, series.unit)
    reached = limit(hours, 0, series.unit)
    with np.errstate(invalid="ignore"):
        blocks = way * scaled(series.current, series.unit)
        blocks = np.where(blocks > outlying(hours), blocks, np.nan)
        return blocks > beyond, blocks > beyond + (_STRONG - 1) * (beyond - reached)


def _beyond_same_hours(series: Series, way: int) -> Flags:
    """The blocks, three together, that are twice as far from the same hours of earlier days as makes news.

    What is new at its hour alone may be the first weekend or working day that is seen: it needs a week to compare with.
    """
    if series.known_days < WEEK_DAYS:
        return np.zeros(len(series.current), np.bool_)
    usual = way * scaled(series.usual_day, series.unit)
    usual = np.fmax.reduce([np.roll(usual, -1), usual, np.roll(usual, 1)])
    step = floor(usual, series.unit)
    hours = way * scaled(series.highs if way > 0 else series.lows, series.unit)
    hours = hours[len(hours) % DAY_HOURS :]
    past = (hours - np.resize(usual, len(hours))) / np.resize(step, len(hours))
    beyond = limit(past, _SAME_HOURS_FLOORS, "floors", _STRONG)
    own, steps = (np.repeat(np.resize(each, len(series.hours)), HOUR_BLOCKS) for each in (usual, step))
    with np.errstate(invalid="ignore"):
        distance = (way * scaled(series.current, series.unit) - own) / steps
        far = distance > beyond
    return _three_together(far)


def _three_together(far: Flags) -> Flags:
    """The far blocks with a far neighbour on each side, or two on one."""
    threes = far[2:] & far[1:-1] & far[:-2]
    padded = np.concatenate([[False, False], threes, [False, False]])
    return np.asarray(padded[:-2] | padded[1:-1] | padded[2:], np.bool_)


def _known_for_weeks(series: Series, way: int) -> Flags:
    """The blocks no further than the same hours, two around, were one, two or three weeks ago."""
    hours = way * scaled(series.highs if way > 0 else series.lows, series.unit)
    ago = [week * _WEEK_HOURS - around for week in range(1, _WEEKS + 1) for around in range(-_AROUND_HOURS, 3)]
    hours_before = len(hours) + np.arange(len(series.hours))[:, None] - np.array(ago)
    exists = (hours_before >= 0) & (hours_before < len(hours))
    padded = np.append(np.where(np.isfinite(hours), hours, -np.inf), -np.inf)
    reached = np.repeat(padded[np.where(exists, hours_before, -1)].max(axis=1), HOUR_BLOCKS)
    blocks = way * scaled(series.current, series.unit)
    with np.errstate(invalid="ignore"):
        return np.asarray(blocks <= reached + floor(blocks, series.unit) / 2, np.bool_)


def _is_abrupt(series: Series, first: int, last: int, way: int) -> bool:
    """True if it is far from the blocks around, and from those just before or just after."""
    amounts, at = scaled(series.amounts, series.unit), series.now + first
    end = series.now + last + 1
    inside = median(amounts[at:end])
    around = median(running_median(amounts, _WINDOW_BLOCKS)[at:end])
    if not way * (inside - around) >= _FLOORS_WITHOUT_DAYS * floor(way * np.array([around]), series.unit)[0]:
        return False
    wanted = _JUMP_SHARE * way * (inside - around)
    before, after = amounts[max(0, at - _JUMP_BLOCKS) : at], amounts[end : end + _JUMP_BLOCKS]
    return any(way * (inside - median(side)) >= wanted for side in (before, after))


def _episode(series: Series, run: tuple[int, int, bool], normal: Floats, way: int) -> Episode:
    first, last, is_strong = run
    usual = median(normal[first : last + 1])
    middle = (usual + median(series.current[first : last + 1])) / 2
    kept = _samples(series, first, last, middle, way)
    part = series.part.current
    readings = np.clip(part.reading[kept], -LARGEST, LARGEST)
    amount = float(np.nanmean(readings)) if series.unit == "requests" else median(readings)
    names = np.array([name == "critical" for name in part.criticity_names])
    same_hours = _same_hours(series, first, last, way)
    with np.errstate(invalid="ignore"):
        repeats = int((way * (same_hours - middle) > 0).sum())
    return Episode(
        series=series,
        start_ms=int(part.time_ms[kept[0]]),
        end_ms=int(part.time_ms[kept[-1]]),
        amount=amount,
        normal=usual,
        critical_share=float(names[part.criticity[kept]].mean()),
        repeats=repeats,
        days=int(np.isfinite(same_hours).sum()),
        is_strong=is_strong,
        is_level=_is_level(series, first, last),
    )


def _is_level(series: Series, first: int, last: int) -> bool:
    filled = np.flatnonzero(np.isfinite(series.current))
    lasts = last >= filled[-1] and last - first + 1 >= _LEVEL_HOURS * HOUR_BLOCKS
    return bool(lasts or last - first + 1 >= _WHOLE_SHARE * len(filled))


def _samples(series: Series, first: int, last: int, middle: float, way: int) -> NDArray[np.intp]:
    """The samples of the stretch: from the first to the last one whose neighbourhood is beyond the middle."""
    part = series.part.current
    ends = [series.block_start_ms(series.now + first - 1), series.block_start_ms(series.now + last + 2)]
    low, high = np.searchsorted(part.time_ms, ends, side="right")
    near = np.arange(low, high)
    near = near[np.isfinite(part.reading[near])]
    beyond = np.flatnonzero(way * (smoothed(part.reading[near], 7) - middle) > 0)
    return near[beyond[0] : beyond[-1] + 1] if len(beyond) else near


def _same_hours(series: Series, first: int, last: int, way: int) -> Floats:
    """The farthest of the same hours, one around, on each of the seven days before; NaN where none is known.

    Of a stretch of more than an hour the hours' middles, since single blocks of an hour stray far.
    """
    own = series.current.reshape(-1, HOUR_BLOCKS)
    past, current = (
        (series.highs, np.fmax.reduce(own, axis=1)) if way > 0 else (series.lows, np.fmin.reduce(own, axis=1))
    )
    if last - first >= HOUR_BLOCKS:
        past, current = series.middles, series.hours
    hours = np.concatenate([past, current])
    start, end = (len(past) + block // HOUR_BLOCKS for block in (first, last))
    days = [
        hours[max(0, start - 1 - back) : max(0, end + 2 - back)] for back in range(DAY_HOURS, 8 * DAY_HOURS, DAY_HOURS)
    ]
    return np.array([way * np.fmax.reduce(way * day, initial=-np.inf) for day in days])
