"""What a metric reached in the days before an interval, at any hour, and how far beyond that is news. Pure.

The greatest readings of the days are taken at least a day apart (peaks over a threshold are declustered likewise:
A. C. Davison, R. L. Smith, JRSS B 52, 1990), and from three days on the worst is left out, so that one bad day does not
blind the days after it. A record is broken by chance one time in n + 1 after n days: beyond the greatest there must be
a margin, a floor that matters to people and a share of what the days' own greatest differ by, larger after few days.

All amounts are `scaled`; where falls are looked for, they are negative.
"""

from __future__ import annotations

import numpy as np

from pycemaker.analysis.findings.blocks import DAY_HOURS
from pycemaker.series.robust import Floats, median

LEAST_DAYS = 1.0
_DAYS_WITH_A_BAD_ONE = 3
_SHARE, _SHARE_OF_ONE_DAY = 0.5, 2.0
_FACTOR, _LEAST_POINTS, _MOST_POINTS, _LEAST_REQUESTS = 1.3, 0.05, 0.10, 0.5


def limit(hours: Floats, floors: float, unit: str) -> float:
    """What is further than anything that these hours reached; NaN without a reading.

    Args:
        hours: an amount an hour, oldest first, NaN where there is none.
        floors: how many floors beyond the greatest it is at least.
        unit: the metric's, whose floor is taken at the greatest; `floors` of amounts that are distances in floors.
    """
    days = float(np.isfinite(hours).sum() / DAY_HOURS)
    if not days:
        return float("nan")
    days -= days >= _DAYS_WITH_A_BAD_ONE
    reached = greatest(hours)
    scatter = max(0.0, reached - _usual(hours))
    least = floors * (1.0 if unit == "floors" else float(floor(np.array([reached]), unit)[0]))
    return reached + max(least, (_SHARE + _SHARE_OF_ONE_DAY / days) * scatter)


def greatest(hours: Floats) -> float:
    """The greatest amount, from three days on the greatest that is a day from it; minus infinity without one."""
    known = np.where(np.isfinite(hours), hours, -np.inf)
    if np.isfinite(hours).sum() >= _DAYS_WITH_A_BAD_ONE * DAY_HOURS:
        worst = int(known.argmax())
        known[max(0, worst - DAY_HOURS + 1) : worst + DAY_HOURS] = -np.inf
    return float(known.max(initial=-np.inf))


def floor(amounts: Floats, unit: str) -> Floats:
    """How far from an amount a difference matters to people, scaled; falls are negative amounts.

    Seconds and counts by 30 %, counts by half a request as well; shares by 30 %, 5 points at least and 10 at most.
    """
    if unit == "seconds":
        return np.full(len(amounts), np.log(_FACTOR))
    if unit == "ratio":
        return np.clip(np.abs(amounts) * (_FACTOR - 1), _LEAST_POINTS, _MOST_POINTS)
    counts = amounts * np.abs(amounts)
    falls = counts < 0
    further = np.where(falls, counts / _FACTOR, counts * _FACTOR)
    further = np.maximum(further, counts + _LEAST_REQUESTS)
    with np.errstate(invalid="ignore"):
        distance = np.sign(further) * np.sqrt(np.abs(further)) - amounts
    return np.where(falls & (further > 0), np.inf, distance)


def _usual(hours: Floats) -> float:
    """The median of the days' greatest."""
    whole = len(hours) // DAY_HOURS * DAY_HOURS
    if not whole:
        return median(hours)
    days = np.where(np.isfinite(hours), hours, -np.inf)[len(hours) - whole :].reshape(-1, DAY_HOURS).max(axis=1)
    return median(days)
