"""Mean, growth, extremes and criticity shares of one metric's period. Pure; numbers are in the metric's unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker import stats
from pycemaker.analysis.criticity import by_badness
from pycemaker.analysis.sample_coverage import coverage
from pycemaker.series.batches import Columns
from pycemaker.series.memoize import memoized
from pycemaker.series.period import MetricPeriod


@dataclass(frozen=True)
class Extreme:
    """The lowest or the highest reading.

    Attributes:
        reading: in the metric's unit.
        first_ms: when it first happened, milliseconds since 1970 in UTC.
    """

    reading: float
    first_ms: int
    times: int


@dataclass(frozen=True)
class MetricSummary:
    """One metric's period at a glance.

    Attributes:
        received: samples in the interval, with or without a reading.
        expected: samples there should be.
        mean: None without a reading.
        previous_mean: of the interval before; None without a reading.
        growth: of the mean, a ratio; None where it is undefined (no reading on either side, or a previous mean of 0),
            and where it is withheld.
        is_withheld: whether there is too little of either interval to compare them (`coverage.COMPARABLE_SHARE`).
        lowest: None without a reading.
        shares: of each criticity among the samples with a reading, 0 to 1, by name; empty without a reading.
    """

    received: int
    expected: int
    mean: float | None
    previous_mean: float | None
    growth: float | None
    is_withheld: bool
    lowest: Extreme | None
    highest: Extreme | None
    shares: dict[str, float]

    @property
    def worst(self) -> str | None:
        """The worst criticity there was; None without a reading."""
        return by_badness(self.shares)[-1].name if self.shares else None


@memoized
def summarize_metric(part: MetricPeriod) -> MetricSummary:
    """The numbers of one metric's period. An interval without samples, or with NaN alone, gives None for each."""
    current, previous = part.current, part.previous
    mean, previous_mean = _mean(current), _mean(previous)
    lowest, highest = stats.extremes(current.reading)
    is_known = mean is not None and bool(previous_mean)
    withheld = mean is not None and previous_mean is not None and not coverage(part).is_comparable
    return MetricSummary(
        received=len(current),
        expected=part.expected,
        mean=mean,
        previous_mean=previous_mean,
        growth=stats.growth(current.reading, previous.reading) if is_known and not withheld else None,
        is_withheld=withheld,
        lowest=_extreme(current, lowest),
        highest=_extreme(current, highest),
        shares=stats.criticity_shares(current),
    )


def _mean(columns: Columns) -> float | None:
    return stats.mean(columns.reading) if np.isfinite(columns.reading).any() else None


def _extreme(columns: Columns, positions: NDArray[np.intp]) -> Extreme | None:
    if not len(positions):
        return None
    return Extreme(float(columns.reading[positions[0]]), int(columns.time_ms[positions[0]]), len(positions))
