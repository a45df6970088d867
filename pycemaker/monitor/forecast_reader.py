"""Reader of forecasts: of a metric, and of the health of an application, each made once for an origin.

They go by the hour summaries of four weeks (`HISTORY_DAYS`), or of as many as a longer forecast needs, and the samples
of two hours.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker.analysis.forecast.backtest import needed_hours
from pycemaker.analysis.forecast.hour_amounts import health_amounts, metric_amounts
from pycemaker.analysis.forecast.limit_time import LimitTime, limit_time, metric_limit_time
from pycemaker.analysis.forecast.metric_forecast import MetricForecast, forecast
from pycemaker.analysis.health import BORDERS, FAILING
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_summaries import SummaryStore
from pycemaker.errors import NotEnoughHistory
from pycemaker.metrics import Metric, find_metric
from pycemaker.mongo.single_flight import KeptResults
from pycemaker.monitor.sample_means import KEPT_SECONDS, read_columns
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.period import HISTORY_DAYS, MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.window import Interval, Window, days_before, to_epoch_ms

HEALTH = "health"
_KEPT = 2_000
"""Forecasts in memory; one of 24 hours has 2 KB."""

_Key = tuple[str, str, int, int, float | None]


@dataclass(frozen=True)
class Forecast:
    """A forecast, and when it reaches a limit.

    Attributes:
        ahead: the forecast, without its backtests of other leads than the last.
        limit: in the unit of the forecast; None where none was given.
        reaches_limit: when it gets there; None where not half of the paths do.
    """

    ahead: MetricForecast
    limit: float | None
    reaches_limit: LimitTime | None


class ForecastReader:
    """Makes forecasts and keeps them. Threads share it. `slot`: held while one is made, which takes up to a second."""

    def __init__(self, slot: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._slot = slot
        self._kept = KeptResults[_Key, Forecast | NotEnoughHistory](_KEPT, KEPT_SECONDS)

    def metric(
        self, store: Store, metric: Metric, origin_utc: datetime, hours: int, limit: float | None = None
    ) -> Forecast:
        """The forecast of a metric over so many hours after the origin.

        Raises:
            NotEnoughHistory: the history is too short to compare such forecasts with what came; DatabaseUnreachable:
                MongoDB is away; what `slot` raises.
        """

        def make() -> Forecast | NotEnoughHistory:
            part = _part(store, metric, origin_utc, hours)
            amounts = metric_amounts(part)
            ahead = forecast(amounts, hours, to_epoch_ms(origin_utc), metric.bounds)
            if ahead is None:
                return _lacking(metric.id, hours, {metric.id: amounts})
            reached = None if limit is None else metric_limit_time(part, ahead, limit)
            return _forecast(ahead, limit, reached)

        return self._once((store.application, metric.id, to_epoch_ms(origin_utc), hours, limit), make)

    def hours_until(self, store: Store, metric: Metric, origin_utc: datetime, hours: int, limit: float) -> float:
        """The hours until the late edge of a metric's band is at a limit; infinite where it is not within so many.

        NaN where the history is too short for a forecast. Raises DatabaseUnreachable, and what `slot` raises.
        """
        try:
            reached = self.metric(store, metric, origin_utc, hours, limit).reaches_limit
        except NotEnoughHistory:
            return math.nan
        late_ms = reached.latest_ms if reached else None
        return math.inf if late_ms is None else (late_ms - to_epoch_ms(origin_utc)) / HOUR_MS

    def health(self, store: Store, origin_utc: datetime, hours: int) -> Forecast:
        """The forecast of the health over so many hours after the origin; its limit is that at which it fails.

        Raises:
            NotEnoughHistory, DatabaseUnreachable: as `metric`.
        """

        def make() -> Forecast | NotEnoughHistory:
            parts = {name: _part(store, find_metric(name), origin_utc, hours) for name in BORDERS}
            ahead = forecast(health_amounts(parts), hours, to_epoch_ms(origin_utc), (0.0, 1.0))
            if ahead is None:
                return _lacking(HEALTH, hours, {name: metric_amounts(part) for name, part in parts.items()})
            return _forecast(ahead, FAILING, limit_time(ahead, FAILING, is_floor=True))

        return self._once((store.application, HEALTH, to_epoch_ms(origin_utc), hours, FAILING), make)

    def _once(self, key: _Key, make: Callable[[], Forecast | NotEnoughHistory]) -> Forecast:
        """The kept forecast of this key, else a new one, which is kept."""
        made = self._kept.get(key, lambda: self._made(make))
        if isinstance(made, NotEnoughHistory):
            raise NotEnoughHistory(**made.facts)
        return made

    def _made(self, make: Callable[[], Forecast | NotEnoughHistory]) -> Forecast | NotEnoughHistory:
        with self._slot():
            return make()


def _part(store: Store, metric: Metric, origin_utc: datetime, hours: int) -> MetricPeriod:
    """The metric over the hour before the origin, with as much history as such a forecast can use."""
    window = Window(origin_utc, 1)
    days = max(HISTORY_DAYS, math.ceil((needed_hours(hours) + 24) / 24))
    columns = read_columns(store, metric, Interval(window.previous_start_utc, origin_utc))
    return MetricPeriod(
        metric,
        window,
        ZoneInfo("UTC"),
        columns.within(window.current),
        columns.within(window.previous),
        history=SummaryStore(store).read(metric, days_before(window, days)),
    )


def _forecast(ahead: MetricForecast, limit: float | None, reached: LimitTime | None) -> Forecast:
    return Forecast(replace(ahead, leads=(replace(ahead.at_end, residuals=np.empty(0)),)), limit, reached)


def _lacking(name: str, hours: int, amounts: dict[str, Floats]) -> NotEnoughHistory:
    """The error that names the metrics whose history is too short, or which have no reading in the last hour."""
    known = {metric_id: int(np.isfinite(each).sum()) for metric_id, each in amounts.items()}
    silent = [metric_id for metric_id, each in amounts.items() if not len(each) or np.isnan(each[-1])]
    short = [metric_id for metric_id, count in known.items() if count < needed_hours(hours)]
    return NotEnoughHistory(
        metric=name,
        hours=hours,
        missing=silent or short or list(known),
        history_hours=min(known.values()),
        needed_hours=needed_hours(hours),
    )
