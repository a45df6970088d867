"""Routes below `/apps`: each answer is of one application, whatever another one with the same instants writes."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import server
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import METRICS
from pycemaker.mongo import known_applications
from pycemaker.mongo.database import Database
from pycemaker.parsing.route_paths import APPLICATION_RULE, application_path
from pycemaker.settings import from_mapping
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.app import create_routes
from pycemaker.web.services import Services
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
NOW_PATH = "10-04-2022-09-43-23"
NAMES = ("", "loja", "loja.eu")
READS = (
    f"/{{metric}}/{NOW_PATH}/1",
    "/{metric}/now/3",
    "/{metric}/10-04-2022-09-00-00",
    f"/{{metric}}/{NOW_PATH}/3?max_points=50",
    f"/{{metric}}/{NOW_PATH}/2?every=60",
    f"/{{metric}}/{NOW_PATH}/1?format=ndjson",
    "/now",
    "/",
)


def services_over(store: Store) -> Services:
    return Services(from_mapping({}), store, RecordingReportService(), clock=lambda: NOW)


def client_over(store: Store) -> Client:
    return Client(server.create_app(services_over(store)))


def sample(application: str, seconds: float, reading: float | None = None) -> dict[str, Any]:
    """Each application's readings are its own: 100 and more, 200 and more, and so on."""
    base = 100.0 * (1 + NAMES.index(application))
    reading = base + seconds % 50 if reading is None else base + reading
    document = {"time_series": NOW - timedelta(seconds=seconds), "value": reading, "note": f"of<{application}>"}
    document |= {"value_success": reading, "value_fail": 0}
    return document | ({"application": application} if application else {})


def fill(database: Database, count: int = 800) -> None:
    for metric in METRICS:
        documents = [sample(name, 5.0 * back) for back in range(count) for name in NAMES]
        database[metric.collection].insert_many(documents)


def foreign(body: bytes, application: str) -> list[str]:
    """What in an answer is another application's: a note, or a number between another's bounds."""
    text = body.decode()
    notes = [name for name in NAMES if name != application and f"of<{name}>" in text]
    own = 1 + NAMES.index(application)
    wrong = [f"value {value}" for value in values_in(text) if 100 <= value < 400 and int(value // 100) != own]
    return notes + wrong


def values_in(text: str) -> list[float]:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith(("{", "["))]
    found: list[float] = []

    def walk(part: Any, key: str = "") -> None:
        if isinstance(part, dict):
            for name, each in part.items():
                walk(each, name)
        elif isinstance(part, list):
            for each in part:
                walk(each, key)
        elif isinstance(part, float) and key in ("value", "mean", "mean_anterior", "minimum", "maximum", "min", "max"):
            found.append(part)

    walk(lines)
    return found


@pytest.fixture(autouse=True)
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_applications, "LOOK_SECONDS", 0.0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.sampled_from(NAMES), st.integers(-60, 9000)),
        st.tuples(st.just("correct"), st.sampled_from(NAMES), st.integers(0, 9000)),
        st.tuples(st.just("delete"), st.sampled_from(NAMES), st.integers(0, 9000)),
        st.tuples(st.just("read"), st.sampled_from(NAMES), st.sampled_from(READS)),
        st.tuples(st.just("read"), st.sampled_from(NAMES), st.sampled_from(READS)),
    ),
    min_size=4,
    max_size=25,
)


@pytest.mark.parametrize("cache_bytes", [0, 2**19, 2**26], ids=["uncached", "small", "cached"])
def test_two_applications_with_the_same_instants_never_mix(database: Database, cache_bytes: int) -> None:
    fill(database)
    client = client_over(Store(database, cache_bytes))
    collection = database["cpu_usage"]

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def runs(steps: list[tuple[str, str, Any]]) -> None:
        for kind, name, what in steps:
            own = {"application": name or None}
            if kind == "read":
                path = application_path(name) + what.format(metric="cpu")
                answer = client.get(path)
                assert answer.status == 200, (path, answer.body)
                assert foreign(answer.body, name) == [], path
            elif kind == "insert":
                collection.insert_one(sample(name, what))
            elif kind == "correct":
                before = {"$lte": NOW - timedelta(seconds=what)}
                corrected = sample(name, what, 7.0)["value"]
                collection.update_one(own | {"time_series": before}, {"$set": {"value": corrected}})
            else:
                collection.delete_one(own | {"time_series": {"$lte": NOW - timedelta(seconds=what)}})

    runs()


