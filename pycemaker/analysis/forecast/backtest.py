"""Rolling-origin backtest: the errors that each method would have made, and the weights that follow. Pure.

At every origin the methods are weighted by their errors that were known then, recent ones first, so the weighted mean
is tested as it is used. Where it was no better than the last value, the last value takes its place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.forecast.bands import coverage, offsets
from pycemaker.analysis.forecast.methods import LAST_VALUE, METHODS, Leads, predictions
from pycemaker.series.robust import Floats

FEWEST_ORIGINS = 24
MEASURED_ORIGINS = 336
"""The newest origins, two weeks of them, whose errors are reported."""

BAND_HOURS_PER_LEAD, _LEAST_BAND_LEAD = 21, 6
_BAND_LEADS = frozenset((1, 2, 3, 6, 12, 18, 30))
_HALF_LIFE_HOURS = 72.0
_POWER = 6.0
_LAST = METHODS.index(LAST_VALUE)


@dataclass(frozen=True)
class LeadBacktest:
    """The backtest at one lead, in the unit of the amounts.

    Attributes:
        lead: hours ahead.
        weights: of each of METHODS, together 1.
        origins: the number of forecasts that were compared with what came.
        error: their mean absolute error.
        error_of_last_value: that of the last value at the same origins.
        residuals: what came less the forecast, an origin each, the newest last; NaN where nothing came.
        band: distances of the lower and the upper edge from the forecast; None where the history is too short for one,
            and at leads between others that have one.
        coverage: the share of outcomes inside the bands drawn at those origins; None without a band.
    """

    lead: int
    weights: Floats
    origins: int
    error: float
    error_of_last_value: float
    residuals: Floats
    band: tuple[float, float] | None
    coverage: float | None

    @property
    def method(self) -> str:
        """The last value where it took the forecast's place; else the method of the largest weight beside it."""
        if self.weights[_LAST] == 1:
            return LAST_VALUE
        return METHODS[int(np.argmax(np.where(np.arange(len(METHODS)) == _LAST, -1.0, self.weights)))]

    @property
    def named_weights(self) -> dict[str, float]:
        """The weights of a hundredth and more, by method."""
        return {name: round(each, 2) for name, each in zip(METHODS, self.weights.tolist(), strict=True) if each >= 0.01}


def needed_hours(lead: int) -> int:
    """The hours of history that a forecast so many hours ahead needs: as many again, up to a week, to compare it."""
    return lead + min(max(lead, FEWEST_ORIGINS), 168)


def has_band(lead: int, history_hours: int) -> bool:
    """True where the history is long enough to check a band: five days up to 6 hours ahead, three weeks at 24."""
    return history_hours >= BAND_HOURS_PER_LEAD * max(lead, _LEAST_BAND_LEAD)


def backtest(amounts: Floats, filled: Floats, leads: Leads) -> tuple[LeadBacktest, ...]:
    """The backtest of each lead, over all hours.

    Args:
        amounts: hourly, oldest first; NaN where unknown.
        filled: the same, with each unknown hour as the one before it.
        leads: hours ahead, ascending; each has an outcome at `FEWEST_ORIGINS` origins or more.
    """
    every = predictions(filled, leads, len(filled))
    draws_band = [int(lead) in _BAND_LEADS or lead == leads[-1] for lead in leads]
    return tuple(
        _at_lead(amounts, every[:, :, index], int(lead), draws_band=draws_band[index])
        for index, lead in enumerate(leads)
    )


def _at_lead(amounts: Floats, predicted: Floats, lead: int, *, draws_band: bool) -> LeadBacktest:
    outcome = np.concatenate([amounts[lead:], np.full(lead, np.nan)])
    residuals = outcome - predicted
    is_known = np.isfinite(predicted)
    weights = _weights(np.abs(residuals), lead, is_known)
    known = np.where(is_known, predicted, 0.0)
    weighted = outcome - (weights * known).sum(axis=0)
    last = residuals[_LAST]
    recent = np.flatnonzero(np.isfinite(weighted))[-MEASURED_ORIGINS:]
    error, error_of_last = (float(np.abs(each[recent]).mean()) for each in (weighted, last))
    now = weights[:, -1]
    if not error < error_of_last:
        weighted, error, now = last, error_of_last, np.eye(len(METHODS))[_LAST]
    band, covered = None, None
    if draws_band and has_band(lead, int(np.isfinite(amounts).sum())):
        edges = offsets(weighted, lead)
        covered = coverage(weighted, edges)
        band = (float(edges[0, -1]), float(edges[1, -1])) if covered is not None else None
    return LeadBacktest(lead, now, len(recent), error, error_of_last, weighted, band, covered)


def _weights(errors: Floats, lead: int, is_known: NDArray[np.bool_]) -> Floats:
    """Each method's weight at each origin: its mean error known there to the power of -6; the last value without any.

    An error counts half as much as one that is 72 hours younger.
    """
    unknown = np.full((len(METHODS), lead), np.nan)
    past: Floats = np.concatenate([unknown, errors[:, :-lead]], axis=1)
    counted = np.isfinite(past)
    growth = 2.0 ** (np.arange(len(past.T)) / _HALF_LIFE_HOURS)
    sums, counts = (np.cumsum(each * growth, axis=1) for each in (np.where(counted, past, 0.0), counted))
    usable = is_known & (np.cumsum(counted, axis=1) >= FEWEST_ORIGINS // 2)
    means = np.where(usable, sums / np.maximum(counts, 1e-9), np.inf)
    best = means.min(axis=0)
    with np.errstate(invalid="ignore"):
        shares = np.where(means <= best, 1.0, (best / means) ** _POWER)
    alone = np.eye(len(METHODS))[:, _LAST : _LAST + 1]
    return np.where(np.isinf(best), alone, shares / shares.sum(axis=0))
