"""Hour summaries: one metric's samples, an hour of UTC a row. Pure.

An interval is compared with them: with the same hours of earlier days, and with the last days' minima and maxima, for a
hundredth of the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.batches import Columns
from pycemaker.series.robust import block_means, block_medians, row_medians

HOUR_MS = 3_600_000
BLOCK_MS = 300_000
"""Five minutes: samples of any usual cadence fill them."""

_RATIO_EDGES = np.linspace(0, 1, 51)
_AMOUNT_EDGES = np.concatenate([[0.0], np.logspace(-4, 6, 61)])


@dataclass(frozen=True)
class HourSummaries:
    """One metric's hours, oldest first; an hour without a sample has no row.

    Attributes:
        hour_ms: where the hour starts, milliseconds since 1970 in UTC. A sample at `t` is in the hour that
            `(t - 1) // HOUR_MS` names, since intervals are open at their start and closed at their end.
        count: samples, with or without a reading.
        readings: samples with a reading.
        total: the sum of the readings.
        minimum, maximum: the least and the greatest reading; NaN without one.
        minimum_ms, maximum_ms: when the first of each was, milliseconds since 1970 in UTC; 0 without one.
        longest_gap_ms: the longest distance between neighbouring samples, the hour's two ends counting as samples.
        step_ms: the median distance of neighbouring samples; 0 with fewer than two.
        block_minimum, block_median, block_maximum: the least, the middle and the greatest of the hour's blocks of five
            minutes, each the median of its readings, the mean where the unit is `requests`. Unlike a minimum or maximum
            they do not depend on the cadence, and no single reading moves them. NaN without a reading.
        criticities: samples by criticity: a column a name of `criticity_names`.
        criticity_names: the collector's words, in alphabetical order.
        histogram: readings by the bins of `bin_edges(unit)`, a column a bin.
        unit: the metric's.
    """

    hour_ms: NDArray[np.int64]
    count: NDArray[np.int64]
    readings: NDArray[np.int64]
    total: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    minimum_ms: NDArray[np.int64]
    maximum_ms: NDArray[np.int64]
    longest_gap_ms: NDArray[np.int64]
    step_ms: NDArray[np.int64]
    block_minimum: NDArray[np.float64]
    block_median: NDArray[np.float64]
    block_maximum: NDArray[np.float64]
    criticities: NDArray[np.int64]
    criticity_names: tuple[str, ...]
    histogram: NDArray[np.int64]
    unit: str

    def __len__(self) -> int:
        return len(self.hour_ms)

    def part(self, start: int, stop: int) -> HourSummaries:
        """The rows from `start` up to `stop`, without copying."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if "NDArray" in str(field.type)}
        cut: dict[str, Any] = {name: array[start:stop] for name, array in arrays.items()}
        return replace(self, **cut)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Each hour's mean reading; NaN without one."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.total / self.readings, np.float64)


def bin_edges(unit: str) -> NDArray[np.float64]:
    """The edges of a histogram's bins; the first and the last bin also take what lies beyond them.

    Shares in steps of 2 points; everything else from 0 and then ten to the power of -4 to 6, six bins a decade.
    """
    return _RATIO_EDGES if unit == "ratio" else _AMOUNT_EDGES


