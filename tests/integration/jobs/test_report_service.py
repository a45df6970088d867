"""The report service's threads: no fault ends the heartbeat, and nothing slow delays it, a caller or a mail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.warm_slot import WarmSlot
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.window import Window
from tests.services.report_service import outbox_service
from tests.services.submissions import report_settings_with, submit


@pytest.fixture
def report_service(database: Database, tmp_path: Path) -> Iterator[ReportService]:
    opened = outbox_service(database, {}, tmp_path, report_settings_with(lease_seconds=0.3), keep_spare=False)
    yield opened
    opened.close()


def test_it_goes_on_after_a_fault_that_nobody_foresaw(
    report_service: ReportService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    enough = threading.Event()
    calls: list[object] = []

    def renew(report_ids: object) -> set[str]:
        calls.append(report_ids)
        if len(calls) == 3:
            enough.set()
        raise RuntimeError("made up")

    monkeypatch.setattr(report_service.job_store, "renew_leases", renew)
    report_service.start()
    assert enough.wait(10)
    assert "made up" in caplog.text


def test_it_does_not_wait_for_what_is_removed(report_service: ReportService, monkeypatch: pytest.MonkeyPatch) -> None:
    clearing, renewed, over = threading.Event(), threading.Event(), threading.Event()

    def apply_retention() -> int:
        clearing.set()
        over.wait(20)
        return 0

    def renew(_report_ids: object) -> set[str]:
        if clearing.is_set():
            renewed.set()
        return set()

    monkeypatch.setattr(report_service, "apply_retention", apply_retention)
    monkeypatch.setattr(report_service.job_store, "renew_leases", renew)
    report_service.start()
    try:
        assert renewed.wait(10)
    finally:
        over.set()


class SlotThatEndsLate(WarmSlot):
    """Starts no process, and takes until a caller has its answer, or five seconds, to end it."""

    def __init__(self) -> None:
        super().__init__({})
        self.answered = threading.Event()
        self.was_answered = False

    def acquire(self) -> NoReturn:
        raise OSError("made up")

    def kill(self) -> None:
        self.was_answered = self.answered.wait(5)


def test_nobody_waits_until_a_report_s_processes_have_ended(
    report_service: ReportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycemaker.jobs.report_service.POLL_SECONDS", 20.0)
    request = ReportRequest("x", Path("n.ipynb"), Window(datetime(2022, 4, 10, 12, tzinfo=UTC), 6), ("a@b.com",))
    report_id, _is_new = report_service.enqueue(request, submit("k"))
    job = report_service.job_store.with_owner().claim(states.TO_RENDER)
    assert job is not None
    slot = SlotThatEndsLate()
    render = threading.Thread(target=report_service.render, args=(job, slot))
    render.start()
    assert report_service.wait(report_id, 20)["state"] == states.FAILED
    slot.answered.set()
    render.join()
    assert slot.was_answered
