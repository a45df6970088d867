"""Means of samples over equal steps of time. Pure."""

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.cadence import Cadence
from pycemaker.series.robust import Floats


def step_means(time_ms: NDArray[np.int64], amounts: Floats, cadence: Cadence, ends_ms: NDArray[np.int64]) -> Floats:
    """The mean of the amounts of each step; NaN where samples are missing by the cadence.

    Where the cadence is slower than the steps, an amount stands for the steps after it until the next one is due.

    Args:
        time_ms: oldest first; samples before the first step only stand for later ones.
        amounts: finite; the last axis is time.
        cadence: of these samples.
        ends_ms: the end of each step, equally spaced.
    """
    step_ms = int(ends_ms[1] - ends_ms[0]) if len(ends_ms) > 1 else 60_000
    bounds = np.searchsorted(time_ms, np.concatenate([ends_ms[:1] - step_ms, ends_ms]), side="right")
    sums = np.concatenate([np.zeros((*amounts.shape[:-1], 1)), np.cumsum(amounts, axis=-1)], axis=-1)
    counts, latest = np.diff(bounds), bounds[1:] - 1
    means = np.diff(sums[..., bounds], axis=-1) / np.where(counts, counts, np.nan)
    stands = (counts == 0) & (latest >= 0)
    stands[stands] = ends_ms[stands] - time_ms[latest[stands]] <= cadence.gaps_ms(ends_ms[stands])
    means[..., stands] = amounts[..., latest[stands]]
    return np.asarray(means, np.float64)
