"""The greatest readings of the days before an interval, at any hour, and the margin beyond them that is news. Pure.

The greatest readings of the days are taken at least a day apart (peaks over a threshold are declustered likewise:
A. C. Davison, R. L. Smith, JRSS B 52, 1990), and from three days on the worst is left out, so that one bad day does not
blind the days after it. A record is broken by chance one time in n + 1 after n days: beyond the greatest there must be
a margin, a floor that matters to people and a share of what the days' own greatest differ by, larger after few days.
The floor is doubled in the first week, since what its other days hold is not known yet. As long as such records are not
rare, a stretch must be an outlier among the days' greatest as well (`outlying`).

All amounts are `scaled`; where falls are looked for, they are negative.
"""

import numpy as np

from pycemaker.analysis.findings.time_blocks import DAY_HOURS, WEEK_DAYS
from pycemaker.series.robust import Floats, median, spread

LEAST_DAYS = 1.0
_DAYS_WITH_A_BAD_ONE = 3
_SHARE, _SHARE_OF_ONE_DAY, _MOST_SHARE = 0.5, 5.0, 8.0
_FIRST_WEEK = 2.0
_RARE, _DEVIATIONS = 0.05, 3.0
_FACTOR, _LEAST_POINTS, _MOST_POINTS, _LEAST_COUNT = 1.3, 0.05, 0.10, 0.5


def limit(hours: Floats, floors: float, unit: str, times: float = 1.0) -> float:
    """The amount beyond everything that these hours reached; NaN without a reading.

    Args:
        hours: an amount an hour, oldest first, NaN where there is none.
        floors: how many floors beyond the greatest it is at least.
        unit: the metric's, whose floor is taken at the greatest; `floors` of amounts that are distances in floors.
        times: how many times the margin it is beyond the greatest.
    """
    days = float(np.isfinite(hours).sum() / DAY_HOURS)
    if not days:
        return float("nan")
    days -= days >= _DAYS_WITH_A_BAD_ONE
    reached = greatest(hours)
    scatter = max(0.0, reached - median(_days(hours)))
    least = floors * (1.0 if unit == "floors" else float(floor(np.array([reached]), unit)[0]))
    share = min(_SHARE + _SHARE_OF_ONE_DAY / days, _MOST_SHARE)
    return reached + times * max(least, share * scatter)


def outlying(hours: Floats) -> float:
    """The amount three deviations beyond what the days' greatest usually are; minus infinity from 19 days on.

    After 19 days a record comes by chance on one day in 20 at most, which is rare enough by itself.

    F. R. Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974).
    """
    if np.isfinite(hours).sum() / DAY_HOURS + 1 >= 1 / _RARE:
        return -np.inf
    days = _days(hours)
    return median(days) + _DEVIATIONS * spread(days)


def doubled_at_first(floors: float, known_days: float, way: int) -> float:
    """The floors, twice as many in the first week; for rises from the day on from which the worst day is left out."""
    since = LEAST_DAYS if way < 0 else _DAYS_WITH_A_BAD_ONE
    return floors * _FIRST_WEEK if since <= known_days < WEEK_DAYS else floors


def greatest(hours: Floats) -> float:
    """The greatest amount, from three days on the greatest that is a day from it; minus infinity without one."""
    known = np.where(np.isfinite(hours), hours, -np.inf)
    if np.isfinite(hours).sum() >= _DAYS_WITH_A_BAD_ONE * DAY_HOURS:
        worst = int(known.argmax())
        known[max(0, worst - DAY_HOURS + 1) : worst + DAY_HOURS] = -np.inf
    return float(known.max(initial=-np.inf))


def floor(amounts: Floats, unit: str) -> Floats:
    """The least difference from an amount that matters to people, scaled; falls are negative amounts.

    Seconds, counts and units of a metric's own by 30 %, the latter two by half of one as well; shares by 30 %, 5 points
    at least and 10 at most.
    """
    if unit == "seconds":
        return np.full(len(amounts), np.log(_FACTOR))
    if unit == "ratio":
        return np.clip(np.abs(amounts) * (_FACTOR - 1), _LEAST_POINTS, _MOST_POINTS)
    counts = amounts * np.abs(amounts)
    falls = counts < 0
    further = np.where(falls, counts / _FACTOR, counts * _FACTOR)
    further = np.maximum(further, counts + _LEAST_COUNT)
    with np.errstate(invalid="ignore"):
        distance = np.sign(further) * np.sqrt(np.abs(further)) - amounts
    return np.where(falls & (further > 0), np.inf, distance)


def _days(hours: Floats) -> Floats:
    """Each day's greatest, minus infinity without one; the hours themselves where there is no whole day."""
    whole = len(hours) // DAY_HOURS * DAY_HOURS
    if not whole:
        return hours
    known = np.where(np.isfinite(hours), hours, -np.inf)[len(hours) - whole :]
    return np.asarray(known.reshape(-1, DAY_HOURS).max(axis=1), np.float64)
