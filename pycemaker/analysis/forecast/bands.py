"""Bands around forecasts that hold nine of ten outcomes: adaptive conformal intervals. Pure.

I. Gibbs, E. Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021: the share of past errors
that an edge leaves out grows while outcomes stay inside, and shrinks with each one outside. Each edge adapts by itself,
since errors of load lean to one side.
"""

from bisect import bisect_left, insort

import numpy as np

from pycemaker.series.robust import Floats

OUTSIDE = 0.05
"""The share of outcomes beyond each edge."""

_STEP = 0.02
_ADAPTING_ORIGINS = 336
_WINDOW = 504
_FEWEST_ERRORS = 48


class _Edge:
    """The upper edge of a band at one lead; of negated errors it is the lower one.

    Args:
        errors: the errors known at the first origin, oldest first.
    """

    def __init__(self, errors: list[float]) -> None:
        self._ranked, self._recent, self._share = sorted(errors), list(errors), OUTSIDE

    def learn(self, error: float, edge: float) -> None:
        """Adapt to an outcome, and to the edge that had been drawn for it; NaN where none had been."""
        if edge == edge:
            self._share += _STEP * (OUTSIDE - (error > edge))
        insort(self._ranked, error)
        self._recent.append(error)
        if len(self._recent) > _WINDOW:
            del self._ranked[bisect_left(self._ranked, self._recent.pop(0))]

    def offset(self) -> float:
        """The distance of the edge from the forecast; the largest error at most."""
        ranked, last = self._ranked, len(self._ranked) - 1
        rank = (1 - self._share) * (last + 2) - 1
        if rank >= last:
            return ranked[-1]
        below = max(0, int(rank))
        return ranked[below] + (max(0.0, rank) - below) * (ranked[below + 1] - ranked[below])


def offsets(errors: Floats, lead: int) -> Floats:
    """The distances of a band's two edges from the forecast, at each origin and now.

    Args:
        errors: outcome less forecast, by origin, oldest first; NaN where there was no outcome.
        lead: hours from an origin to its outcome.

    Returns:
        Lower and upper distances, two by origins; NaN at origins at which fewer than 48 errors were known.
    """
    bands = np.full((2, len(errors)), np.nan)
    known = np.isfinite(errors)
    counts = np.cumsum(np.concatenate([np.zeros(lead), known])[: len(errors)])  # of the errors known at each origin
    first = max(int(np.searchsorted(counts, _FEWEST_ERRORS)), len(errors) - _ADAPTING_ORIGINS)
    if first >= len(errors):
        return bands
    before = errors[: max(0, first - lead + 1)]
    start = before[np.isfinite(before)][-_WINDOW:]
    lower, upper = _Edge((-start).tolist()), _Edge(start.tolist())
    bands[:, first] = -lower.offset(), upper.offset()
    for origin in range(first + 1, len(errors)):
        outcome = origin - lead
        if known[outcome]:
            drawn = bands[:, outcome]
            lower.learn(-errors[outcome], -drawn[0])
            upper.learn(errors[outcome], drawn[1])
        bands[:, origin] = -lower.offset(), upper.offset()
    return bands


def coverage(errors: Floats, bands: Floats) -> float | None:
    """The share of outcomes inside the bands drawn before them; None where there was none."""
    both = np.isfinite(errors) & np.isfinite(bands[0])
    inside = (errors >= bands[0]) & (errors <= bands[1])
    return float(inside[both].mean()) if both.any() else None
