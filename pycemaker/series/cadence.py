"""Cadence of a metric: the usual distance of its samples, learned from them, and what follows from it. Pure.

Medians of some distances at a time say what is usual there, so that lost samples, gaps and repeated times count for
nothing. Where those medians jump and stay, the cadence changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pycemaker.series.robust import NORMAL_MAD, row_medians

Times = NDArray[np.int64]

LEAST_DISTANCES = 3  # Fewer distances than this tell no cadence
LEAST_GAP_MS = 30_000  # No gap is shorter than this
_GAP_STEPS = 3.5
_JOINED_STEPS = 3.0
_IRREGULAR_QUANTILE, _FEWEST_FOR_QUANTILE = 0.95, 60
_MOST_IN_GROUP, _FEWEST_IN_GROUP, _GROUPS = 16, 4, 8
_SIDE = 3
_LEAST_JUMP, _NOISE_JUMP = np.log(1.1), 6.0
_MOST_CHANGES = 5
_STEADY, _EVEN = 0.05, 0.25
_ALONE = 1.5


@dataclass(frozen=True)
class Stretch:
    """A stretch of an interval with one cadence.

    Attributes:
        start_ms, end_ms: where it lies, milliseconds since 1970 in UTC; its end is the next one's start.
        step_ms: the usual distance of its samples.
        joined_ms: neighbouring samples at most so far apart hang together: three usual distances; of irregular samples
            three times what 95 % of their distances keep below.
    """

    start_ms: int
    end_ms: int
    step_ms: float
    joined_ms: float

    @property
    def gap_ms(self) -> float:
        """Neighbouring samples further apart than this have a gap between them."""
        return max(LEAST_GAP_MS, _GAP_STEPS * self.step_ms, self.joined_ms)


@dataclass(frozen=True)
class Cadence:
    """The distances of one metric's samples over an interval.

    Attributes:
        stretches: oldest first, without a hole from the interval's start to its end. A collector that started late or
            stopped early counts as one that should have gone on. Empty where the cadence is unknown.
    """

    stretches: tuple[Stretch, ...]

    @property
    def is_known(self) -> bool:
        """True where the samples have a cadence; everything else here is 0 where they have none."""
        return bool(self.stretches)

    @property
    def step_ms(self) -> float:
        """The usual distance over most of the interval."""
        longest = max(self.stretches, key=lambda stretch: stretch.end_ms - stretch.start_ms, default=None)
        return longest.step_ms if longest else 0.0

    @property
    def expected(self) -> int:
        """The number of samples that the interval should have."""
        return int(sum((each.end_ms - each.start_ms) / each.step_ms for each in self.stretches) + 1e-6)

    def steps_ms(self, at_ms: Times) -> NDArray[np.float64]:
        """The usual distance before each of these instants; beyond the interval's ends that at its ends."""
        return self._at(at_ms, [stretch.step_ms for stretch in self.stretches])

    def gaps_ms(self, at_ms: Times) -> NDArray[np.float64]:
        """For each of these instants the longest distance to the sample before it that is no gap."""
        return self._at(at_ms, [stretch.gap_ms for stretch in self.stretches])

    def joined_ms(self, at_ms: Times) -> NDArray[np.float64]:
        """For each of these instants the longest distance to the sample before it that hangs together with it."""
        return self._at(at_ms, [stretch.joined_ms for stretch in self.stretches])

    def lasting_ms(self, time_ms: Times) -> NDArray[np.float64]:
        """The duration of each of these samples: the time since the one before it; after a gap a usual distance.

        Args:
            time_ms: the interval's samples, oldest first; a repeated time lasts 0.
        """
        usual = self.steps_ms(time_ms)
        since = np.diff(time_ms, prepend=time_ms[:1]).astype(np.float64)
        since[:1] = usual[:1]
        return np.where(since > self.gaps_ms(time_ms), usual, since)

    def _at(self, at_ms: Times, amounts: Sequence[float]) -> NDArray[np.float64]:
        if len(amounts) < 2:
            return np.full(len(at_ms), amounts[0] if amounts else 0.0)
        starts = np.array([stretch.start_ms for stretch in self.stretches[1:]], np.int64)
        return np.array(amounts, np.float64)[np.searchsorted(starts, at_ms, side="left")]


def learn(time_ms: Times, start_ms: int, end_ms: int) -> Cadence | None:
    """The cadence of an interval's samples; None where they have fewer than `LEAST_DISTANCES` distances.

    Args:
        time_ms: when they are, oldest first, milliseconds since 1970 in UTC; repeated times count once.
        start_ms: where the interval starts.
        end_ms: where it ends.
    """
    times = time_ms[np.diff(time_ms, prepend=time_ms[:1] - 1) > 0]
    distances = distances_ms(times)
    if len(distances) < LEAST_DISTANCES:
        return None
    groups, size = _grouped(distances)
    cuts = _changes(groups)
    bounds = [0, *(_change_at(distances, groups, cut, size) for cut in cuts), len(distances)]
    edges_ms = [start_ms, *(int(times[bound]) for bound in bounds[1:-1]), end_ms]
    steps_ms = [float(np.median(piece)) for piece in np.split(groups, cuts)]
    stretches = []
    for index, step_ms in enumerate(steps_ms):
        own = distances[bounds[index] : bounds[index + 1]]
        stretches.append(_stretch(edges_ms[index], edges_ms[index + 1], own, step_ms))
    return Cadence(tuple(stretches))


