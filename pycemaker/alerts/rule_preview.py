"""Preview of a rule: the alerts that it would have given over the last 30 days of real history."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from pycemaker.alerts.default_rules import SILENT_SECONDS
from pycemaker.alerts.minute_medians import MetricMinutes, metric_minutes
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import AT_REST, Observation, next_state
from pycemaker.analysis.health import BORDERS, hour_scores
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import HourSamples
from pycemaker.metrics import find_metric
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, Alert
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

DAYS = 30
FORECAST_HOURS = 6
"""The distance of the forecasts that a preview looks at; a rule looks at one an hour."""


def preview(store: Store, forecasts: ForecastReader, rule: Rule, now: datetime) -> list[Alert]:
    """The alerts of the 30 days until a whole minute, oldest first; one that would be open has no end.

    Args:
        store: the application's samples.
        forecasts: makes the forecasts of a rule of FORECAST.
        rule: the rule.
        now: a whole minute.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    seen = _forecasts(store, forecasts, rule, now) if rule.kind == FORECAST else _minutes(store, rule, now)
    return replay(rule, seen, store.application)


def replay(rule: Rule, observations: Iterator[Observation], application: str = "") -> list[Alert]:
    """The alerts that a rule gives of these minutes, oldest first."""
    alerts: list[Alert] = []
    state = AT_REST
    for seen in observations:
        before, state = state, next_state(rule, state, seen)
        if before.is_open and not state.is_open:
            alerts[-1] = replace(alerts[-1], ended_at=from_epoch_ms(seen.at_ms))
        if state.is_open and state is not before:
            since, fired_at = from_epoch_ms(state.wrong_since_ms or 0), from_epoch_ms(state.fired_ms or 0)
            alerts[len(alerts) - before.is_open :] = [rule.alert(application, since, fired_at, worst=state.worst)]
    return alerts


def _minutes(store: Store, rule: Rule, now: datetime) -> Iterator[Observation]:
    """What the rule sees of each minute."""
    start, names = now - timedelta(days=DAYS), tuple(BORDERS) if rule.kind == HEALTH else (rule.metric,)
    series = {}
    for name in names:
        columns = HourSamples(store).read(find_metric(name), Interval(start, now)).columns
        series[name] = metric_minutes(find_metric(name), columns, to_epoch_ms(start), DAYS * 24 * 60)
    return observations(rule, series)


def observations(rule: Rule, series: Mapping[str, MetricMinutes]) -> Iterator[Observation]:
    """What a rule sees of each minute of these metrics: its own, or those of the health."""
    lead = series[rule.metric] if rule.metric in series else next(iter(series.values()))
    readings = lead.medians
    if rule.kind == HEALTH:
        readings = hour_scores({name: series[name].points for name in BORDERS})
    watched = [series[name] for name in BORDERS] if rule.kind == HEALTH else [lead]
    seconds = rule.for_seconds if rule.kind == NO_DATA else SILENT_SECONDS
    silent = np.any([each.is_silent(seconds) for each in watched], axis=0)
    rows = zip(lead.ends_ms.tolist(), readings.tolist(), silent.tolist(), lead.last_ms.tolist(), strict=True)
    return (Observation(at_ms, reading, is_silent, last) for at_ms, reading, is_silent, last in rows)


def _forecasts(store: Store, forecasts: ForecastReader, rule: Rule, now: datetime) -> Iterator[Observation]:
    """What the rule sees every FORECAST_HOURS hours."""
    for back in range(DAYS * 24 // FORECAST_HOURS, -1, -1):
        at = now - timedelta(hours=FORECAST_HOURS * back)
        hours = forecasts.hours_until(store, find_metric(rule.metric), at, rule.within_hours or 1, rule.enter or 0.0)
        yield Observation(to_epoch_ms(at), hours)
