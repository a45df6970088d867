"""Downsampling: a choice of as many samples as a screen has points, which keeps every peak.

The first and the newest sample stay, so that a live number is the newest one. Those between are cut into bins of
equally many, and of each bin the lowest and the highest reading stay: the min-max method, by `tsdownsample` (what
plotly-resampler uses; Rust, wheels for every platform; 0.1 ms for a week). It is taken rather than LTTB, which picks
what looks most like the curve and may leave out the very highest point: here a peak is what people look for. Bins of
equal time, which the library offers too, fail: it panics on two points, and leaves nothing of samples of one instant
(0.1.5, tried).

Of more samples than a week has not all are held: the extremes of narrow bins stand for them, whose width doubles as
samples come. The extremes of wider bins are among those, so early samples keep as many points as late ones. The choice
depends on the samples alone, and not on the pieces in which they came.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler

from pycemaker.series.batches import Batch, join_batches, join_columns
from pycemaker.series.gap_finder import GapFinder
from pycemaker.series.memoize import memoized

FEWEST, MOST = 2, 10_000

HELD_DOCUMENTS = 125_000  # Documents held at most, 25 MB: a week (120,960) is thinned in one go
_ENDS_ALONE = 3  # So few points are the first and the newest sample
_FINER = 4  # The most bins a point while samples come; in the end there is half a bin a point


class Downsampler:
    """Takes in batches and chooses so many of their documents.

    Args:
        holding: how many of them are held.
        gap_finder: finds the gaps between them.
    """

    def __init__(self, max_points: int, held_documents: int = HELD_DOCUMENTS) -> None:
        self.max_points = max_points
        self.total = 0
        self._held_documents = held_documents
        self._held: list[Batch] = []
        self._indices: list[NDArray[np.int64]] = []
        self.holding = 0
        self._is_condensed = False
        self.gap_finder = GapFinder()

    @property
    def method(self) -> str:
        """The method of the choice: `minmax`, or `nenhum` where all documents stay."""
        return "minmax" if self.total > self.max_points else "nenhum"

    def add(self, batch: Batch) -> None:
        """Take in the next documents, later than all before."""
        self.gap_finder.add(batch.columns.time_ms)
        while len(batch):
            room = self._held_documents - self.holding
            self._hold(batch.part(0, room))
            batch = batch.part(room, len(batch))
            if self.holding == self._held_documents:
                self._condense()

    def _hold(self, batch: Batch) -> None:
        self._held.append(batch)
        self._indices.append(np.arange(self.total, self.total + len(batch)))
        self.holding += len(batch)
        self.total += len(batch)

    def _condense(self) -> None:
        """Reduce to the extremes of bins of 2, 4, 8 ... documents, so wide that the bins are few enough."""
        width = 1
        while self.total > width * _FINER * self.max_points:
            width *= 2
        chosen = _extremes(_readings(self._held), np.concatenate(self._indices) // width)
        self._indices = [np.concatenate(self._indices)[chosen]]
        self._held = [_pick(self._held, chosen)]
        self.holding = len(chosen)
        self._is_condensed = True

    @memoized
    def result(self) -> Batch:
        """The chosen documents, oldest first. No more is taken in after this."""
        held, self._held = self._held, []
        if not self._is_condensed:
            return downsample(held, self.max_points)
        bins = np.concatenate(self._indices) * (self.max_points // 2 - 1) // self.total
        chosen = _extremes(_readings(held), bins)
        return _pick(held, chosen if self.max_points > _ENDS_ALONE else chosen[:: max(1, len(chosen) - 1)])


def _readings(batches: Sequence[Batch]) -> NDArray[np.float64]:
    return np.concatenate([batch.columns.reading for batch in batches])


def downsample(batches: Sequence[Batch], max_points: int) -> Batch:
    """The documents that stay: all where they are few enough; else both ends, and of each bin those at both extremes.

    Documents without a reading are left out where there are too many in all. An odd `max_points` counts as one less;
    2 leaves the ends alone.
    """
    if sum(map(len, batches)) <= max_points:
        return join_batches(batches)
    columns = join_columns(batch.columns for batch in batches)
    finite = np.flatnonzero(np.isfinite(columns.reading))
    if len(finite) > max_points:
        finite = finite[_peaks(columns.reading[finite], max_points)]
    return _pick(batches, finite)


def _peaks(reading: NDArray[np.float64], max_points: int) -> NDArray[np.int64]:
    ends = [0, len(reading) - 1]
    if max_points <= _ENDS_ALONE:
        return np.array(ends, np.int64)
    between = max_points - max_points % 2 - 2
    sampler = MinMaxDownsampler()  # type: ignore[no-untyped-call]
    return np.unique([*ends, *(sampler.downsample(reading[1:-1], n_out=between) + 1)]).astype(np.int64)


def _extremes(reading: NDArray[np.float64], bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices of both ends, and of the first of the lowest and the last of the highest readings of each bin.

    Readings that are not finite count for nothing.
    """
    finite = np.flatnonzero(np.isfinite(reading))
    order = finite[np.lexsort((reading[finite], bins[finite]))]
    ends = np.flatnonzero(np.diff(bins[order], append=-1))
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    return np.unique(np.concatenate([order[starts], order[ends], finite[:1], finite[-1:]]))


def _pick(batches: Sequence[Batch], indices: NDArray[np.int64]) -> Batch:
    """The documents at these indices, counted through all batches."""
    batches = [batch for batch in batches if len(batch)]
    starts = np.cumsum([0, *map(len, batches)])
    which = starts.searchsorted(indices, side="right") - 1
    offsets = indices - starts[which]
    rows = [batches[index].row(offset) for index, offset in zip(which.tolist(), offsets.tolist(), strict=True)]
    ends = np.cumsum([len(row) + 1 for row in rows]) - 1 if rows else np.empty(0, np.int64)
    return Batch(join_columns(batch.columns for batch in batches).take(indices), b",".join(rows), ends)
