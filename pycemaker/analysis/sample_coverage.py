"""Counts of a period's samples: received of expected, gaps, repeated times. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence
from pycemaker.series.memoize import memoized
from pycemaker.series.period import MetricPeriod
from pycemaker.window import Interval, to_epoch_ms

COMPARABLE_SHARE = 0.5  # Less of either interval than this, and the two are not compared


@dataclass(frozen=True)
class Gap:
    """A stretch without a sample, in milliseconds since 1970: from the sample before it to the one after it.

    Where it touches an end of the interval, that end stands for the sample.
    """

    start_ms: int
    end_ms: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ms - self.start_ms) / 1000


@dataclass(frozen=True)
class Coverage:
    """One metric's interval, counted.

    Attributes:
        expected: samples there should be by the cadence; 0 where it is unknown.
        distinct: those of different times.
        crowded: those less than half the usual distance after the one before, at another time: a clock that went back,
            or two collectors.
        gaps: stretches without a sample, longest first.
        previous_expected: samples there should be in the interval before, by its own cadence.
        previous_distinct: samples of different times in it.
    """

    expected: int
    received: int
    distinct: int
    crowded: int
    gaps: tuple[Gap, ...]
    previous_expected: int
    previous_distinct: int

    @property
    def duplicates(self) -> int:
        """The number of samples that repeat another's time."""
        return self.received - self.distinct

    @property
    def share(self) -> float:
        """The share of the interval's samples that there is, 0 to 1; 0 without a cadence."""
        return min(1.0, self.distinct / self.expected) if self.expected else 0.0

    @property
    def previous_share(self) -> float:
        """The share of the samples of the interval before, 0 to 1; 0 without a cadence."""
        return min(1.0, self.previous_distinct / self.previous_expected) if self.previous_expected else 0.0

    @property
    def is_comparable(self) -> bool:
        """True if there is enough of both intervals to compare them."""
        return min(self.share, self.previous_share) >= COMPARABLE_SHARE


@memoized
def coverage(part: MetricPeriod) -> Coverage:
    """Count one metric's period. No sample at all gives zeros, and one gap as long as the interval."""
    times, cadence = part.current.time_ms, part.cadence
    steps, usual = np.diff(times), cadence.steps_ms(times[1:])
    return Coverage(
        expected=cadence.expected,
        received=len(part.current),
        distinct=_distinct(part.current),
        crowded=int(((steps > 0) & (steps < usual / 2)).sum()),
        gaps=gaps(times, part.window.current, cadence),
        previous_expected=part.previous_cadence.expected,
        previous_distinct=_distinct(part.previous),
    )


def gaps(time_ms: NDArray[np.int64], interval: Interval, cadence: Cadence) -> tuple[Gap, ...]:
    """Stretches of an interval without a sample, longest first; those at its two ends too.

    Where the cadence is unknown only an interval without any sample has one.
    """
    assert interval.end_utc is not None  # noqa: S101 - an open end has no gap at it
    edges = np.concatenate([[to_epoch_ms(interval.start_utc)], time_ms, [to_epoch_ms(interval.end_utc)]])
    if len(time_ms) and not cadence.is_known:
        return ()
    steps = np.diff(edges)
    breaks = np.flatnonzero(steps > cadence.gaps_ms(edges[1:]))
    ranked = breaks[np.argsort(-steps[breaks], kind="stable")]
    return tuple(Gap(int(edges[at]), int(edges[at + 1])) for at in ranked)


def _distinct(columns: Columns) -> int:
    return int((np.diff(columns.time_ms) != 0).sum()) + min(1, len(columns))
