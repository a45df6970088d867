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
        low: the lower end of the slope's 95% interval, by ranks (Sen 1968; Gilbert 1987, section 16.4.2).
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
    spread = math.sqrt(_variance(y) * _correction(y - (intercept + slope * x)))
    reach = _TWO_SIDED_95 * spread
    low = slopes[max(0, math.floor((len(slopes) - reach) / 2))]
    high = slopes[min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))]
    return Trend(slope, intercept, float(low), float(high), score / len(slopes), _p_value(score, spread))


def _variance(y: Floats) -> float:
    """The variance of Kendall's score without a trend: (n(n-1)(2n+5) - sum over ties t(t-1)(2t+5)) / 18."""
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    return float(_eighteenth(np.array([float(len(y))])) - _eighteenth(ties))


def _eighteenth(n: Floats) -> float:
    return float((n * (n - 1) * (2 * n + 5)).sum() / 18)


def _correction(residual: Floats) -> float:
    """The factor by which likeness of neighbours widens that: (1 + r) / (1 - r), of the first autocorrelation r
    (Bayley & Hammersley 1946). It is estimated on the residuals of the line, 1/n is added for the bias of short series
    (Kendall 1954: about (1 + 3 r) / n), and likeness below zero is not used to claim more.
    """
    n = len(residual)
    centred = residual - residual.mean()
    total = float(centred @ centred)
    if total <= 0:
        return 1.0
    r = float(centred[1:] @ centred[:-1]) / total
    r = min(0.95, max(0.0, r + (1 + 3 * max(r, 0.0)) / n))
    return (1 + r) / (1 - r)


def _p_value(score: int, spread: float) -> float:
    """The two-sided p-value of the normal deviate with continuity correction; 1 where all points are equal."""
    if spread == 0 or score == 0:
        return 1.0
    return math.erfc((abs(score) - 1) / spread / math.sqrt(2))
