"""The routes of an application's health: now, by the minute, and in the hours to come.

All but `/health_score` are what the June 2022 dashboard polls.
"""

import math

import numpy as np
from bottle import Bottle

from pycemaker.analysis.health import FAILING, MINUTE_MS
from pycemaker.errors import NoCurrentReading, NotEnoughHistory
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import with_application
from pycemaker.web import forecast_answers
from pycemaker.web.polled_answers import LIVE_SECONDS, MINUTE_SECONDS, build_slot, polled, whole_minute
from pycemaker.web.services import Services
from pycemaker.window import parse_hours, parse_window, to_epoch_ms


def add_health(app: Bottle, services: Services) -> None:
    """Add the routes; before the metric routes, whose paths look like any other."""
    settings = services.settings
    forecasts, means = services.forecasts, services.sample_means

    @app.get(with_application("/health_score/<date_now>/<time_range>"))  # type: ignore[untyped-decorator]
    def health_score(date_now: str, time_range: str, application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        window = parse_window(
            date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
        )
        with build_slot(services, window.hours * 3600):
            health = means.health(store, whole_minute(window.end_utc), int(window.hours) * 60)
        return polled(forecast_answers.score_rows(health), MINUTE_SECONDS)

    @app.get(with_application("/current_health/<time_range>"))  # type: ignore[untyped-decorator]
    def current_health(time_range: str, application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        hours, now_utc = parse_hours(time_range, limit=settings.max_range_hours), services.clock()
        health = means.health(store, now_utc, 1)
        score = float(health.score[-1])
        if math.isnan(score):
            raise NoCurrentReading(metric=health.worst[-1])
        content = {"current_health": score, "predicted_current_health": score, "predicted_remaining_time": 0}
        try:
            forecast = forecasts.health(store, whole_minute(now_utc), hours)
        except NotEnoughHistory as error:
            return polled(content | {"withheld": error.code}, LIVE_SECONDS)
        middle, _, _ = forecast.ahead.at(np.array([to_epoch_ms(now_utc) + MINUTE_MS]))
        content["predicted_current_health"] = soon = float(middle[0])
        content["predicted_remaining_time"] = forecast_answers.remaining_seconds(forecast) if soon > FAILING else 0
        return polled(content, LIVE_SECONDS)

    @app.get(with_application("/health_data/<time_range>"))  # type: ignore[untyped-decorator]
    def health_data(time_range: str, application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        minutes = parse_hours(time_range, limit=settings.max_range_hours) * 60
        with build_slot(services, minutes * 60):
            health = means.health(store, whole_minute(services.clock()), minutes)
        return polled({"data": forecast_answers.health_rows(health)}, MINUTE_SECONDS)

    @app.get(with_application("/predicted_data/<time_range>"))  # type: ignore[untyped-decorator]
    def predicted_data(time_range: str, application: str = DEFAULT_APPLICATION) -> bytes:
        store = services.store.for_application(application)
        hours = parse_hours(time_range, limit=settings.max_range_hours)
        forecast = forecasts.health(store, whole_minute(services.clock()), hours)
        content = {"remaining_time": forecast_answers.remaining_seconds(forecast)}
        return polled(content | {"data": forecast_answers.predicted_rows(forecast)}, MINUTE_SECONDS)
