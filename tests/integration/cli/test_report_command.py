"""`python -m pycemaker report` where it is interrupted, or does not see its report to the end: what it says is true."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pycemaker.cli import report_command as command
from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT, from_mapping
from tests.integration.jobs.test_reports import request_for
from tests.services.process import all_gone
from tests.services.rendered import put_rendered
from tests.services.report_service import service_of
from tests.services.submissions import submit


@pytest.fixture
def report_service(database: Database, tmp_path: Path) -> ReportService:
    return service_of(database, {"DATA_DIR": str(tmp_path)})


def asked(report_service: ReportService, report_id: str = "a-report") -> ReportRequest:
    request = request_for(Path("report.ipynb"), report_id)
    report_service.enqueue(request, submit(report_id), claimed=True)
    return request


def test_a_report_that_goes_back_into_the_queue_was_refused_by_nobody(
    report_service: ReportService, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(report_service)
    error = DatabaseUnreachable(reason="gone")
    details: dict[str, Any] = error.to_facts() | {"message": str(error)}
    report_service.job_store.release("a-report", states.QUEUED, after_seconds=5, last_error=details)
    assert (
        command.print_outcome(
            report_service.job_store.get("a-report"), report_service.files, from_mapping({}), opens=False
        )
        == 1
    )
    output = capsys.readouterr().err
    assert "MongoDB is not reachable: gone" in output
    assert "a server over the same database goes on with it" in output
    assert "a-report" in output
    assert "refused" not in output


def test_one_that_is_made_when_it_is_interrupted_is_left_to_others(report_service: ReportService) -> None:
    put_rendered(report_service, "a-report", "a@b.com")
    output = command.describe_interruption(report_service, "a-report")
    assert "a server over the same database goes on with it" in output
    assert report_service.job_store.get("a-report")["state"] == states.RENDERED
    assert "before the report was asked for" in command.describe_interruption(report_service, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal there")
def test_one_that_is_interrupted_while_it_is_made_is_mailed_by_nobody(
    report_service: ReportService, database_url: str, tmp_path: Path
) -> None:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    environment = plain | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url}
    arguments = [sys.executable, "-m", "pycemaker", "report"]
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        entry = running(report_service)
        process.send_signal(signal.SIGSTOP)  # it must not be done before it is interrupted
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        _, output = process.communicate(timeout=20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 130
    assert "interrupted; nobody is mailed" in output
    ended = report_service.job_store.get(entry["_id"])
    assert (ended["state"], ended["error"]["facts"]["reason"]) == (states.FAILED, "it was interrupted")
    assert [recipient["state"] for recipient in ended["recipients"]] == [states.FAILED]
    assert report_service.job_store.claim(states.TO_RENDER) is None
    assert all_gone(started, 3) == []


def running(report_service: ReportService) -> dict[str, Any]:
    """The report that is being made, as soon as its notebook is."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        entries = [entry for entry in report_service.job_store.newest(1) if entry["stage"] == "notebook"]
        if entries:
            return entries[0]
        time.sleep(0.01)
    raise AssertionError("no report is being made")
