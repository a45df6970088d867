"""A metric's samples as a line to draw: binned where there are too many, broken where there is a gap. Pure."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence
from pycemaker.series.memoize import memoized
from pycemaker.series.period import MetricPeriod
from pycemaker.window import to_epoch_ms

MOST_POINTS = 300
"""A figure is some 540 CSS pixels wide; more points only make its line fuzzy, and its file large."""

LARGEST = 1e300
"""The largest reading that is drawn at its place; arithmetic on larger ones would overflow."""

_SECOND_MS = 1000
DAY_MS = 86_400_000
"""The span from which a band is of percentiles: the lowest and the highest of a day's samples say little."""
_BINS_SECONDS = (10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Curve:
    """Points of a line, oldest first; all arrays have one element a point.

    Attributes:
        time_ms: milliseconds since 1970 in UTC (float64); a bin's middle where samples were binned.
        mean: the reading, or a bin's mean, in the metric's unit.
        low: a bin's lowest reading, from a day on its 5th percentile; equal to `mean` where nothing was binned.
        high: a bin's highest reading, from a day on its 95th percentile; likewise.
        stretch: counts up by one at each gap (int64): points of one stretch are joined, others not.
        bin_seconds: how long a bin is; 0 where each point is a sample.
    """

    time_ms: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    stretch: NDArray[np.int64]
    bin_seconds: int

    def __len__(self) -> int:
        return len(self.time_ms)

    def broken(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """A column with a NaN at the end of each stretch, over which nothing is drawn."""
        return np.insert(column, np.flatnonzero(np.diff(self.stretch)) + 1, np.nan)


@memoized
def curves(part: MetricPeriod) -> tuple[Curve, Curve]:
    """The line of the metric's interval, and that of the interval before it moved onto the same hours."""
    span_ms, start_ms = round(part.window.hours * 3_600_000), to_epoch_ms(part.window.start_utc)
    before = curve(part.previous, start_ms - span_ms, span_ms, part.previous_cadence)
    now = curve(part.current, start_ms, span_ms, part.cadence)
    return now, replace(before, time_ms=before.time_ms + span_ms)


def curve(columns: Columns, start_ms: int, span_ms: int, cadence: Cadence) -> Curve:
    """The line of the samples in (start, start + span].

    Args:
        columns: samples, oldest first; those without a finite reading are left out. None left gives no point. Readings
            beyond `LARGEST` are drawn at it.
        cadence: says which samples hang together; the line breaks between others.
    """
    kept = np.isfinite(columns.reading)
    time_ms, reading = columns.time_ms[kept], np.clip(columns.reading[kept], -LARGEST, LARGEST)
    if len(time_ms) <= MOST_POINTS:
        stretch = _stretches(time_ms, time_ms, cadence.joined_ms(time_ms))
        return Curve(time_ms.astype(np.float64), reading, reading, reading, stretch, 0)
    return _binned(time_ms, reading, start_ms, span_ms, cadence)


def _bin_ms(span_ms: int) -> int:
    """The shortest bin that keeps the span within `MOST_POINTS`."""
    fitting = (seconds for seconds in _BINS_SECONDS if span_ms <= seconds * _SECOND_MS * MOST_POINTS)
    return next(fitting, _BINS_SECONDS[-1]) * _SECOND_MS


def _ranked(readings: NDArray[np.float64], share: float) -> float:
    """The reading that so many of them do not exceed (Hyndman & Fan 1996, type 1)."""
    rank = max(0, int(np.ceil(share * len(readings))) - 1)
    return float(np.partition(readings, rank)[rank])


def _stretches(
    first_ms: NDArray[np.int64], last_ms: NDArray[np.int64], joined_ms: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The stretch of each point, from the times of its first and last sample and its reach back."""
    breaks = first_ms[1:] - last_ms[:-1] > joined_ms[1:]
    return np.concatenate([np.zeros(min(len(first_ms), 1), np.int64), np.cumsum(breaks)])


def _binned(
    time_ms: NDArray[np.int64], reading: NDArray[np.float64], start_ms: int, span_ms: int, cadence: Cadence
) -> Curve:
    bin_ms = _bin_ms(span_ms)
    bin_index = (time_ms - start_ms - 1) // bin_ms
    first = np.concatenate([[0], np.flatnonzero(np.diff(bin_index)) + 1])
    last = np.concatenate([first[1:], [len(bin_index)]]) - 1
    low, high = np.minimum.reduceat(reading, first), np.maximum.reduceat(reading, first)
    if span_ms >= DAY_MS:
        bins = [reading[start : end + 1] for start, end in zip(first, last, strict=True)]
        low, high = (np.array([_ranked(each, share) for each in bins]) for share in (0.05, 0.95))
    middle = start_ms + (bin_index[first] + 0.5) * bin_ms
    joined_ms = np.maximum(cadence.joined_ms(time_ms[first]), float(bin_ms))
    # Dividing before adding up keeps sums of huge readings finite; the clip keeps rounding inside the readings.
    mean = np.add.reduceat(reading / np.repeat(last - first + 1, last - first + 1), first)
    mean = np.clip(mean, np.minimum.reduceat(reading, first), np.maximum.reduceat(reading, first))
    return Curve(middle, mean, low, high, _stretches(time_ms[first], time_ms[last], joined_ms), bin_ms // _SECOND_MS)
