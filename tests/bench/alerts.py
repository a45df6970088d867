"""Alerts: what planted histories give, false alerts on quiet periods, and a round over a thousand applications.

`python -m tests.bench alerts`.
"""

from __future__ import annotations

import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import psutil

from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.minute_medians import metric_minutes
from pycemaker.alerts.rule_preview import observations, replay
from pycemaker.analysis.forecast.limit_time import limit_time
from pycemaker.analysis.forecast.metric_forecast import forecast
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import find_metric
from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import FORECAST
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import Window, to_epoch_ms
from tests.bench.data import NOW, mongod
from tests.services import made_up_hours
from tests.services.alerting import QUIET, evaluator_of
from tests.services.noise import quiet_period
from tests.services.planted_minutes import DAY_START, HISTORIES, alerts_of

QUIET_DAYS = 400
FORECASTS_A_DAY = 4
APPLICATIONS = 1_000
_MINUTES = 24 * 60


def main() -> None:
    """Measure, and print."""
    _planted()
    _quiet()
    _quiet_forecasts()
    _round()


def _planted() -> None:
    print("planted histories of a day (rule, fired, ended)")
    for history in HISTORIES:
        rows = [f"{rule} {_clock(alert.fired_at)} to {_clock(alert.ended_at)}" for rule, alert in alerts_of(history)]
        print(f"  {history.name:16} expected {history.expected or '-':32} {'; '.join(rows) or '-'}")


def _clock(instant: datetime | None) -> str:
    return "-" if instant is None else f"{(instant - DAY_START) / timedelta(hours=1):.2f} h"


def _quiet() -> None:
    """Every default rule but the forecasts over quiet days."""
    count = {rule.id: 0 for rule in DEFAULT_RULES if rule.kind != FORECAST}
    for seed in range(QUIET_DAYS):
        period = quiet_period(seed, Window(NOW, 24), days=0)
        start_ms = to_epoch_ms(period.window.start_utc)
        series = {
            part.metric.id: metric_minutes(part.metric, part.current, start_ms, _MINUTES) for part in period.metrics
        }
        for rule in DEFAULT_RULES:
            if rule.kind != FORECAST:
                count[rule.id] += len(replay(rule, observations(rule, series)))
    total = sum(count.values())
    print(f"{QUIET_DAYS} quiet days: {total} alerts, {total * 30 / QUIET_DAYS:.2f} in 30 days of an application")


def _quiet_forecasts() -> None:
    """The forecasts of quiet and of daily levels, below a limit of 1, at some hours of each day."""
    fired, made = 0, 0
    for seed in range(QUIET_DAYS):
        random = np.random.default_rng(seed)
        level = (made_up_hours.quiet, made_up_hours.daily)[seed % 2](random, 22 * 24)
        level = np.clip(level / max(1.0, 1.1 * level.max()), 0, 1)
        for hour in range(FORECASTS_A_DAY):
            known = level[: 21 * 24 + hour * 24 // FORECASTS_A_DAY]
            ahead = forecast(known, 24, len(known) * HOUR_MS, (0.0, 1.0))
            reached = limit_time(ahead, 1.0) if ahead else None
            made += ahead is not None
            fired += reached is not None and reached.latest_ms is not None
    print(f"  of {made:,} forecasts of quiet levels {fired} reach the limit by their late edge")


def _round() -> None:
    """Rounds over a thousand applications with the default rules: this process and MongoDB."""
    with mongod() as (server, data), tempfile.TemporaryDirectory() as folder:
        url = f"{server}/alerts"
        evaluator = evaluator_of(_loaded(url), url, Path(folder))
        processes = psutil.process_iter(["name", "cmdline"])
        mongo = next(
            each for each in processes if each.info["name"] == "mongod" and str(data) in str(each.info["cmdline"])
        )
        seconds = []
        for minute in range(1, 6):
            began, theirs = time.process_time(), sum(mongo.cpu_times()[:2])
            evaluator.evaluate(to_epoch_ms(NOW + timedelta(minutes=minute)))
            seconds.append((time.process_time() - began, sum(mongo.cpu_times()[:2]) - theirs))
        evaluator.report_service.close()
    print(f"a round over {APPLICATIONS:,} applications, seconds of processor time (ours, MongoDB's):")
    print("  " + "; ".join(f"{ours:.2f}, {theirs:.2f}" for ours, theirs in seconds))


def _loaded(url: str) -> Database:
    """Five minutes of every application's samples, every five seconds."""
    database = Database(url)
    for name, reading in QUIET.items():
        metric = find_metric(name)
        for application in range(APPLICATIONS):
            own = {"application": f"app-{application:04}"}
            values = dict.fromkeys(metric.fields, reading / len(metric.fields))
            instants = (NOW + timedelta(seconds=5 * step) for step in range(1, 61))
            database[metric.collection].insert_many([{"time_series": at, **values, **own} for at in instants])
    Store(database).reader.applications.are_several()
    return database
