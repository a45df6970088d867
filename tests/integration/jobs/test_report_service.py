"""The heartbeat's thread: no fault ends it, and slow retention does not delay it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from tests.services.report_service import outbox_service
from tests.services.submissions import limits_with


@pytest.fixture
def report_service(database: Database, tmp_path: Path) -> Iterator[ReportService]:
    opened = outbox_service(database, {}, tmp_path, limits_with(lease_seconds=0.3), keep_spare=False)
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
