"""Forecast of hourly amounts: the hours to come with their band, and how good such forecasts were. Pure.

    forecast(amounts, hours=24, origin_ms=...)

weights the methods at each hour of the first day by their backtest there; later at some leads, which are no whole days,
since the last value is as good as a day's shape there, and at the last two.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.forecast.backtest import FEWEST_ORIGINS, LeadBacktest, backtest, needed_hours
from pycemaker.analysis.forecast.methods import predictions
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.robust import Floats

_LEADS = (*range(1, 25), 30, 42, 54, 78, 102, 126, 150, 174, 222, 270, 318, 390, 510, 630)


@dataclass(frozen=True)
class MetricForecast:
    """The hours to come.

    Attributes:
        origin_ms: the instant from which it looks ahead, milliseconds since 1970 in UTC.
        amount: the last hour's, from which the first hour to come starts.
        middle, low, high: at each full hour after the origin: 50, 5 and 95 %; low and high are NaN where the history is
            too short to check a band.
        bounds: the least and the greatest amount there can be.
        history_hours: the hours with an amount that it was made from.
        leads: the backtests that it goes by, the last one at its end.
    """

    origin_ms: int
    amount: float
    middle: Floats
    low: Floats
    high: Floats
    bounds: tuple[float, float]
    history_hours: int
    leads: tuple[LeadBacktest, ...]

    @property
    def hours(self) -> int:
        """The number of hours to come."""
        return len(self.middle)

    @property
    def at_end(self) -> LeadBacktest:
        """The backtest of its last hour."""
        return self.leads[-1]

    def at(self, time_ms: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """Middle, low and high at these instants, on lines between the hours; NaN before the origin and past the end.

        Up to the first full hour the band has the width that it has there.
        """
        hour = (time_ms - self.origin_ms) / HOUR_MS
        outside = (hour < 0) | (hour > self.hours)
        known = np.arange(self.hours + 1)
        middle = np.concatenate([[self.amount], self.middle])
        below, above = (np.concatenate([each[:1], each]) for each in (self.middle - self.low, self.high - self.middle))
        lines = [np.where(outside, np.nan, np.interp(hour, known, each)) for each in (middle, below, above)]
        return lines[0], np.clip(lines[0] - lines[1], *self.bounds), np.clip(lines[0] + lines[2], *self.bounds)


def forecast(
    amounts: Floats, hours: int, origin_ms: int, bounds: tuple[float, float] = (0.0, np.inf)
) -> MetricForecast | None:
    """The forecast of so many hours; None where the history is too short to compare one with what came.

    Args:
        amounts: hourly, oldest first; NaN where unknown. The last one is the hour before the origin.
        hours: 1 or more.
        origin_ms: milliseconds since 1970 in UTC.
        bounds: the least and the greatest amount there can be.
    """
    amounts = amounts[int(np.argmax(np.isfinite(amounts))) :] if len(amounts) else amounts
    history_hours = int(np.isfinite(amounts).sum())
    if history_hours < needed_hours(hours) or not np.isfinite(amounts[-1]):
        return None
    filled = _filled(amounts)
    leads = np.array([*(lead for lead in _LEADS if lead < hours - 1), *range(max(1, hours - 1), hours + 1)], np.int64)
    tested = backtest(amounts, filled, leads)
    if tested[-1].origins < FEWEST_ORIGINS:
        return None
    ahead = np.arange(1, hours + 1)
    known = predictions(filled, ahead, 1)[:, 0]
    weights = between(leads, np.array([each.weights for each in tested]), ahead).T * np.isfinite(known)
    middle = (weights * np.nan_to_num(known)).sum(axis=0) / weights.sum(axis=0)
    edges = _edges(tested, ahead)
    low, high = (np.clip(middle + edge, *bounds) for edge in edges)
    middle = np.clip(middle, *bounds)
    low, high = np.minimum(low, middle), np.maximum(high, middle)
    return MetricForecast(origin_ms, float(amounts[-1]), middle, low, high, bounds, history_hours, tested)


def between(leads: NDArray[np.int64], rows: Floats, ahead: NDArray[np.int64]) -> Floats:
    """A row for each hour ahead, on a line between those of the leads around it; NaN next to NaN."""
    after = np.searchsorted(leads, ahead)
    before = np.maximum(after - 1, 0)
    span = np.maximum(leads[after] - leads[before], 1)
    share = np.where(ahead == leads[after], 1.0, (ahead - leads[before]) / span)[:, None]
    mixed = np.where(share == 1, 0.0, rows[before] * (1 - share)) + rows[after] * share
    return np.asarray(mixed, np.float64)


def _edges(tested: tuple[LeadBacktest, ...], ahead: NDArray[np.int64]) -> Floats:
    """The distances of the lower and the upper edge from the middle, between the leads that have a band; NaN after."""
    known = [each for each in tested if each.band is not None]
    if not known:
        return np.full((2, len(ahead)), np.nan)
    leads = [each.lead for each in known]
    lower, upper = np.array([each.band for each in known]).T
    return np.array([np.interp(ahead, leads, each, right=np.nan) for each in (lower, upper)])


def _filled(amounts: Floats) -> Floats:
    """Each unknown hour as the one before it."""
    known = np.where(np.isfinite(amounts), np.arange(len(amounts)), 0)
    return amounts[np.maximum.accumulate(known)]
