"""Time at which a forecast reaches a limit: earliest, middle, latest. Pure.

A metric that fills up has one date everywhere: where `full_date` names one, or says that it is full, that is it.
Else the forecast is drawn once with each path of errors that such forecasts made, and the paths that get to the limit
are counted.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pycemaker.analysis.forecast.backtest import MEASURED_ORIGINS
from pycemaker.analysis.forecast.bands import OUTSIDE
from pycemaker.analysis.forecast.metric_forecast import MetricForecast, between
from pycemaker.analysis.full_date import Verdict, full_date
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.period import MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.window import to_epoch_ms


@dataclass(frozen=True)
class LimitTime:
    """Instants at which a limit is reached, milliseconds since 1970 in UTC.

    Attributes:
        earliest_ms, latest_ms: of 5 and 95 % of the paths; None where the history is too short to check a band, and
            where fewer paths than that get there.
        middle_ms: of half of them.
    """

    earliest_ms: int | None
    middle_ms: int
    latest_ms: int | None


def metric_limit_time(part: MetricPeriod, ahead: MetricForecast, limit: float) -> LimitTime | None:
    """The time at which a metric reaches a limit from below; None where not half of the paths do in these hours."""
    if part.metric.limit is not None:
        full = full_date(part, limit, math.ceil(ahead.hours / 24))
        if full.verdict is Verdict.FULL:
            return LimitTime(ahead.origin_ms, ahead.origin_ms, ahead.origin_ms)
        if full.at_utc is not None:
            at_ms = to_epoch_ms(full.at_utc)
            is_within = at_ms <= ahead.origin_ms + ahead.hours * HOUR_MS
            return LimitTime(_ms(full.early_utc), at_ms, _ms(full.late_utc)) if is_within else None
    return limit_time(ahead, limit)


def limit_time(ahead: MetricForecast, limit: float, *, is_floor: bool = False) -> LimitTime | None:
    """The time at which the forecast reaches a limit; None where not half of the paths do.

    Args:
        ahead: the forecast.
        limit: in its unit.
        is_floor: True where the limit is reached from above.
    """
    sign = -1.0 if is_floor else 1.0
    paths = np.clip(ahead.middle + _error_paths(ahead), *ahead.bounds)
    courses = sign * np.concatenate([np.full((len(paths), 1), ahead.amount), paths], axis=1)
    reached = courses >= sign * limit
    gets_there = reached.any(axis=1)
    if not len(paths) or gets_there.mean() < 0.5:
        return None
    hour = reached.argmax(axis=1)
    after, before = courses[np.arange(len(paths)), hour], courses[np.arange(len(paths)), np.maximum(hour - 1, 0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        hours = np.where(hour > 0, hour - (after - sign * limit) / (after - before), 0.0)
    ranked = np.sort(np.where(gets_there, hours, np.inf))
    earliest, middle, latest = (ranked[math.ceil(share * len(ranked)) - 1] for share in (OUTSIDE, 0.5, 1 - OUTSIDE))
    has_band = ahead.at_end.band is not None
    ends = [
        ahead.origin_ms + round(each * HOUR_MS) if has_band and each < np.inf else None for each in (earliest, latest)
    ]
    return LimitTime(ends[0], ahead.origin_ms + round(middle * HOUR_MS), ends[1])


def _error_paths(ahead: MetricForecast) -> Floats:
    """The errors made from each of the newest origins, at each hour ahead."""
    made = np.array([tested.residuals for tested in ahead.leads]).T
    whole = made[np.isfinite(made).all(axis=1)][-MEASURED_ORIGINS:]
    leads = np.array([tested.lead for tested in ahead.leads], np.int64)
    return between(leads, whole.T, np.arange(1, ahead.hours + 1)).T


def _ms(instant_utc: datetime | None) -> int | None:
    return None if instant_utc is None else to_epoch_ms(instant_utc)