@pytest.mark.parametrize("cache_bytes", [0, 2**26], ids=["uncached", "cached"])
def test_they_do_not_mix_while_all_are_written(database: Database, cache_bytes: int) -> None:
    fill(database, 400)
    client = client_over(Store(database, cache_bytes))
    stop, failures = threading.Event(), list[Any]()

    def write(name: str) -> None:
        seconds = 0.0
        while not stop.is_set():
            seconds -= 5
            for metric in METRICS:
                database[metric.collection].insert_many([sample(name, seconds), sample(name, 1000 - seconds)])

    def read(name: str) -> None:
        while not stop.is_set():
            for metric in METRICS:
                for path in READS:
                    answer = client.get(application_path(name) + path.format(metric=metric.id))
                    if answer.status != 200 or foreign(answer.body, name):
                        failures.append((path, name, answer.status, foreign(answer.body, name)[:3]))

    with ThreadPoolExecutor(6) as pool:
        for name in NAMES:
            pool.submit(write, name)
            pool.submit(read, name)
        time.sleep(6)
        stop.set()
    assert failures == []


def test_every_route_that_reads_or_reports_stands_below_an_application(database: Database) -> None:
    app = create_routes(services_over(Store(database)), TrustedOrigins(None, ()))
    rules = {route.rule for route in app.routes}
    below = {rule.removeprefix(APPLICATION_RULE) or "/" for rule in rules if rule.startswith(APPLICATION_RULE)}
    assert below <= rules
    others = (
        "/apps",
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
        "/notebooks",
        "/unsubscribe",
        "/reports/",
        "/overview.js",
        "/schedules",  # these name their application in a field
        "/jobs",
        "/favicon",
        "/alerts/links/",  # their token names it
    )
    missing = {rule for rule in rules - below if not rule.startswith(others)}
    assert missing == set()


def test_apps_lists_each_application_with_its_newest_samples(database: Database) -> None:
    fill(database, 10)
    database["cpu_usage"].insert_many(
        [
            {"time_series": "no date", "value": 1.0, "application": "loja"},
            {"time_series": NOW, "value": 1.0, "application": "NOT A NAME"},
            {"time_series": NOW + timedelta(seconds=5), "value": float("nan"), "application": "loja.eu"},
        ]
    )
    rows = client_over(Store(database, 2**24)).get("/apps").json["applications"]
    assert [row["application"] for row in rows] == list(NAMES)
    assert {row["application"] for row in rows if row["health"] is not None} == set(NAMES)
    newest = {row["application"]: row["metrics"]["cpu"] for row in rows}
    assert newest[""] == {"time": "2022-04-10T12:43:23.000Z", "value": 100.0}
    assert newest["loja"] == {"time": "2022-04-10T12:43:23.000Z", "value": 200.0}
    assert newest["loja.eu"] == {"time": "2022-04-10T12:43:28.000Z", "value": None}
    assert {len(row["metrics"]) for row in rows} == {len(METRICS)}


def test_apps_lists_the_default_application_alone_where_no_sample_names_one(database: Database) -> None:
    client = client_over(Store(database))
    assert client.get("/apps").json == {"applications": []}
    database["cpu_usage"].insert_one({"time_series": NOW, "value": 0.5})
    [row] = client.get("/apps").json["applications"]
    assert row["application"] == ""
    assert row["metrics"] == {"cpu": {"time": "2022-04-10T12:43:23.000Z", "value": 0.5}}


HOSTILE = ("..", "%2e%2e", "a%2Fb", "..%2F..", "Loja", "-loja", "x" * 65, "x" * 10_000, "%00", "loja%0A", "a%C3%A7%C3%A3o",
           "%FF", "*", "$ne", "%7B%22$ne%22:1%7D", "other")  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("route", ["", "/cpu/now/1", "/cpu/now", "/now", "/report/now/1/ana@example.com", "/reports"])
def test_a_hostile_name_is_refused_in_words(database: Database, name: str, route: str) -> None:
    database["cpu_usage"].insert_many([sample("loja", 5), sample("", 5)])
    service = RecordingReportService()
    client = Client(server.create_app(Services(from_mapping({}), Store(database), service, clock=lambda: NOW)))
    answer = client.get(f"/apps/{name}{route}")
    assert answer.status in (400, 404)
    assert answer.json["msg"].endswith(".")
    assert len(answer.body) < 500
    assert service.wanted == []
    if "%2F" not in name and name not in ("%00", "%FF"):
        assert answer.json["error"] == "unknown_application"


def test_a_report_is_about_its_application(database: Database) -> None:
    database["cpu_usage"].insert_many([sample("loja", 5), sample("", 5)])
    service = RecordingReportService()
    client = Client(server.create_app(Services(from_mapping({}), Store(database), service, clock=lambda: NOW)))
    answer = client.get("/apps/loja/report/now/1/ana@example.com")
    assert answer.status == 200
    assert answer.json["report"]["application"] == "loja"
    assert service.wanted[0].papermill_parameters["application"] == "loja"
    assert "application" not in client.get("/report/now/1/ana@example.com").json["report"]
    assert "application" not in service.wanted[1].papermill_parameters
    keys = [service.submission(request).repeat_key for request in service.wanted]
    assert keys[0] != keys[1]
