"""The outcomes of scheduled reports that have ended: over a real mongod, a real outbox and a real HTTP server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.schedules.schedule_fields import FIELDS, FieldReader
from pycemaker.schedules.schedule_store import Document, ScheduleStore
from pycemaker.schedules.scheduler import Scheduler
from pycemaker.schedules.settlement import Settlement
from pycemaker.settings import Settings, from_mapping
from tests.services.prometheus_server import wait_until
from tests.services.report_service import service_of

START = datetime(2026, 4, 1, tzinfo=UTC)


class Pinged(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.paths: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Pinged)
        self.server.may_answer.wait(10)
        self.server.paths.append(self.path)
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def pinged() -> Iterator[Pinged]:
    server = Pinged()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Bed:
    """One schedule every hour, and a scheduler whose clock stands where it is put."""

    def __init__(self, database: Database, folder: Path, pinged: Pinged, **fields: Any) -> None:
        address = f"http://127.0.0.1:{pinged.server_port}"
        given = {"DATA_DIR": str(folder), "PING_URLS": f"{address}/ping", "PUBLIC_URL": "https://ops.example.com"}
        self.settings: Settings = from_mapping(given)
        self.service: ReportService = service_of(database, given)
        self.store = ScheduleStore(database, mails=False)
        self.now = START
        self.scheduler = Scheduler(self.store, self.service, self.settings, lambda: self.now)
        self.settlement = Settlement(self.store, self.service, self.settings)
        whole = {"name": "Vendas & custos", "cron": "0 * * * *", "recipients": ["ana@example.com"]}
        whole |= {"owner": "bob@example.com", "ping_url": f"{address}/ping/key"}
        self.id = self.store.create(FieldReader(self.settings).read(whole | fields), START)["_id"]

    @property
    def schedule(self) -> Document:
        return self.store.get(self.id)

    def hour(self, state: str, **fields: Any) -> str:
        """An hour passes: a report is entered, ends in a state, and is settled; its id."""
        self.now += timedelta(hours=1)
        assert self.scheduler.enter_due() == 1
        job = self.service.job_store.claim(states.TO_RENDER)
        assert job is not None
        self.service.job_store.finish(job["_id"], state, {}, **fields)
        self.settlement.settle()
        return str(job["_id"])

    def notices(self) -> list[dict[str, Any]]:
        return [each for each in self.service.job_store.newest(20) if "schedule" not in each]


@pytest.fixture
def bed(database: Database, tmp_path: Path, pinged: Pinged) -> Bed:
    return Bed(database, tmp_path, pinged)


FAILURE = {"error": {"kind": "NotebookFailed", "facts": {"cell": 3, "reason": "x", "exception": "KeyError"}}}


def test_an_occurrence_is_made_quiet_or_failed_and_the_schedule_shows_the_last_one(bed: Bed) -> None:
    ids = [bed.hour("written"), bed.hour("quiet"), bed.hour("failed", **FAILURE)]
    latest = bed.store.latest(bed.id, 5)
    assert [(each["_id"], each["state"]) for each in reversed(latest)] == list(
        zip(ids, ["made", "quiet", "failed"], strict=True)
    )
    assert latest[0]["reason"] == "O notebook do relatório falhou na célula 3 (KeyError). Nada foi enviado."
    assert bed.schedule["last"] == {"at": START + timedelta(hours=3), "report_id": ids[2], "state": "failed"}
    assert (bed.schedule["failures"], bed.schedule["paused"]) == (1, False)
    assert bed.service.job_store.unsettled(5) == []
    assert bed.store.count_by_state() == {"entered": 0, "made": 1, "quiet": 1, "missed": 0, "failed": 1}


def test_three_failures_in_a_row_pause_it_and_tell_its_owner_once(bed: Bed) -> None:
    for state in ("failed", "failed", "written", "failed", "failed"):
        bed.hour(state)
    assert not bed.schedule["paused"]
    bed.hour("failed", **FAILURE)
    assert (bed.schedule["paused"], bed.schedule["failures"], bed.schedule["next_at"]) == (True, 3, None)
    bed.now += timedelta(hours=5)
    assert bed.scheduler.enter_due() == 0
    (notice,) = bed.notices()
    assert (notice["state"], [each["address"] for each in notice["recipients"]]) == ("rendered", ["bob@example.com"])
    claimed = bed.service.job_store.claim(states.TO_SEND)
    assert claimed is not None
    bed.service.deliver(claimed)
    (path,) = (bed.settings.outbox_dir).glob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["Subject"] == "Agendamento “Vendas & custos” pausado após 3 falhas"
    text = message.get_body(("plain",))
    assert text is not None
    assert "célula 3 (KeyError)" in text.get_content()
    assert "https://ops.example.com/schedules" in text.get_content()


def test_a_server_that_dies_between_the_notice_and_the_pause_tells_nobody_twice(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.hour("failed")
    bed.hour("failed")
    with monkeypatch.context() as killed:
        killed.setattr(ScheduleStore, "pause", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bed.hour("failed")
    assert len(bed.notices()) == 1
    bed.settlement.settle()
    bed.settlement.settle()
    assert bed.schedule["paused"]
    assert len(bed.notices()) == 1


def test_a_schedule_that_is_resumed_counts_its_failures_anew(bed: Bed) -> None:
    for _ in range(3):
        bed.hour("failed")
    fields = {name: bed.schedule[name] for name in FIELDS}
    bed.store.change(bed.id, fields | {"paused": False}, bed.now)
    bed.hour("failed")
    assert (bed.schedule["failures"], bed.schedule["paused"]) == (1, False)


def test_the_url_is_pinged_once_after_each_and_no_redirect_is_followed(bed: Bed, pinged: Pinged) -> None:
    bed.hour("written")
    bed.hour("failed")
    until = time.monotonic() + 5
    while len(pinged.paths) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    bed.settlement.settle()
    time.sleep(0.2)
    assert sorted(pinged.paths) == ["/ping/key", "/ping/key/fail"]


def test_a_report_of_a_schedule_that_was_removed_meanwhile_is_settled(bed: Bed) -> None:
    bed.now += timedelta(hours=1)
    bed.scheduler.enter_due()
    bed.store.remove(bed.id)
    job = bed.service.job_store.claim(states.TO_RENDER)
    assert job is not None
    bed.service.job_store.finish(job["_id"], "failed", {})
    bed.settlement.settle()
    assert bed.service.job_store.unsettled(5) == []


def test_a_server_without_mail_leaves_alone_what_one_with_mail_has_saved(bed: Bed, database: Database) -> None:
    mailing = ScheduleStore(database, mails=True)
    mailing.change(bed.id, {name: bed.schedule[name] for name in FIELDS}, START)
    assert bed.store.due(START + timedelta(hours=2), 5) == []
    assert [each["_id"] for each in mailing.due(START + timedelta(hours=2), 5)] == [bed.id]
    assert bed.store.late_seconds() > 0


def test_a_report_says_which_schedule_it_is_of_and_leaving_that_is_not_leaving_all(bed: Bed) -> None:
    bed.now += timedelta(hours=1)
    bed.scheduler.enter_due()
    job = bed.service.job_store.newest(1)[0]
    assert job["notes"] == [
        "Enviado pelo agendamento “Vendas & custos”, que tem seu endereço entre os destinatários. "
        "Cancelar a inscrição deixa só este agendamento; outros relatórios continuam."
    ]
    assert (job["hours"], job["end"], job["date_text"]) == (24, START + timedelta(hours=1), "2026-04-01T01:00:00.000Z")


def test_only_so_many_pings_wait_and_others_are_left_out(
    bed: Bed, pinged: Pinged, caplog: pytest.LogCaptureFixture
) -> None:
    bed.settlement = Settlement(bed.store, bed.service, bed.settings, most_pings=2)
    pinged.may_answer.clear()
    for _ in range(4):
        bed.hour("written")
    pinged.may_answer.set()
    wait_until(lambda: len(pinged.paths) == 2)
    assert caplog.text.count("is not pinged: 2 pings wait already") == 2
    wait_until(lambda: bed.hour("written") and len(pinged.paths) > 2)
