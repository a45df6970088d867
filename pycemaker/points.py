"""As many samples as a screen has points: a choice that keeps every peak.

The samples are cut into bins of equally many, and of each bin the lowest and the highest reading stay: the min-max
method, by `tsdownsample` (what plotly-resampler uses; Rust, wheels for every platform; 0.1 ms for a week). It is taken
rather than LTTB, which picks what looks most like the curve and may leave out the very highest point: here a peak is
what people look for. Bins of equal time, which the library offers too, are not taken: it panics on two points, and
leaves nothing of samples of one instant (0.1.5, tried).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler

from pycemaker.samples import Batch, join_batches, join_columns

FEWEST, MOST = 2, 10_000

_HELD_FEWEST = 250_000
_HELD_TIMES = 8


class Thinner:
    """Takes in batches and leaves so many of their documents.

    Args:
        max_points: how many at most, FEWEST to MOST.
    """

    def __init__(self, max_points: int) -> None:
        self.max_points = max_points
        self.total = 0
        self._held: list[Batch] = []
        self._holding = 0
        self._is_thinned = False

    @property
    def method(self) -> str:
        """How the documents were chosen: `minmax`, or `nenhum` where all of them stay."""
        return "minmax" if self.total > self.max_points else "nenhum"

    def add(self, batch: Batch) -> None:
        """Take in the next documents, later than all before."""
        self.total += len(batch)
        self._held.append(batch)
        self._holding += len(batch)
        if self._holding > max(_HELD_FEWEST, _HELD_TIMES * self.max_points):
            self._held = [thin(self._held, self.max_points * _HELD_TIMES // 2)]
            self._holding = len(self._held[0])

    def result(self) -> Batch:
        """What is left, oldest first. No more is taken in after this."""
        return self._result

    @cached_property
    def _result(self) -> Batch:
        return thin(self._held, self.max_points)


def thin(batches: Sequence[Batch], max_points: int) -> Batch:
    """The documents that stay: all where they are few enough; else of each bin those at both extremes.

    Documents without a reading are left out where there are too many in all. An odd `max_points` counts as one less.
    """
    if sum(map(len, batches)) <= max_points:
        return join_batches(batches)
    columns = join_columns(batch.columns for batch in batches)
    finite = np.flatnonzero(np.isfinite(columns.reading))
    if len(finite) > max_points:
        finite = finite[_peaks(columns.reading[finite], max_points)]
    return _pick([batch for batch in batches if len(batch)], finite)


def _peaks(reading: NDArray[np.float64], max_points: int) -> NDArray[np.int64]:
    sampler = MinMaxDownsampler()  # type: ignore[no-untyped-call]
    return np.unique(sampler.downsample(reading, n_out=max_points - max_points % 2)).astype(np.int64)


def _pick(batches: Sequence[Batch], places: NDArray[np.int64]) -> Batch:
    """The documents at these places, counted through all batches."""
    starts = np.cumsum([0, *map(len, batches)])
    which = starts.searchsorted(places, side="right") - 1
    inside = places - starts[which]
    rows = [batches[one].row(place) for one, place in zip(which.tolist(), inside.tolist(), strict=True)]
    ends = np.cumsum([len(row) + 1 for row in rows]) - 1 if rows else np.empty(0, np.int64)
    return Batch(join_columns(batch.columns for batch in batches).take(places), b",".join(rows), ends)
