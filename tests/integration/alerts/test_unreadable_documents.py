"""Documents of alerts that other programs wrote or changed: none ends the alerts of others, or a route with 500."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from pycemaker.cache.sample_store import Store
from pycemaker.errors import IndexesNotReady
from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import AlertHistory
from tests.services.alerting import MINUTE, NOON, QUIET, evaluator_of, jobs_of, plant
from tests.services.openapi_app import client_of
from tests.services.report_service import service_of

DUE = timedelta(seconds=4)

LIMITS = {"kind": "threshold", "metric": "cpu", "enter": 0.9, "leave": 0.8}
RULES: list[dict[str, Any]] = [
    {"_id": ObjectId()},
    {"_id": {"rule": "x"}},
    {"_id": {"application": ["loja"], "rule": "x"}, **LIMITS},
    {"_id": {"application": "", "rule": ["x"]}, **LIMITS},
    {"_id": {"application": "", "rule": "kind"}, "metric": "cpu"},
    {"_id": {"application": "", "rule": "limits"}, **LIMITS, "enter": [1], "leave": "x"},
    {"_id": {"application": "", "rule": "seconds"}, **LIMITS, "for_seconds": "soon"},
    {"_id": {"application": "", "rule": "metric"}, **LIMITS, "metric": "gpu"},
    {"_id": {"application": "", "rule": "health"}, **LIMITS, "metric": "health"},
    {"_id": {"application": "", "rule": "hours"}, **LIMITS, "kind": "forecast", "leave": None, "within_hours": 10**9},
    {"_id": {"application": "loja", "rule": "threshold-cpu"}, **LIMITS, "enter": float("nan")},
]

STATE = {"revision": 1, "key": b"k" * 16, "number": 1, "watched": {}, "pending": None}
FIRING = {"state": "firing", "since_ms": 1, "wrong_since_ms": 1, "fired_ms": 1, "worst": None}
ALERT = {
    "application": "",
    "rule": "threshold-cpu",
    "kind": "threshold",
    "metric": "cpu",
    "since": NOON,
    "fired_at": NOON,
    "ended_at": None,
    "enter": 0.9,
    "leave": 0.8,
}
WATCHED = {"state": FIRING, "alert": {"id": "/threshold-cpu/1", **ALERT}, "mails": 1, "again_at": None}
STATES: list[dict[str, Any]] = [
    {"_id": {"a": 1}},
    {"_id": ""},
    {"_id": "bare"},
    {"_id": "key", **STATE, "key": "text"},
    {"_id": "pending", **STATE, "pending": {"at": NOON}},
    {"_id": "text", **STATE, "pending": "x"},
    {"_id": "alerts", **STATE, "pending": {"at": NOON, "alerts": [{"id": 1}], "changes": {}, "first_number": 1}},
    {"_id": "a\r\nBcc: eva@example.com", **STATE},
    {"_id": "rules", **STATE, "watched": {"threshold-cpu": [1], "threshold-ram": {"x": 1}, "health": {"state": "ok"}}},
    {"_id": "mails", **STATE, "watched": {"threshold-cpu": WATCHED | {"mails": 10**6, "again_at": NOON - MINUTE}}},
    {"_id": "loja", **STATE, "watched": {"threshold-ram": {"state": FIRING | {"state": "x"}}}},
    {"_id": "date", **STATE, "watched": {"threshold-cpu": WATCHED | {"muted_until": DatetimeMS(10**17)}}},
    {"_id": "muted", **STATE, "watched": {"threshold-cpu": WATCHED | {"muted_until": "2030"}}},
]

ALERTS: list[dict[str, Any]] = [
    {"_id": 1, "ended_at": None},
    {"_id": "application", **ALERT, "application": ["", "loja"]},
    {"_id": "kind", **ALERT, "kind": ["threshold"]},
    {"_id": "since", **ALERT, "since": "x"},
    {"_id": "fired", **{name: each for name, each in ALERT.items() if name != "fired_at"}},
    {"_id": "enter", **ALERT, "enter": "x"},
    {"_id": "hours", **ALERT, "kind": "forecast", "within_hours": "x"},
    {"_id": "acknowledged", **ALERT, "acknowledged_at": "x"},
    {"_id": "date", **ALERT, "since": DatetimeMS(10**17)},
    {"_id": "late", **ALERT, "since": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)},
]

ROUNDS: list[dict[str, Any]] = [
    {"minute": "x", "lease_until": NOON},
    {},
    {"minute": NOON + timedelta(days=1000), "lease_until": NOON},
    {"minute": NOON, "lease_until": datetime(2999, 1, 1, tzinfo=UTC)},
    {"minute": DatetimeMS(10**17), "lease_until": "x"},
    {"minute": [NOON - MINUTE, datetime(2999, 1, 1, tzinfo=UTC)], "lease_until": NOON},
]
CASES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "rules": ("alert_rules", RULES),
    "states": ("alert_states", STATES),
    "alerts": ("alerts", ALERTS),
    **{f"round {number}": ("alert_rounds", [{"_id": "round"} | each]) for number, each in enumerate(ROUNDS)},
    "held, nothing": ("alerts_held", [{"_id": "held"}]),
    "held, a text": ("alerts_held", [{"_id": "held", "alerts": "abc"}]),
    "held, others": ("alerts_held", [{"_id": "held", "alerts": [1, {"a": 1}, None]}]),
}


@pytest.mark.parametrize("case", CASES)
def test_unreadable_documents_hold_nothing_up(
    case: str, database: Database, store: Store, database_url: str, tmp_path: Path
) -> None:
    collection, documents = CASES[case]
    for application in ("", "loja"):
        plant(database, NOON - 2 * MINUTE, 10, QUIET | {"cpu": 0.97}, application=application)
    database[collection].insert_many(documents)
    evaluator = evaluator_of(database, database_url, tmp_path / "a", ALERT_LIMIT_PER_HOUR="1")
    for minute in range(1, 8):
        evaluator.evaluate_due(NOON + minute * MINUTE + DUE)
    assert {each.application for each in AlertHistory(database).open()} >= {"", "loja"}
    assert database["reports"].count_documents({"alert": True}) == 1
    client = client_of(store, tmp_path / "b")
    for path in (
        "/metrics",
        "/ready",
        "/alerts",
        "/alerts/rules",
        "/alerts/rules/threshold-cpu",
        "/apps",
        "/overview",
        "/apps/loja/alerts",
    ):
        for kind in ("application/json", "text/html"):
            assert client.get(path, Accept=kind).status == 200, path


def test_an_application_that_fails_holds_up_no_other(database: Database, database_url: str, tmp_path: Path) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    for application in ("", "loja"):
        plant(database, NOON - 2 * MINUTE, 10, QUIET | {"cpu": 0.97}, application=application)
    seen_by = evaluator.observer.seen_by

    def fail(application: str, rule: Any) -> Any:
        if not application:
            raise fault
        return seen_by(application, rule)

    evaluator.observer.seen_by = fail  # type: ignore[method-assign]
    fault: Exception = ZeroDivisionError()
    for minute in range(1, 8):
        evaluator.evaluate_due(NOON + minute * MINUTE + DUE)
    assert [each.application for each in AlertHistory(database).open()] == ["loja"]
    assert [job["application"] for job in jobs_of(evaluator)] == ["loja"]
    fault = IndexesNotReady(reason="cpu_usage")
    with pytest.raises(IndexesNotReady):
        evaluator.evaluate_due(NOON + 9 * MINUTE + DUE)


def test_counts_of_reports_and_occurrences_go_on_beside_arrays(
    database: Database, store: Store, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    job = {"runs": 0, "history": [], "recipients": [{"address": "ana@example.com"}], "ended_at": now}
    database["reports"].insert_one({"state": ["queued"], **job, "stage_seconds": [{"compose": 1}]})
    database["schedule_occurrences"].insert_one({"state": ["due"]})
    assert client_of(store, tmp_path).get("/metrics").status == 200
    assert service_of(database, {}).job_store.find_place({"state": "queued", "due_at": now})["place"] == 1
