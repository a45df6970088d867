"""Health over a period, minute by minute, and what is expected in the hours after it. Pure."""

from dataclasses import dataclass

import numpy as np

from pycemaker.analysis.forecast.hour_amounts import health_amounts
from pycemaker.analysis.forecast.limit_time import LimitTime, limit_time
from pycemaker.analysis.forecast.metric_forecast import MetricForecast, forecast
from pycemaker.analysis.health import BORDERS, FAILING, MINUTE_MS, Health, health, sample_points
from pycemaker.series.memoize import memoized
from pycemaker.series.period import Period
from pycemaker.series.step_means import step_means
from pycemaker.window import to_epoch_ms

MOST_HOURS_AHEAD, _MOST_HOURS = 24, 168


@dataclass(frozen=True)
class PeriodHealth:
    """The health of a period.

    Attributes:
        health: of each minute of the interval.
        ahead: the forecast over as many hours as the interval has, a day at most; None where it is withheld, and for
            intervals beyond a week.
        fails_at: when half of its paths are at `FAILING`; None where they are not.
    """

    health: Health
    ahead: MetricForecast | None
    fails_at: LimitTime | None


@memoized
def period_health(period: Period) -> PeriodHealth | None:
    """The health of a period; None where it lacks a metric of the index."""
    parts = {part.metric.id: part for part in period.metrics if part.metric.id in BORDERS}
    if len(parts) < len(BORDERS):
        return None
    end_ms, hours = to_epoch_ms(period.window.end_utc), period.window.hours
    ends_ms = end_ms - MINUTE_MS * np.arange(round(hours * 60) - 1, -1, -1, dtype=np.int64)
    points = {
        name: step_means(*sample_points(part.metric, part.current, part.cadence), part.cadence, ends_ms)
        for name, part in parts.items()
    }
    ahead = None
    if hours <= _MOST_HOURS:
        ahead = forecast(health_amounts(parts), min(round(hours) or 1, MOST_HOURS_AHEAD), end_ms, (0.0, 1.0))
    fails_at = limit_time(ahead, FAILING, is_floor=True) if ahead else None
    return PeriodHealth(health(points, ends_ms), ahead, fails_at)
