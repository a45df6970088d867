"""The routes of schedules and `/jobs` over a real mongod: what they take, refuse, and answer."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pycemaker.cache.sample_store import Store
from pycemaker.schedules import schedule_store
from pycemaker.schedules.recurrence import Recurrence
from pycemaker.schedules.scheduler import Scheduler
from tests.services.openapi_app import client_of
from tests.services.wsgi import Answer, Client

SCHEDULE = {"name": "Semana", "cron": "0 8 * * 1", "recipients": ["ana@example.com"]}
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    return client_of(store, tmp_path)


def send(client: Client, method: str, path: str, content: Any = None, **headers: str) -> Answer:
    return client.ask(method, path, body=json.dumps({} if content is None else content), **headers)


def made(client: Client, **more: Any) -> str:
    return str(send(client, "POST", "/schedules", SCHEDULE | more).json["id"])


def test_a_schedule_is_made_shown_listed_changed_and_removed(client: Client) -> None:
    answer = send(client, "POST", "/schedules", SCHEDULE)
    schedule = answer.json
    assert answer.status == 201
    assert answer.headers["Location"] == f"/schedules/{schedule['id']}"
    assert schedule == {
        "id": schedule["id"],
        "name": "Semana",
        "cron": "0 8 * * 1",
        "every_hours": None,
        "start_at": None,
        "timezone": "America/Sao_Paulo",
        "hours": 24,
        "period": None,
        "recipients": ["ana@example.com"],
        "application": "",
        "notebook": "report",
        "parameters": {},
        "attach": [],
        "only_if": "always",
        "missed": "latest",
        "spread_minutes": 0,
        "until": None,
        "paused": False,
        "owner": None,
        "ping_url": None,
        "next": schedule["next"],
        "last": None,
        "failures": 0,
        "paused_reason": None,
    }
    nexts = [datetime.fromisoformat(each).astimezone(SAO_PAULO) for each in schedule["next"]]
    assert [(each.weekday(), each.hour, each.minute) for each in nexts] == [(0, 8, 0)] * 5
    assert client.get(f"/schedules/{schedule['id']}").json == schedule
    assert client.get("/schedules").json == {"schedules": [schedule]}
    changed = send(client, "PATCH", f"/schedules/{schedule['id']}", {"period": "last_week", "only_if": "finding"})
    assert (changed.status, changed.json["period"], changed.json["only_if"]) == (200, "last_week", "finding")
    again = send(client, "PATCH", f"/schedules/{schedule['id']}", {"only_if": None, "paused": True})
    assert (again.json["period"], again.json["only_if"], again.json["next"]) == ("last_week", "always", [])
    back = send(client, "PATCH", f"/schedules/{schedule['id']}", {"hours": 6, "paused": False})
    assert (back.json["period"], back.json["hours"], len(back.json["next"])) == (None, 6, 5)
    assert client.ask("DELETE", f"/schedules/{schedule['id']}").status == 200
    gone = client.get(f"/schedules/{schedule['id']}")
    assert (gone.status, gone.json["error"]) == (404, "unknown_schedule")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("name", value) for value in ("", "x" * 81, "a\nb", 5, None)],
        *[("cron", value) for value in ("", "* * * *", "61 * * * *", "0 0 30 2 *", 5, ["0 8 * * 1"], None)],
        *[("every_hours", value) for value in (0, 8785, "x", 1.5, True, 6)],
        *[("start_at", value) for value in ("yesterday", 5, "2026-01-01T00:00:00Z")],
        *[("timezone", value) for value in ("Mars/Olympus", "../etc/passwd", "America", 5, "/etc/localtime")],
        *[("hours", value) for value in (0, 745, -1, 2.5, "abc", [], 10**400, "9" * 5000)],
        *[("period", value) for value in ("today", 5, ["yesterday"], {})],
        *[("recipients", value) for value in ([], "", "nobody", ["a@b"], [5], 5)],
        ("recipients", [f"a{number}@example.com" for number in range(51)]),
        *[("application", value) for value in ("Shop", "-x", "a" * 65, 5)],
        *[("notebook", value) for value in ("nothing", "../report", 5)],
        *[("parameters", value) for value in ("[1]", [1], "{", 5)],
        ("parameters.nothing", {"nothing": 1}),
        *[("attach", value) for value in ("exe", ["exe"], 5)],
        *[("only_if", value) for value in ("never", True)],
        *[("missed", value) for value in ("some", 1)],
        *[("spread_minutes", value) for value in (-1, 60, "x", 0.5)],
        *[("until", value) for value in ("tomorrow", 5)],
        *[("paused", value) for value in ("perhaps", 1, [])],
        *[("owner", value) for value in ("nobody", ["a@example.com"], "a@example.com,b@example.com", 5)],
        *[
            ("ping_url", value)
            for value in (
                *("http://127.0.0.1:27017/x", "https://hc-ping.com.evil.example/x", "https://hc-ping.com/../x"),
                *("https://hc-ping.com@evil.example/", "file:///etc/passwd", "https://hc-ping.com/a?b", 5),
            )
        ],
        ("nothing", 1),
    ],
)
def test_a_wrong_field_is_a_400_that_names_it(field: str, value: Any, client: Client) -> None:
    name = field.partition(".")[0]
    for method, path in (("POST", "/schedules"), ("PATCH", f"/schedules/{made(client)}")):
        given = {name: value} if method == "PATCH" else SCHEDULE | {name: value}
        if method == "PATCH" and name in ("cron", "every_hours") and value == 6:
            continue  # it takes the place of the cron expression, and `start_at` is missing then
        answer = send(client, method, path, given)
        assert (answer.status, answer.json["error"]) == (400, "invalid_parameter"), answer.body
        assert answer.json["field"] == field
    assert len(client.get("/schedules").json["schedules"]) == 1


@pytest.mark.parametrize("field", ["recipients", "owner"])
def test_an_address_that_the_allow_list_lacks_is_a_403_that_names_the_field(
    field: str, store: Store, tmp_path: Path
) -> None:
    client = client_of(store, tmp_path, REPORT_RECIPIENTS="@example.com")
    answer = send(client, "POST", "/schedules", SCHEDULE | {field: "eve@evil.example"})
    assert (answer.status, answer.json["error"], answer.json["field"]) == (403, "recipient_not_allowed", field)


def test_a_period_longer_than_the_longest_interval_is_refused(store: Store, tmp_path: Path) -> None:
    client = client_of(store, tmp_path, MAX_RANGE_HOURS="100")
    assert send(client, "POST", "/schedules", SCHEDULE | {"period": "yesterday"}).status == 201
    assert send(client, "POST", "/schedules", SCHEDULE | {"period": "last_week"}).json["field"] == "period"


def test_a_preview_names_five_instants_and_saves_nothing(client: Client) -> None:
    fields = {"cron": "30 2 * * *", "timezone": "America/New_York", "after": "2026-03-07T12:00:00Z"}
    answer = send(client, "POST", "/schedules/preview", fields)
    assert answer.json == {
        "next": [
            "2026-03-08T07:00:00.000Z",
            *[f"2026-03-{day:02}T06:30:00.000Z" for day in range(9, 13)],
        ]
    }
    assert client.get("/schedules").json == {"schedules": []}
    assert send(client, "POST", "/schedules/preview", fields | {"after": "soon"}).json["field"] == "after"


def test_a_report_that_is_run_has_the_id_that_the_schedule_gives_it(client: Client) -> None:
    path = f"/schedules/{made(client)}/run"
    first, second = (send(client, "POST", path, {"at": "2026-11-02T11:00:00Z"}) for _ in range(2))
    assert (first.status, first.json["report_id"]) == (202, second.json["report_id"])
    record = client.get(first.json["url"]).json["report"]
    assert (record["end"], record["hours"], record["state"]) == ("2026-11-02T11:00:00.000Z", 24, "queued")
    assert record["schedule"]["at"] == "2026-11-02T11:00:00.000Z"
    other = send(client, "POST", path, {"to": "eve@example.com"}).json["report_id"]
    trial = client.get(f"/reports/{other}.json").json["report"]
    assert trial["email_to"] == "eve@example.com"
    assert "schedule" not in trial
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for wrong in ({"at": later}, {"at": "x"}):
        answer = send(client, "POST", path, wrong)
        assert (answer.status, answer.json["field"]) == (400, "at")
    assert send(client, "POST", path, {"to": "x"}).json["field"] == "to"
    assert send(client, "POST", path, {"what": "x"}).json["field"] == "what"


def test_a_run_that_could_not_be_entered_does_not_count_for_the_recipient(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(store, tmp_path, REPORT_LIMIT_PER_RECIPIENT="1")
    path = f"/schedules/{made(client)}/run"
    with monkeypatch.context() as broken:
        broken.setattr(Scheduler, "enter", lambda *_arguments: 1 / 0)
        assert send(client, "POST", path, {"at": "2026-11-02T11:00:00Z"}).status == 500
    assert send(client, "POST", path, {"at": "2026-11-02T11:00:00Z"}).status == 202
    assert send(client, "POST", path, {"at": "2026-11-09T11:00:00Z"}).json["error"] == "asked_too_often"


def test_the_token_is_needed_and_no_other_site_may_act(store: Store, tmp_path: Path, client: Client) -> None:
    schedule_id = made(client)
    guarded = client_of(store, tmp_path, API_TOKEN="a long enough token")
    for method, path in (
        *(("GET", "/schedules"), ("POST", "/schedules"), ("POST", "/schedules/preview"), ("GET", "/jobs")),
        *((method, f"/schedules/{schedule_id}") for method in ("GET", "PATCH", "DELETE")),
        *(("POST", f"/schedules/{schedule_id}/run"), ("POST", "/jobs"), ("PUT", "/jobs"), ("DELETE", "/jobs")),
    ):
        assert send(guarded, method, path, SCHEDULE).status == 401, (method, path)
        if method != "GET":
            foreign = send(client, method, path, SCHEDULE, sec_fetch_site="cross-site", origin="https://evil.example")
            assert (foreign.status, foreign.json["error"]) == (403, "foreign_origin"), (method, path)
    assert len(client.get("/schedules").json["schedules"]) == 1


def test_addresses_are_shown_whole_on_this_machine_alone(client: Client) -> None:
    made(client, owner="bob@example.com", ping_url="https://hc-ping.com/a-key")
    schedule = client.get("/schedules", remote_addr="192.0.2.1").json["schedules"][0]
    assert (schedule["recipients"], schedule["owner"]) == (["a***@example.com"], "b***@example.com")
    assert schedule["ping_url"] is None


def job(**more: Any) -> dict[str, Any]:
    start = (datetime.now(SAO_PAULO) - timedelta(minutes=90)).strftime("%d-%m-%Y-%H-%M-%S")
    return {"start_date": start, "interval": "12", "email_to": "ana@example.com", "alert_predict": False} | more


def test_the_dashboards_job_is_null_then_one_row_then_gone(client: Client) -> None:
    assert client.get("/jobs").body == b"null"
    began = (datetime.now(SAO_PAULO) - timedelta(hours=2)).replace(minute=45, second=0, microsecond=0)
    start = began.strftime("%d-%m-%Y-%H-%M-%S")
    for method in ("POST", "POST", "PUT"):
        assert send(client, method, "/jobs", job(start_date=start)).status == 200
    (row,) = client.get("/jobs").json
    assert row == {
        "_id": "admin-report",
        "user_id": "admin",
        "job_name": "admin-report",
        "email_to": "ana@example.com",
        "interval": "12",
        "start_date": start[11:],
        "next_run_time": row["next_run_time"],
    }
    assert datetime.fromisoformat(row["next_run_time"]) == began + timedelta(hours=12)
    (schedule,) = client.get("/schedules").json["schedules"]
    assert (schedule["name"], schedule["every_hours"], schedule["hours"]) == ("admin-report", 12, 12)
    for _ in range(2):
        assert client.ask("DELETE", "/jobs").status == 200
    assert client.get("/jobs").body == b"null"


@pytest.mark.parametrize(("flag", "paused"), [("TRUE", True), ("False", False), ("on", True)])
def test_a_flag_is_read_in_any_case(flag: str, paused: bool, client: Client) -> None:
    assert send(client, "PATCH", f"/schedules/{made(client)}", {"paused": flag}).json["paused"] is paused


def test_the_dashboards_30_min_travels_as_20(client: Client) -> None:
    day = datetime.now(SAO_PAULO).strftime("%d-%m-%Y")
    for minute, instant in (("20", 30), ("30", 30), ("00", 0)):
        assert send(client, "POST", "/jobs", job(start_date=f"{day}-12-{minute}-00")).status == 200
        (row,) = client.get("/jobs").json
        assert row["start_date"] == f"12-{minute}-00"
        assert datetime.fromisoformat(row["next_run_time"]).astimezone(SAO_PAULO).minute == instant


def test_a_double_click_is_one_job(client: Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _turn: send(client, "POST", "/jobs", job()), range(12)))
    assert {answer.status for answer in answers} == {200}
    assert len(client.get("/schedules").json["schedules"]) == 1


def test_the_dashboards_triggers_are_a_second_row(client: Client) -> None:
    send(client, "POST", "/jobs", job(alert_predict="True", cpu_trigger="0.9", ram_trigger=0.8, interval="24"))
    report, alert = client.get("/jobs").json
    assert (report["interval"], alert["job_name"]) == ("24", "admin-alert_predict")
    assert (alert["cpu_trigger"], alert["ram_trigger"]) == (0.9, 0.8)
    assert "response_time_trigger" not in alert


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_date", (datetime.now(SAO_PAULO) + timedelta(days=40)).strftime("%d-%m-%Y-%H-%M-%S")),
        ("start_date", "2022-04-10"),
        ("interval", "7"),
        ("interval", "20"),
        ("email_to", "nobody"),
        ("cpu_trigger", "much"),
        ("cpu_trigger", 10**400),
        ("alert_predict", "perhaps"),
        ("other", "x"),
    ],
    ids=[
        "start_date-far",
        "start_date",
        "interval",
        "interval-20",
        "email_to",
        "cpu_trigger",
        "cpu_trigger-huge",
        "alert_predict",
        "other",
    ],
)
def test_a_wrong_field_of_the_dashboards_job_is_a_400_that_names_it(field: str, value: str, client: Client) -> None:
    answer = send(client, "POST", "/jobs", job(**{field: value}))
    assert (answer.status, answer.json["field"]) == (400, field)
    assert answer.json["msg"]


def test_a_late_schedule_is_seen_in_ready_and_metrics(client: Client, store: Store) -> None:
    schedule_id = made(client)
    answer = client.get("/ready").json["checks"]["schedules"]
    assert answer == {"ok": True, "late_seconds": 0.0}
    late = {"$set": {"due_at": datetime.now(UTC) - timedelta(minutes=5)}}
    store.database["schedules"].update_one({"_id": schedule_id}, late)
    time.sleep(1.1)  # an outcome is reused for a second
    checks = client.get("/ready")
    assert checks.status == 200
    assert checks.json["checks"]["schedules"]["why"] == "um agendamento espera há 5 min"
    lines = client.get("/metrics").body.decode().splitlines()
    value = next(line.split()[1] for line in lines if line.startswith("pycemaker_schedule_late_seconds"))
    assert 300 <= float(value) < 360
    assert 'pycemaker_schedule_occurrences{state="missed"} 0.0' in lines


def test_more_schedules_than_a_list_can_show_are_not_made(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule_store, "MOST_SCHEDULES", 2)
    ids = [made(client), made(client)]
    refused = send(client, "POST", "/schedules", SCHEDULE)
    assert (refused.status, refused.json["error"], refused.json["limit"]) == (409, "too_many_schedules", 2)
    assert send(client, "PATCH", f"/schedules/{ids[0]}", {"hours": 3}).status == 200
    send(client, "DELETE", f"/schedules/{ids[1]}")
    assert send(client, "POST", "/schedules", SCHEDULE).status == 201


def test_rare_instants_are_reckoned_once_and_not_with_each_list(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(client, cron="0 0 29 2 */7")  # some 20 ms: the leap days of a century that are Sundays
    [first] = client.get("/schedules").json["schedules"]
    monkeypatch.setattr(Recurrence, "after", None)
    assert client.get("/schedules").json["schedules"] == [first]
    assert len(first["next"]) == 5