def steady(step_ms: float, start_ms: int, end_ms: int) -> Cadence:
    """The cadence of an interval that is known from elsewhere; unknown where `step_ms` is 0."""
    if not step_ms > 0:
        return Cadence(())
    return Cadence((Stretch(start_ms, end_ms, step_ms, _JOINED_STEPS * step_ms),))


def distances_ms(time_ms: Times, most_ms: float = np.inf) -> NDArray[np.float64]:
    """The distances of neighbouring samples, repeated times left out, and those over `most_ms`."""
    distances = np.diff(time_ms).astype(np.float64)
    return distances[(distances > 0) & (distances <= most_ms)]


def usual_distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The usual distance in each row of an even number of distances; NaN takes no part.

    It is the median; of two collectors out of step, whose distances alternate while every two of them add up to the
    same, the median of the twos.
    """
    middle = row_medians(rows)
    uneven = np.flatnonzero(row_medians(np.abs(rows - middle[:, None])) > _EVEN * middle)
    twos = rows[uneven, ::2] + rows[uneven, 1::2]
    middle_of_twos = row_medians(twos)
    alike = row_medians(np.abs(twos - middle_of_twos[:, None])) < _STEADY * middle_of_twos
    middle[uneven[alike]] = middle_of_twos[alike]
    return middle


def _grouped(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """The usual distance in each group of so many distances, and how many."""
    if len(distances) < 2 * _FEWEST_IN_GROUP:
        return np.array([np.median(distances)]), len(distances)
    size = min(_MOST_IN_GROUP, max(_FEWEST_IN_GROUP, len(distances) // _GROUPS // 2 * 2))
    return usual_distances(distances[: len(distances) // size * size].reshape(-1, size)), size


def _changes(groups: NDArray[np.float64]) -> list[int]:
    """The groups at which the cadence changed, in their order: at the highest jumps of the medians on both sides."""
    side = min(_SIDE, len(groups) // 2)
    if side < 2:
        return []
    amounts = np.log(groups)
    noise = NORMAL_MAD * float(np.median(np.abs(np.diff(amounts)))) / np.sqrt(2)
    middles = np.median(sliding_window_view(amounts, side), axis=1)
    jumps = np.abs(middles[side:] - middles[:-side])
    changes: list[int] = []
    while len(changes) < _MOST_CHANGES:
        best = int(np.argmax(jumps))
        if jumps[best] <= max(_LEAST_JUMP, _NOISE_JUMP * noise):
            break
        changes.append(best + side)
        jumps[max(0, best - side) : best + side + 1] = 0
    return sorted(changes)


def _change_at(distances: NDArray[np.float64], groups: NDArray[np.float64], cut: int, size: int) -> int:
    """The index of the distance at which a change near a group lies."""
    before, after = (float(np.median(side)) for side in (groups[max(0, cut - _SIDE) : cut], groups[cut : cut + _SIDE]))
    first = max(0, (cut - 2) * size)
    near = np.log(distances[first : (cut + 2) * size])
    is_new = np.abs(near - np.log(after)) < np.abs(near - np.log(before))
    wrong = np.concatenate([[0], np.cumsum(is_new)]) + (~is_new).sum() - np.concatenate([[0], np.cumsum(~is_new)])
    return first + int(np.argmin(wrong))


def _stretch(start_ms: int, end_ms: int, distances: NDArray[np.float64], usual_ms: float) -> Stretch:
    """A stretch whose usual distance is the mean without gaps and lost samples."""
    some = distances[:: 1 + len(distances) // 20_000]
    high_ms = usual_ms
    if len(some) >= _FEWEST_FOR_QUANTILE:
        high_ms = max(high_ms, float(np.quantile(some, _IRREGULAR_QUANTILE, method="lower")))
    stretch = Stretch(start_ms, end_ms, usual_ms, _JOINED_STEPS * high_ms)
    off = float(np.median(np.abs(some - usual_ms))) / usual_ms
    if off <= _STEADY:
        return stretch
    if off <= _EVEN:
        return replace(stretch, step_ms=float(distances[distances <= _ALONE * usual_ms].mean()))
    within = distances[distances <= stretch.gap_ms]  # two collectors out of step have a lower mean than either of them
    return replace(stretch, step_ms=max(usual_ms, float(within.mean()) if len(within) else 0.0))
