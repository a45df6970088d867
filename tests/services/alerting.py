"""An evaluator over planted samples, and what it has enqueued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pycemaker.alerts.evaluator import Evaluator, make_evaluator
from pycemaker.cache.sample_store import Store
from pycemaker.jobs import states
from pycemaker.metrics import find_metric
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.window import to_epoch_ms
from tests.services.report_service import service_of

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

QUIET = {"cpu": 0.3, "ram": 0.4, "disk": 0.5, "response_time": 0.2, "request_count": 50.0, "http_fail": 0.0}
"""A quiet minute, by metric, in its unit."""


def evaluator_of(database: Database, url: str, folder: Path, **given: str) -> Evaluator:
    """An evaluator whose mails go into the outbox of a folder; its thread is not started."""
    given = {"MONGO_DB_URL": url, "DATA_DIR": str(folder), "ALERT_RECIPIENTS": "ana@example.com"} | given
    service = service_of(database, given)
    return make_evaluator(Store(database), service, from_mapping(given))


def plant(
    database: Database, start: datetime, minutes: int, readings: Mapping[str, float], *, application: str = ""
) -> None:
    """Samples every ten seconds, the first one ten seconds after `start`."""
    instants = [start + timedelta(seconds=10 * step) for step in range(1, 6 * minutes + 1)]
    for name, reading in readings.items():
        metric = find_metric(name)
        own = {"application": application} if application else {}
        values = dict.fromkeys(metric.fields, reading / len(metric.fields))
        database[metric.collection].insert_many([{"time_series": at, **values, **own} for at in instants])


def evaluate(evaluator: Evaluator, start: datetime, minutes: int) -> None:
    """Evaluate the minutes after an instant, one after another."""
    for minute in range(1, minutes + 1):
        evaluator.evaluate(to_epoch_ms(start + minute * MINUTE))


def jobs_of(evaluator: Evaluator) -> list[dict[str, Any]]:
    """The mails that were enqueued, oldest first."""
    every = [job for name in ("", "loja") for job in evaluator.report_service.job_store.newest(100, application=name)]
    return sorted((job for job in every if "alert" in job), key=lambda job: str(job["asked_at"]))


def deliver_plain(evaluator: Evaluator) -> list[EmailMessage]:
    """Send what is enqueued without its notebooks; the messages in the outbox, oldest first."""
    service = evaluator.report_service
    service.job_store.release_late_alerts(0)
    while job := service.job_store.claim(states.TO_SEND):
        service.deliver(job)
    return sent(evaluator)


def sent(evaluator: Evaluator) -> list[EmailMessage]:
    """The messages in the outbox, oldest first."""
    paths: Iterable[Path] = sorted(
        evaluator.settings.outbox_dir.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns
    )
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