def summarize(columns: Columns, unit: str) -> HourSummaries:
    """The hour summaries of samples in the order of their time. No sample gives no row."""
    hours, hour = np.unique((columns.time_ms - 1) // HOUR_MS, return_inverse=True)
    rows, edges = len(hours), bin_edges(unit)
    finite = np.isfinite(columns.reading)
    reading, owner, times = columns.reading[finite], hour[finite], columns.time_ms[finite]
    minimum, minimum_ms = _extreme(np.minimum, times, reading, owner, rows)
    maximum, maximum_ms = _extreme(np.maximum, times, reading, owner, rows)
    bins = np.clip(np.searchsorted(edges, reading, side="right") - 1, 0, len(edges) - 2)
    names = tuple(sorted(columns.criticity_names))
    places = np.array([names.index(name) for name in columns.criticity_names], np.int64)
    longest_gap_ms, step_ms = _distances(columns.time_ms, hours, hour)
    blocks = _blocks(times, reading, hours, owner, unit)
    return HourSummaries(
        hour_ms=hours * HOUR_MS,
        count=np.bincount(hour, minlength=rows).astype(np.int64),
        readings=np.bincount(owner, minlength=rows).astype(np.int64),
        total=np.bincount(owner, reading, minlength=rows).astype(np.float64),
        minimum=minimum,
        maximum=maximum,
        minimum_ms=minimum_ms,
        maximum_ms=maximum_ms,
        longest_gap_ms=longest_gap_ms,
        step_ms=step_ms,
        block_minimum=np.fmin.reduce(blocks, axis=1),
        block_median=row_medians(blocks),
        block_maximum=np.fmax.reduce(blocks, axis=1),
        criticities=_counts(hour, places[columns.criticity], rows, len(names)),
        criticity_names=names,
        histogram=_counts(owner, bins, rows, len(edges) - 1),
        unit=unit,
    )


def hour_medians(columns: Columns, unit: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`hour_ms` and `block_median` of the summaries alone, in a quarter of the time."""
    hours, hour = np.unique((columns.time_ms - 1) // HOUR_MS, return_inverse=True)
    finite = np.isfinite(columns.reading)
    blocks = _blocks(columns.time_ms[finite], columns.reading[finite], hours, hour[finite], unit)
    return hours * HOUR_MS, row_medians(blocks)


def _counts(row: NDArray[np.int64], column: NDArray[np.int64], rows: int, columns: int) -> NDArray[np.int64]:
    counted = np.bincount(row * columns + column, minlength=rows * columns)
    return np.asarray(counted.reshape(rows, columns), np.int64)


def _extreme(
    of: np.ufunc, time_ms: NDArray[np.int64], reading: NDArray[np.float64], owner: NDArray[np.intp], rows: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each hour's least or greatest reading, and when the first of it was."""
    extreme, extreme_ms = np.full(rows, np.nan), np.zeros(rows, np.int64)
    row, first = np.unique(owner, return_index=True)
    if len(row):
        extreme[row] = of.reduceat(reading, first)
    at = np.flatnonzero(reading == extreme[owner])
    row, first = np.unique(owner[at], return_index=True)
    extreme_ms[row] = time_ms[at[first]]
    return extreme, extreme_ms


def _blocks(
    time_ms: NDArray[np.int64],
    reading: NDArray[np.float64],
    hours: NDArray[np.int64],
    owner: NDArray[np.intp],
    unit: str,
) -> NDArray[np.float64]:
    """Each hour's blocks of five minutes, a row an hour; NaN where a block has no reading."""
    each_hour = HOUR_MS // BLOCK_MS
    block = owner * each_hour + (time_ms - 1 - hours[owner] * HOUR_MS) // BLOCK_MS
    middle = block_means if unit == "requests" else block_medians
    return middle(block, reading, len(hours) * each_hour, 1).reshape(len(hours), each_hour)


def _distances(
    time_ms: NDArray[np.int64], hours: NDArray[np.int64], hour: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each hour's longest distance, its two ends included, and its median distance."""
    longest, step = np.zeros(len(hours), np.int64), np.zeros(len(hours), np.int64)
    ends = np.searchsorted(hour, np.arange(len(hours) + 1))
    for row, start_ms in enumerate(hours * HOUR_MS):
        times = time_ms[ends[row] : ends[row + 1]]
        longest[row] = np.diff(np.concatenate([[start_ms], times, [start_ms + HOUR_MS]])).max()
        step[row] = np.median(np.diff(times)) if len(times) > 1 else 0
    return longest, step
