"""Steps: one metric's samples in stretches of equal length, a row each. Pure.

A step of `every_ms` begins at a multiple of it since 1970 and has the samples with start < t <= start + every_ms, as
intervals do. A step without a reading has no row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.batches import Columns, join_columns, no_columns
from pycemaker.series.hour_summaries import HourSummaries, bin_edges

QUANTILE = 0.95


@dataclass(frozen=True)
class Steps:
    """One metric's steps, oldest first.

    Attributes:
        start_ms: the step's start, milliseconds since 1970 in UTC.
        count: readings.
        mean, minimum, maximum: of the readings, in the metric's unit.
        p95: the reading that 95 % of them do not exceed, linear between two.
    """

    start_ms: NDArray[np.int64]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    p95: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start_ms)


def steps_of_parts(parts: Iterable[Columns], every_ms: int) -> Steps:
    """The steps of samples that come part by part, oldest first; parts are let go as their steps are known."""
    steps, held = [], no_columns()
    for part in parts:
        columns = join_columns([held, part])
        last_ms = (columns.time_ms[-1:] - 1) // every_ms * every_ms
        cut = int(np.searchsorted(columns.time_ms, last_ms, side="right").sum())
        steps.append(_steps_of(columns.part(0, cut), every_ms))
        held = columns.part(cut, len(columns)).copy()
    steps.append(_steps_of(held, every_ms))
    return Steps(*(np.concatenate([getattr(each, column.name) for each in steps]) for column in fields(Steps)))


def _steps_of(columns: Columns, every_ms: int) -> Steps:
    finite = np.isfinite(columns.reading)
    step, reading = (columns.time_ms[finite] - 1) // every_ms, columns.reading[finite]
    starts, first, count = np.unique(step, return_index=True, return_counts=True)
    ordered = reading[np.lexsort((reading, step))]
    rank = first + QUANTILE * (count - 1)
    below, share = np.floor(rank).astype(np.int64), rank % 1
    above = np.minimum(below + 1, first + count - 1)
    return Steps(
        start_ms=starts * every_ms,
        count=count.astype(np.int64),
        mean=np.add.reduceat(reading / np.repeat(count, count), first) if len(first) else np.empty(0),
        minimum=ordered[first],
        maximum=ordered[first + count - 1],
        p95=ordered[below] * (1 - share) + ordered[above] * share,
    )


def steps_of_hours(parts: Sequence[HourSummaries], every_ms: int) -> Steps:
    """The steps of hour summaries, `every_ms` being whole hours. An hour may be in parts, each with its own samples.

    `p95` is within the bin of the histogram in which it lies: 2 points of a ratio, a sixth of a decade otherwise.
    """
    edges = bin_edges(parts[0].unit)
    every: dict[str, NDArray[np.float64]] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("hour_ms", "readings", "total", "minimum", "maximum", "histogram")
    }
    some = np.flatnonzero(every["readings"])
    some = some[np.argsort(every["hour_ms"][some], kind="stable")]
    if not len(some):
        return _steps_of(no_columns(), every_ms)
    starts, first = np.unique(every["hour_ms"][some] // every_ms, return_index=True)
    count, total, histogram = (np.add.reduceat(every[name][some], first) for name in ("readings", "total", "histogram"))
    minimum = np.minimum.reduceat(every["minimum"][some], first)
    maximum = np.maximum.reduceat(every["maximum"][some], first)
    p95 = np.clip(_histogram_quantile(histogram, edges), minimum, maximum)
    return Steps(starts.astype(np.int64) * every_ms, count.astype(np.int64), total / count, minimum, maximum, p95)


def _histogram_quantile(histogram: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantile of each row of counts, linear within its bin."""
    below = np.cumsum(histogram, axis=1)
    wanted = QUANTILE * below[:, -1]
    at = (below < wanted[:, None]).sum(axis=1)
    rows = np.arange(len(histogram))
    share = 1 - (below[rows, at] - wanted) / histogram[rows, at]
    return np.asarray(edges[at] + share * (edges[at + 1] - edges[at]))
