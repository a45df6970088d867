"""Preview of a rule: the alerts that it would have given over the last 30 days of real history."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pycemaker.alerts.minute_medians import Samples, mean_points, medians, rates
from pycemaker.alerts.rule import DEFAULT_RULES, Rule
from pycemaker.alerts.rule_state import AT_REST, MINUTE_MS, Observation, next_state
from pycemaker.analysis.health import BORDERS, hour_scores
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import HourSamples
from pycemaker.metrics import find_metric
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.series import cadence
from pycemaker.series.robust import Floats
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

DAYS = 30
FORECAST_HOURS = 6
"""The distance of the forecasts that a preview looks at; a rule looks at one an hour."""

_SILENCE = next(rule for rule in DEFAULT_RULES if rule.kind == NO_DATA)


@dataclass(frozen=True)
class PreviewedAlert:
    """An alert that a rule would have given; `ended_at` None means that it would be open."""

    since: datetime
    fired_at: datetime
    ended_at: datetime | None
    worst: float | None


def preview(store: Store, forecasts: ForecastReader, rule: Rule, now: datetime) -> list[PreviewedAlert]:
    """The alerts of the 30 days until a whole minute, oldest first.

    Args:
        store: the application's samples.
        forecasts: makes the forecasts of a rule of FORECAST.
        rule: the rule.
        now: a whole minute.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    if rule.kind == FORECAST:
        return replay(rule, _forecasts(store, forecasts, rule, now))
    return replay(rule, _minutes(store, rule, now))


def replay(rule: Rule, observations: Iterator[Observation]) -> list[PreviewedAlert]:
    """The alerts that a rule gives of these minutes, oldest first."""
    alerts: list[PreviewedAlert] = []
    state = AT_REST
    for seen in observations:
        before, state = state, next_state(rule, state, seen)
        if before.is_open and not state.is_open:
            alerts[-1] = _alert(before.wrong_since_ms, before.fired_ms, seen.at_ms, before.worst)
        if state.is_open and state is not before:
            alerts[len(alerts) - before.is_open :] = [_alert(state.wrong_since_ms, state.fired_ms, None, state.worst)]
    return alerts


def _alert(since_ms: int | None, fired_ms: int | None, ended_ms: int | None, worst: float | None) -> PreviewedAlert:
    ended_at = None if ended_ms is None else from_epoch_ms(ended_ms)
    return PreviewedAlert(from_epoch_ms(since_ms or 0), from_epoch_ms(fired_ms or 0), ended_at, worst)


def _minutes(store: Store, rule: Rule, now: datetime) -> Iterator[Observation]:
    """What the rule sees of each minute."""
    names = tuple(BORDERS) if rule.kind == HEALTH else (rule.metric,)
    series = [_MetricMinutes.read(store, name, rule, now) for name in names]
    readings = series[0].medians
    if rule.kind == HEALTH:
        readings = hour_scores(dict(zip(names, (each.points for each in series), strict=True)))
    silent = np.any([each.is_silent for each in series], axis=0)
    rows = zip(series[0].ends_ms.tolist(), readings.tolist(), silent.tolist(), series[0].last_ms.tolist(), strict=True)
    return (Observation(at_ms, reading, is_silent, last) for at_ms, reading, is_silent, last in rows)


@dataclass(frozen=True)
class _MetricMinutes:
    """A metric's minutes: their ends, medians, points of health, newest samples, and whether it is silent."""

    ends_ms: np.ndarray[tuple[int], np.dtype[np.int64]]
    medians: Floats
    points: Floats
    last_ms: np.ndarray[tuple[int], np.dtype[np.int64]]
    is_silent: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def read(cls, store: Store, name: str, rule: Rule, now: datetime) -> _MetricMinutes:
        metric, start = find_metric(name), now - timedelta(days=DAYS)
        columns = HourSamples(store).read(metric, Interval(start, now)).columns
        finite = np.isfinite(columns.reading)
        times, readings = columns.time_ms[finite], columns.reading[finite]
        start_ms, count = to_epoch_ms(start), DAYS * 24 * 60
        ends = start_ms + MINUTE_MS * np.arange(1, count + 1, dtype=np.int64)
        if not len(times):
            nothing = np.full(count, np.nan)
            return cls(ends, nothing, nothing, ends, np.zeros(count, bool))
        own = rates(metric, Samples(np.zeros(len(times), np.intp), times, readings), np.array([np.nan]))
        minute = (own.time_ms - start_ms - 1) // MINUTE_MS
        points = mean_points(name, minute, own.reading, count) if name in BORDERS else np.empty(0)
        latest = np.searchsorted(times, ends, side="right") - 1
        last_ms = times[np.maximum(latest, 0)]
        learned = cadence.learn(times, start_ms, to_epoch_ms(now))
        steps = learned.steps_ms(last_ms) if learned else np.full(count, math.inf)
        seconds = rule.for_seconds if rule.kind == NO_DATA else _SILENCE.for_seconds
        is_silent = (latest >= 0) & (ends - last_ms > np.maximum(1000 * seconds, 3 * steps))
        return cls(ends, medians(minute, own.reading, count), points, last_ms, is_silent)


def _forecasts(store: Store, forecasts: ForecastReader, rule: Rule, now: datetime) -> Iterator[Observation]:
    """What the rule sees every FORECAST_HOURS hours."""
    for back in range(DAYS * 24 // FORECAST_HOURS, -1, -1):
        at = now - timedelta(hours=FORECAST_HOURS * back)
        hours = forecasts.hours_until(store, find_metric(rule.metric), at, rule.within_hours or 1, rule.enter or 0.0)
        yield Observation(to_epoch_ms(at), hours)
