"""An alert planted into a week of quiet samples, and its mail, made by its notebook for real."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from pycemaker.collect.sample_document import sample_document
from pycemaker.metrics import CPU, DISK, HTTP_FAIL, METRICS, RAM, REQUEST_COUNT, RESPONSE_TIME
from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, THRESHOLD, Alert, AlertHistory
from tests.services.sample_report import SampleReport, sample_report

SINCE = datetime(2026, 11, 24, 20, 40, tzinfo=UTC)
"""17:40 in São Paulo."""

FIRED = Alert(
    f"/cpu/{SINCE.timestamp():.0f}", "", "cpu", THRESHOLD, "cpu", SINCE, SINCE + timedelta(minutes=5), None, 0.9, 0.8,
    worst=0.973,
)  # fmt: skip
NOW = SINCE + timedelta(minutes=6)
LEVELS: dict[str, tuple[float, float, int]] = {
    RESPONSE_TIME.id: (0.12, 2.1, -4),
    CPU.id: (0.42, 0.96, 0),
    HTTP_FAIL.id: (0.0, 9.0, 2),
    REQUEST_COUNT.id: (180.0, 70.0, 3),
    RAM.id: (0.55, 0.55, 0),
    DISK.id: (0.6, 0.6, 0),
}
"""By metric: its level before and after, and the minute, counted from the alert's first, in which it moves."""


def write_alert(database: Database, alerts: tuple[Alert, ...] = (FIRED,), days: int = 7) -> None:
    """Samples of every metric up to `NOW`, a minute apart, and the alerts."""
    random = np.random.default_rng(17)
    times = [NOW - timedelta(minutes=back) for back in range(days * 1440 - 1, -1, -1)]
    for metric in METRICS:
        before, after, at = LEVELS[metric.id]
        levels = np.where([time > SINCE + timedelta(minutes=at) for time in times], after, before)
        readings = np.clip(levels * random.normal(1, 0.03, len(times)), *metric.bounds)
        documents = [sample_document(metric, t, float(r)) for t, r in zip(times, readings, strict=True)]
        database[metric.collection].insert_many(documents)
    AlertHistory(database).save(alerts)


def alert_report(database_url: str, folder: Path, *alerts: Alert, now: datetime = NOW) -> SampleReport:
    """The mail of these alerts, as the alert engine has it made; without any, of those of the last hours."""
    parameters: dict[str, Any] = {"alerts": [alert.id for alert in alerts]} if alerts else {}
    return sample_report(database_url, folder, "alert", end=now, parameters=parameters)


ENDED = replace(FIRED, ended_at=SINCE + timedelta(minutes=38))


def every_alert(since: datetime) -> tuple[Alert, ...]:
    """An alert of each kind and way, open; those with something else to say, ended or acknowledged too."""
    cpu = replace(FIRED, since=since, fired_at=since)
    forecast = replace(cpu, kind=FORECAST, metric="disk", within_hours=24, worst=5.2)
    missing = replace(cpu, kind=NO_DATA, worst=None)
    started = (cpu, forecast, missing)
    return (
        *started,
        *(replace(each, ended_at=since + timedelta(minutes=10)) for each in started),
        replace(cpu, acknowledged_at=since + timedelta(minutes=2)),
        replace(cpu, enter=0.001, leave=0.0005),
        replace(cpu, metric="request_count", enter=0.1, leave=0.2),
        replace(cpu, kind=HEALTH, metric="health", enter=0.3, leave=0.4),
    )
