"""Robust trends: the slope that most pairs of points agree on, and whether there is any. Pure numbers over arrays."""

import math
from dataclasses import dataclass

import numpy as np

from pycemaker.series.robust import Floats

_TWO_SIDED_95 = 1.959964  # the normal deviate that 2.5% exceed


@dataclass(frozen=True)
class Trend:
    """A line through points, and how far it can be trusted.

    Attributes:
        slope: per unit of x; the median of the slopes of all pairs of points (Theil 1950, Sen 1968).
        intercept: the median of y - slope * x, so that half the points lie above the line.
        low, high: the ends of the slope's 95% interval, by ranks (Sen 1968; Gilbert 1987, section 16.4.2).
        tau: Kendall's tau-a: the share of pairs that rise, less the share that fall, -1 to 1.
        p: the two-sided p-value of no trend (Mann 1945, Kendall 1975), corrected for ties and, where neighbouring
            points resemble one another, for that.
    """

    slope: float
    intercept: float
    low: float
    high: float
    tau: float
    p: float

    def at(self, x: float) -> float:
        """The line at `x`."""
        return self.intercept + self.slope * x


def trend(x: Floats, y: Floats) -> Trend | None:
    """The trend of points, by x. `x`: strictly ascending. `y`: finite, as many. None with fewer than three points."""
    if len(x) < 3:
        return None
    first, second = np.triu_indices(len(x), 1)
    slopes = np.sort((y[second] - y[first]) / (x[second] - x[first]))
    slope = float(np.median(slopes))
    intercept = float(np.median(y - slope * x))
    score = int(np.sign(y[second] - y[first]).sum())
    deviation = math.sqrt(_variance(y) * _variance_inflation(y - (intercept + slope * x)))
    reach = _TWO_SIDED_95 * deviation
    low = slopes[max(0, math.floor((len(slopes) - reach) / 2))]
    high = slopes[min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))]
    return Trend(slope, intercept, float(low), float(high), score / len(slopes), _p_value(score, deviation))


def _variance(y: Floats) -> float:
    """The variance of Kendall's score without a trend: (n(n-1)(2n+5) - sum over ties t(t-1)(2t+5)) / 18."""
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    return float(_tie_term(np.array([float(len(y))])) - _tie_term(ties))


def _tie_term(n: Floats) -> float:
    """The sum of n(n-1)(2n+5) / 18."""
    return float((n * (n - 1) * (2 * n + 5)).sum() / 18)


def _variance_inflation(residual: Floats) -> float:
    """The variance inflation by autocorrelation: (1 + r) / (1 - r), r at lag one (Bayley & Hammersley 1946).

    r is estimated on the residuals of the line. (1 + 3 r) / n is added for the bias of short series (Kendall 1954).
    An r below zero counts as zero, so that it makes no trend more significant.
    """
    n = len(residual)
    centred = residual - residual.mean()
    total = float(centred @ centred)
    if total <= 0:
        return 1.0
    r = float(centred[1:] @ centred[:-1]) / total
    r = min(0.95, max(0.0, r + (1 + 3 * max(r, 0.0)) / n))
    return (1 + r) / (1 - r)


def _p_value(score: int, deviation: float) -> float:
    """The two-sided p-value of the normal deviate with continuity correction; 1 where all points are equal."""
    if deviation == 0 or score == 0:
        return 1.0
    return math.erfc((abs(score) - 1) / deviation / math.sqrt(2))
