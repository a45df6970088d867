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
from pycemaker.jobs.job_document import Asked
from pycemaker.jobs.report_service import Desk
from pycemaker.mongo.database import Database
from pycemaker.reports.model import ReportRequest
from pycemaker.settings import ROOT, from_mapping
from tests.integration.test_reports import request_for
from tests.services.desk import desk_of
from tests.services.process import all_gone
from tests.services.rendered import put_rendered


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return desk_of(database, {"DATA_DIR": str(tmp_path)})


def asked(desk: Desk, report_id: str = "a-report") -> ReportRequest:
    request = request_for(Path("report.ipynb"), report_id)
    desk.ask(request, Asked(report_id), own=True)
    return request


def test_a_report_that_goes_back_into_the_queue_was_refused_by_nobody(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(desk)
    error = DatabaseUnreachable(reason="gone")
    told: dict[str, Any] = error.to_facts() | {"message": str(error)}
    desk.ledger.pass_on("a-report", states.QUEUED, after_seconds=5, last_error=told)
    assert command._finish(desk.ledger.get("a-report"), desk.files, from_mapping({}), opens=False) == 1
    said = capsys.readouterr().err
    assert "MongoDB is not reachable: gone" in said
    assert "a server over the same database goes on with it" in said
    assert "a-report" in said
    assert "refused" not in said


def test_one_that_is_made_when_it_is_interrupted_is_left_to_others(desk: Desk) -> None:
    put_rendered(desk, "a-report", "a@b.com")
    said = command._told_interrupted(desk, "a-report")
    assert "a server over the same database goes on with it" in said
    assert desk.ledger.get("a-report")["state"] == states.RENDERED
    assert "before the report was asked for" in command._told_interrupted(desk, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal there")
def test_one_that_is_interrupted_while_it_is_made_is_mailed_by_nobody(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    environment = plain | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url}
    arguments = [sys.executable, "-m", "pycemaker", "report"]
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        entry = running(desk)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 130
    assert "interrupted; nobody is mailed" in said
    ended = desk.ledger.get(entry["_id"])
    assert (ended["state"], ended["error"]["facts"]["reason"]) == (states.FAILED, "it was interrupted")
    assert [recipient["state"] for recipient in ended["recipients"]] == [states.FAILED]
    assert desk.ledger.claim(states.TO_MAKE) is None
    assert all_gone(started, 3) == []


def running(desk: Desk) -> dict[str, Any]:
    """The report that is being made, as soon as its notebook is."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = [entry for entry in desk.ledger.newest(1) if entry["stage"] == "notebook"]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("no report is being made")
