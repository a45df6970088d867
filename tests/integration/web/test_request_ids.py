"""One id from a request to its answer and its log lines."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.jobs import states
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.telemetry import logs
from pycemaker.web.services import Services
from tests.services.broken_reads import break_off
from tests.services.openapi_app import InstantReportService
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, 2**26)


@pytest.fixture
def app(store: Store, tmp_path: Path) -> Any:
    return server.create_app(Services(from_mapping({"DATA_DIR": str(tmp_path)}), store, RecordingReportService()))


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Reads the JSON lines that were logged since the last call."""
    root = logging.getLogger()
    before = list(root.handlers)
    logs.set_up(from_mapping({"LOG_FORMAT": "json"}))
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    root.handlers[:] = before


PATHS = ["/", "/cpu/now/1", "/cpu/10-04-2022-09-43-23/1", "/nothing", "/cpu/x/1", "/health", "/ready", "/metrics",
         "/report/now/6/a@b.com", "/notebooks"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_answer_has_an_id_and_a_callers_own_stays(app: Any, method: str, path: str) -> None:
    client = Client(app)
    made = client.ask(method, path).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{16}", made)
    assert client.ask(method, path, x_request_id="caller-1").headers["X-Request-Id"] == "caller-1"
    assert client.ask(method, path, x_request_id="bad id\r\nX: y").headers["X-Request-Id"] not in ("caller-1", made)


def test_an_answer_out_of_memory_has_the_id_of_who_asked_now(app: Any, database: Database) -> None:
    database["cpu_usage"].insert_one({"time_series": datetime(2022, 4, 10, 12, tzinfo=UTC), "value": 0.5})
    client = Client(app)
    path = "/cpu/10-04-2022-09-30-00/1"
    ids = [client.get(path, x_request_id=f"caller-{number}").headers["X-Request-Id"] for number in range(3)]
    assert ids == ["caller-0", "caller-1", "caller-2"]


def test_a_browser_of_another_origin_may_send_and_read_it(app: Any) -> None:
    answer = Client(app).ask("OPTIONS", "/cpu/now/1", origin="https://panel.example.com")
    assert "X-Request-Id" in answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"].split(", ")


def test_reports_are_logged_and_polls_are_not(app: Any, lines: Any) -> None:
    client = Client(app)
    client.get("/cpu/now/1", x_request_id="poll-1")
    client.get("/nothing", x_request_id="scan-1")
    client.get("/report/now/6/a@b.com", x_request_id="report-1")
    client.get("/report/x/6/a@b.com", x_request_id="report-2")
    told = [(line["request_id"], line["status"], line["message"]) for line in lines()]
    assert told == [
        ("report-1", 200, "GET /report/now/6/a@b.com"),
        ("report-2", 400, "GET /report/x/6/a@b.com"),
    ]


def test_a_fault_is_logged_under_the_id_that_the_caller_can_name(
    app: Any, store: Store, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "start_read", lambda *_: 1 / 0)
    answer = Client(app).get("/cpu/now/6")
    (line,) = lines()
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["level"], line["status"], line["message"]) == ("error", 500, "GET /cpu/now/6")
    assert "ZeroDivisionError" in line["exception"]


def test_a_database_that_is_away_says_why_under_the_id(tmp_path: Path, lines: Any) -> None:
    away = Database("mongodb://127.0.0.1:1/x")
    app = server.create_app(Services(from_mapping({"DATA_DIR": str(tmp_path)}), Store(away), RecordingReportService()))
    Client(app).get("/cpu/now/6", x_request_id="away-1")
    away.close()
    told = lines()
    assert {line["request_id"] for line in told} == {"away-1"}
    assert any("MongoDB is not reachable" in line["message"] for line in told)
    assert [line["status"] for line in told if line["logger"] == "pycemaker.access"] == [503]


def test_a_path_that_would_forge_lines_stays_on_its_own(app: Any, lines: Any) -> None:
    Client(app).get("/report/now/6/a%0A%7B%22level%22:%22forged%22%7D")
    (line,) = lines()
    assert "forged" in line["message"]
    assert line["level"] == "info"


def test_a_long_answer_that_breaks_off_names_its_own_request_though_another_has_come_since(
    app: Any, database: Database, store: Store, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    database["cpu_usage"].insert_many(
        [{"time_series": start + timedelta(seconds=5 * step), "value": 0.5} for step in range(60_000)]
    )
    uncached = Store(database)
    break_off(uncached, monkeypatch, after_batches=5)  # of six
    app = server.create_app(Services(from_mapping({}), uncached, RecordingReportService()))
    chunks = iter(Client(app).open("/cpu/2019-12-31T00:00:00Z", x_request_id="long-1"))
    next(chunks)
    Client(app).get("/health", x_request_id="other-1")
    assert b"".join(chunks)
    broken = [line for line in lines() if "broke off" in line["message"]]
    assert [line["request_id"] for line in broken] == ["long-1"]


def test_threads_do_not_mix_their_ids(app: Any, lines: Any) -> None:
    client = Client(app)

    def ask(number: int) -> None:
        client.get(f"/report/now/6/a{number}@b.com", x_request_id=f"caller-{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))
    told = {line["message"]: line["request_id"] for line in lines()}
    assert told == {f"GET /report/now/6/a{number}@b.com": f"caller-{number}" for number in range(40)}


def test_what_is_logged_of_a_report_later_names_the_request_that_asked_for_it(
    store: Store, tmp_path: Path, lines: Any
) -> None:
    report_service = InstantReportService(store.database, tmp_path)
    app = server.create_app(Services(from_mapping({"DATA_DIR": str(tmp_path)}), store, report_service))
    assert Client(app).get("/report/now/6/a@b.com?wait=0", x_request_id="asked-1").status == 202
    claimed = report_service.job_store.claim(states.TO_RENDER)
    assert claimed is not None
    report_service.job_store.release(claimed["_id"], states.RENDERED)
    Client(app).get("/health", x_request_id="other-1")
    lines()
    rendered = report_service.job_store.claim(states.TO_SEND)
    assert rendered is not None
    report_service.deliver(rendered)  # its message was never stored
    (line,) = lines()
    assert (line["level"], line["request_id"]) == ("error", "asked-1")
    assert claimed["_id"] in line["message"]
