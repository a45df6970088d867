"""Statistics of metric answers, over columns. Pure; NaN takes no part, no sample gives zeros and empty arrays."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.batches import Columns


def mean(readings: NDArray[np.float64]) -> float:
    """The arithmetic mean of the finite readings, in their unit; 0.0 where there is none.

    A sum that would overflow is taken of the divided readings instead.
    """
    finite = readings[np.isfinite(readings)]
    if not len(finite):
        return 0.0
    with np.errstate(over="ignore"):
        plain = float(finite.mean())
    return plain if np.isfinite(plain) else float((finite / len(finite)).sum())


def growth(current: NDArray[np.float64], previous: NDArray[np.float64]) -> float:
    """(mean - previous mean) / previous mean, a ratio.

    0.0 where that is undefined: no reading in either interval, a previous mean of zero, or a quotient too large
    for a float.
    """
    if not (np.isfinite(current).any() and np.isfinite(previous).any()):
        return 0.0
    before = mean(previous)
    if before == 0.0:
        return 0.0
    quotient = mean(current) / before - 1.0 if abs(before) < 1e-300 else (mean(current) - before) / before
    return quotient if np.isfinite(quotient) else 0.0


def extremes(readings: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The indices of the samples at the minimum, and of those at the maximum, ascending; none without a reading."""
    if not np.isfinite(readings).any():
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return np.flatnonzero(readings == np.nanmin(readings)), np.flatnonzero(readings == np.nanmax(readings))


def criticity_shares(columns: Columns) -> dict[str, float]:
    """The share of each criticity among the samples that have a reading: 0 to 1, by name in alphabetical order."""
    return shares_of(criticity_counts(columns))


def criticity_counts(columns: Columns) -> dict[str, int]:
    """The number of samples with a reading of each criticity; criticities without one are left out."""
    codes = columns.criticity[np.isfinite(columns.reading)]
    counts = np.bincount(codes, minlength=len(columns.criticity_names))
    return {name: int(n) for name, n in zip(columns.criticity_names, counts, strict=True) if n}


def shares_of(counts: Mapping[str, int]) -> dict[str, float]:
    """Each count as its share of all, 0 to 1, by name in alphabetical order."""
    total = sum(counts.values())
    return {name: counts[name] / total for name in sorted(counts)}
