"""The routes of forecasts: of any metric and the health, and of CPU and RAM as the June 2022 dashboard polls them."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import numpy as np
from bottle import Bottle, request

from pycemaker.analysis.capacity import FULL
from pycemaker.errors import NotEnoughHistory
from pycemaker.metrics import CPU, RAM, Metric, find_metric
from pycemaker.monitor.forecast_reader import HEALTH
from pycemaker.monitor.sample_means import readings
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import with_application
from pycemaker.parsing.values import Value
from pycemaker.web import forecast_answers, request_parameters
from pycemaker.web.polled_answers import LIVE_SECONDS, MINUTE_SECONDS, build_slot, polled, whole_minute
from pycemaker.web.services import Services
from pycemaker.window import parse_hours, parse_instant, parse_window, to_epoch_ms

_LIMIT = Value(float, unit="na unidade da métrica")


def add_forecasts(app: Bottle, services: Services) -> None:
    """Add the routes; before the metric routes, whose paths look like any other."""
    settings = services.settings
    forecasts, means = services.forecasts, services.sample_means

    @app.get(with_application("/forecast/<name>/<date_now>/<time_range>"))  # type: ignore[untyped-decorator]
    def forecast_of(name: str, date_now: str, time_range: str, application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        metric = None if name == HEALTH else find_metric(name)
        now_utc = whole_minute(services.clock())
        window = parse_window(
            date_now, time_range, zone=settings.timezone, now_utc=now_utc, limit=settings.max_range_hours
        )
        given = request_parameters.query(request)
        if metric is None:
            _limit(given, None, takes=())
            forecast = forecasts.health(store, window.end_utc, int(window.hours))
        else:
            limit = _limit(given, FULL if metric.unit == "ratio" else None)
            forecast = forecasts.metric(store, metric, window.end_utc, int(window.hours), limit)
        return polled(forecast_answers.forecast(forecast), MINUTE_SECONDS)

    def predict(metric: Metric, opened: str, time_range: str, application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        now_utc, hours = services.clock(), parse_hours(time_range, limit=settings.max_range_hours)
        opened_utc = parse_instant(opened, zone=settings.timezone, now_utc=now_utc)
        times = forecast_answers.row_times(to_epoch_ms(opened_utc), hours)
        past = times[times <= to_epoch_ms(now_utc)]
        with build_slot(services, float(np.ptp(past)) / 1000 if len(past) else 0.0):
            values = means.means(store, metric, past, readings) if len(past) else np.empty(0)
        forecast = None
        with suppress(NotEnoughHistory):
            forecast = forecasts.metric(store, metric, min(opened_utc, whole_minute(now_utc)), hours)
        return polled(forecast_answers.metric_rows(times, values, forecast), LIVE_SECONDS)

    for metric in (CPU, RAM):
        app.get(with_application(f"/{metric.id}_predict/<opened>/<time_range>"))(partial(predict, metric))


def _limit(query: Mapping[str, str], default: float | None, takes: tuple[str, ...] = ("limit",)) -> float | None:
    """The query's limit, a number; the default without one.

    Raises:
        InvalidParameter: it is no number, or there is another parameter.
    """
    request_parameters.refuse_unknown(query, takes)
    return float(_LIMIT.read("limit", query["limit"])) if "limit" in query else default
