"""The routes of alerts and rules, in process, over a real MongoDB."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pycemaker.alerts.evaluation_rounds import EvaluationRounds
from pycemaker.cache.sample_store import Store
from pycemaker.monitor.alert_history import Alert, AlertHistory
from pycemaker.web.routes import alert_form_routes
from pycemaker.web.services import PREVIEWS
from pycemaker.window import to_epoch_ms, to_iso_text
from tests.services.alerting import MINUTE, QUIET, evaluate, evaluator_of, plant
from tests.services.openapi_app import client_of
from tests.services.wsgi import Answer, Client

RULE = {"kind": "threshold", "metric": "cpu", "enter": 0.7, "leave": 0.6, "for_seconds": 120}
NOW = datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    return client_of(store, tmp_path)


def send(client: Client, method: str, path: str, content: Any = None, **headers: str) -> Answer:
    return client.ask(method, path, body=json.dumps({} if content is None else content), **headers)


def burning(store: Store, database_url: str, folder: Path) -> None:
    """Ten minutes of a busy CPU until now, evaluated."""
    plant(store.database, NOW - 10 * MINUTE, 10, QUIET | {"cpu": 0.97})
    evaluate(evaluator_of(store.database, database_url, folder), NOW - 10 * MINUTE, 10)


def test_every_application_has_the_default_rules(client: Client) -> None:
    rules = {rule["id"]: rule for rule in client.get("/alerts/rules").json["rules"]}
    assert rules["threshold-cpu"] == {
        "id": "threshold-cpu",
        "default": True,
        "kind": "threshold",
        "metric": "cpu",
        "for_seconds": 300,
        "clear_seconds": 300,
        "enabled": True,
        "enter": 0.9,
        "leave": 0.8,
        "state": "ok",
        "muted_until": None,
    }
    assert (rules["forecast-disk"]["limit"], rules["forecast-disk"]["within_hours"]) == (1.0, 24)
    assert "enter" not in rules["no_data-cpu"]
    assert rules["health"]["metric"] == "health"


def test_a_browser_gets_the_page_right_after_a_program_got_the_json(store: Store, tmp_path: Path) -> None:
    client = client_of(Store(store.database, 2**26), tmp_path)
    types = [client.get("/alerts", accept=accept).headers["Content-Type"] for accept in ("", "text/html", "")]
    assert types == ["application/json; charset=utf-8", "text/html; charset=utf-8", "application/json; charset=utf-8"]


def test_a_rule_is_made_changed_and_removed(client: Client) -> None:
    answer = send(client, "POST", "/alerts/rules", RULE)
    rule = answer.json
    assert answer.status == 201
    assert answer.headers["Location"] == f"/alerts/rules/{rule['id']}"
    path = f"/alerts/rules/{rule['id']}"
    assert (
        client.get(path).json
        == rule
        == RULE
        | {
            "id": rule["id"],
            "default": False,
            "clear_seconds": 300,
            "enabled": True,
            "state": "ok",
            "muted_until": None,
        }
    )
    assert send(client, "PATCH", path, {"enter": 0.75}).json == rule | {"enter": 0.75}
    assert send(client, "DELETE", path).json == {"msg": "Regra removida."}
    assert client.get(path).status == 404


def test_a_default_rule_is_changed_for_one_application_and_turned_off(client: Client, store: Store) -> None:
    plant(store.database, NOW, 1, QUIET, application="loja")
    path = "/alerts/rules/threshold-ram"
    assert send(client, "PATCH", f"/apps/loja{path}", {"enter": 0.99}).status == 200
    assert client.get(f"/apps/loja{path}").json["enter"] == 0.99
    assert client.get(path).json["enter"] == 0.95
    send(client, "DELETE", path)
    assert client.get(path).json["enabled"] is False
    assert client.get(f"/apps/loja{path}").json["enabled"] is True
    assert send(client, "PATCH", path, {"enabled": True}).json["enabled"] is True


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "kind"),
        (RULE | {"kind": "other"}, "kind"),
        (RULE | {"metric": "cpus"}, "metric"),
        (RULE | {"metric": None}, "metric"),
        (RULE | {"enter": None}, "enter"),
        (RULE | {"enter": 90}, "enter"),
        (RULE | {"enter": True}, "enter"),
        (RULE | {"enter": "nan"}, "enter"),
        (RULE | {"leave": 0.7}, "leave"),
        (RULE | {"for_seconds": -1}, "for_seconds"),
        (RULE | {"for_seconds": "9" * 5000}, "for_seconds"),
        (RULE | {"for_seconds": 1.5}, "for_seconds"),
        (RULE | {"clear_seconds": 86_401}, "clear_seconds"),
        (RULE | {"enabled": "maybe"}, "enabled"),
        (RULE | {"enabled": []}, "enabled"),
        (RULE | {"limit": 1}, "limit"),
        (RULE | {"id": "x"}, "id"),
        ({"kind": "no_data", "metric": "cpu", "for_seconds": 10}, "for_seconds"),
        ({"kind": "no_data", "metric": "cpu", "enter": 1}, "enter"),
        ({"kind": "forecast", "metric": "cpu"}, "limit"),
        ({"kind": "forecast", "metric": "disk", "within_hours": 169}, "within_hours"),
        ({"kind": "health", "metric": "cpu"}, "metric"),
        ({"kind": "threshold", "metric": "cpu", "enter": 10**400}, "enter"),
        ({"kind": "health", "enter": 0.5, "leave": 0.4}, "leave"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(client: Client, given: dict[str, Any], field: str) -> None:
    for path in ("/alerts/rules", "/alerts/rules/preview"):
        answer = send(client, "POST", path, given)
        assert answer.status == 400
        assert answer.json["error"] == "invalid_parameter"
        assert answer.json["field"] == field
    assert all(rule["default"] for rule in client.get("/alerts/rules").json["rules"])


def test_an_application_has_a_bounded_number_of_rules(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycemaker.alerts.rule_store.MOST_RULES", 1)
    assert send(client, "POST", "/alerts/rules", RULE).status == 201
    assert send(client, "POST", "/alerts/rules", RULE).json["error"] == "too_many_rules"


def test_all_applications_together_have_a_bounded_number_of_rules(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycemaker.alerts.rule_store.MOST_RULES_OF_ALL", 1)
    made = send(client, "POST", "/alerts/rules", RULE).json["id"]
    refused = send(client, "POST", "/alerts/rules", RULE)
    assert (refused.status, refused.json["error"], refused.json["limit"]) == (409, "too_many_rules", 1)
    assert send(client, "PATCH", f"/alerts/rules/{made}", {"enabled": False}).status == 200


def test_unknown_applications_and_rules_are_404s(client: Client) -> None:
    for path in ("/apps/nenhuma/alerts", "/apps/nenhuma/alerts/rules", "/alerts/rules/nenhuma"):
        assert client.get(path).status == 404
    assert send(client, "POST", "/apps/nenhuma/alerts/rules", RULE).status == 404


def test_alerts_are_shown_open_and_ended(client: Client, store: Store, database_url: str, tmp_path: Path) -> None:
    assert client.get("/alerts").json == {"open": [], "ended": []}
    client = client_of(store, tmp_path)
    burning(store, database_url, tmp_path)
    [alert] = client.get("/alerts").json["open"]
    assert alert == {
        "id": alert["id"],
        "application": "",
        "rule": "threshold-cpu",
        "kind": "threshold",
        "metric": "cpu",
        "since": to_iso_text(NOW - 10 * MINUTE),
        "fired_at": to_iso_text(NOW - 5 * MINUTE),
        "ended_at": None,
        "enter": 0.9,
        "leave": 0.8,
        "within_hours": None,
        "worst": 0.97,
        "acknowledged_at": None,
        "state": "firing",
        "muted_until": None,
        "text": alert["text"],
    }
    assert alert["text"].startswith("Consumo de CPU acima de 90% desde ")


def test_an_alert_is_acknowledged_and_a_rule_muted(
    client: Client, store: Store, database_url: str, tmp_path: Path
) -> None:
    burning(store, database_url, tmp_path)
    path = "/alerts/rules/threshold-cpu"
    assert send(client, "POST", f"{path}/acknowledge").json["state"] == "firing"
    until = to_iso_text(NOW + timedelta(hours=4))
    assert send(client, "POST", f"{path}/mute", {"until": until}).json["muted_until"] == until
    [alert] = client.get("/alerts").json["open"]
    assert alert["acknowledged_at"] is not None
    assert alert["muted_until"] == until
    assert send(client, "POST", f"{path}/mute").json["muted_until"] is None
    assert send(client, "POST", f"{path}/mute", {"until": None, "unti": 1}).json["field"] == "unti"
    for wrong in ("amanhã", to_iso_text(NOW - MINUTE), to_iso_text(NOW + timedelta(days=40))):
        assert send(client, "POST", f"{path}/mute", {"until": wrong}).json["field"] == "until"


def test_a_preview_says_what_a_rule_would_have_given(client: Client, store: Store) -> None:
    for day in (1, 2, 9):
        plant(store.database, NOW - timedelta(days=day, minutes=10), 5, {"cpu": 0.75})
        plant(store.database, NOW - timedelta(days=day, minutes=5), 10, {"cpu": 0.3})
    preview = send(client, "POST", "/alerts/rules/preview", RULE).json
    assert preview["fired"] == 3
    assert preview["episodes"][-1] == {
        "since": to_iso_text(NOW - timedelta(days=1, minutes=10)),
        "fired_at": to_iso_text(NOW - timedelta(days=1, minutes=8)),
        "ended_at": to_iso_text(NOW - timedelta(days=1)),
        "worst": 0.75,
    }
    silence = send(client, "POST", "/alerts/rules/preview", {"kind": "no_data", "metric": "cpu"}).json
    assert [each["ended_at"] is None for each in silence["episodes"]] == [False, False, True]
    assert send(client, "POST", "/alerts/rules/preview", {"kind": "health"}).json["fired"] == 0


def test_rules_are_changed_with_the_token_alone(store: Store, tmp_path: Path) -> None:
    client = client_of(store, tmp_path, API_TOKEN="a-token-of-some-length")
    for method, path in (
        ("POST", "/alerts/rules"),
        ("POST", "/alerts/rules/preview"),
        ("PATCH", "/alerts/rules/threshold-cpu"),
        ("DELETE", "/alerts/rules/threshold-cpu"),
        ("POST", "/alerts/rules/threshold-cpu/acknowledge"),
        ("POST", "/alerts/rules/threshold-cpu/mute"),
    ):
        assert send(client, method, path, RULE).status == 401


def test_the_list_of_applications_has_their_open_alerts(
    client: Client, store: Store, database_url: str, tmp_path: Path
) -> None:
    plant(store.database, NOW - MINUTE, 1, QUIET, application="loja")
    burning(store, database_url, tmp_path)
    alerts = {each["application"]: each["alerts"] for each in client.get("/apps").json["applications"]}
    since = to_iso_text(NOW - 10 * MINUTE)
    assert alerts == {
        "": [{"rule": "threshold-cpu", "kind": "threshold", "metric": "cpu", "since": since}],
        "loja": [],
    }


def test_a_late_evaluation_and_open_alerts_are_seen_in_ready_and_metrics(
    client: Client, store: Store, database_url: str, tmp_path: Path
) -> None:
    burning(store, database_url, tmp_path)
    assert client.get("/ready").json["checks"]["alerts"] == {"ok": True, "late_seconds": 0.0, "open": 1}
    rounds = EvaluationRounds(store.database)
    minute_ms = to_epoch_ms(store.database.now() - 5 * MINUTE)
    rounds.claim(minute_ms)
    assert rounds.finish(minute_ms, is_last=True)
    store.database["alerts"].insert_one({"_id": "foreign", "ended_at": None})
    time.sleep(1.1)  # an outcome is reused for a second
    checks = client.get("/ready")
    assert checks.status == 200
    assert checks.json["checks"]["alerts"]["why"] == "os alertas não são avaliados há 5 min"
    lines = client.get("/metrics").body.decode().splitlines()
    value = next(line.split()[1] for line in lines if line.startswith("pycemaker_alert_evaluation_late_seconds"))
    assert 300 <= float(value) < 360
    assert 'pycemaker_alerts_open{kind="threshold"} 1.0' in lines
    assert 'pycemaker_alerts_open{kind="health"} 0.0' in lines


def test_previews_leave_room_for_other_answers(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, began = threading.Event(), threading.Semaphore(0)

    def wait(*_: Any) -> list[Any]:
        began.release()
        goes_on.wait(30)
        return []

    monkeypatch.setattr(alert_form_routes, "preview", wait)
    monkeypatch.setattr(alert_form_routes, "BUILD_SLOT_SECONDS", 0.1)
    with ThreadPoolExecutor(PREVIEWS) as others:
        ask = partial(send, client, "POST", "/alerts/rules/preview", RULE)
        answers = [others.submit(ask) for _ in range(PREVIEWS)]
        for _ in answers:
            assert began.acquire(timeout=30)
        refused = ask()
        goes_on.set()
    assert (refused.status, refused.json["error"]) == (503, "too_many_streams")
    assert [answer.result().status for answer in answers] == [200, 200]
    assert ask().status == 200


def test_a_flood_of_alerts_hides_no_other_application_in_the_list(client: Client, store: Store) -> None:
    alert = Alert("x", "loja", "no_data-cpu", "no_data", "cpu", NOW, NOW)
    flood = [replace(alert, id=str(number)) for number in range(1200)]
    AlertHistory(store.database).save([*flood, replace(alert, application="bar", fired_at=NOW - MINUTE)])
    for application in ("bar", "loja"):
        plant(store.database, NOW - MINUTE, 1, {"cpu": 0.3}, application=application)
    rows = {row["application"]: row["alerts"] for row in client.get("/apps").json["applications"]}
    assert (len(rows["bar"]), len(rows["loja"])) == (1, 1200)
