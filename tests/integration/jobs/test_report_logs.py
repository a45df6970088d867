"""Log lines of a report, from its worker process to the mail server: under one request id, without addresses."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pycemaker import errors
from pycemaker.jobs import states
from pycemaker.jobs.report_process import ReportProcess
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import from_mapping
from pycemaker.telemetry import logs
from pycemaker.window import Window
from tests.integration.jobs.test_left_behind import FIGURE, notebook_of
from tests.services.rendered import NOW, put_rendered
from tests.services.report_service import make, service_of, task_for
from tests.services.shared_template import TEMPLATE
from tests.services.smtp import smtp_server
from tests.services.stored_jobs import edit_job

PLAIN = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Reads the JSON lines that this process and those of reports have logged since the last call."""
    root = logging.getLogger()
    before = list(root.handlers)
    logs.set_up(from_mapping({"LOG_FORMAT": "json"}))
    yield lambda: [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    root.handlers[:] = before


def deliver(report_service: ReportService, report_id: str) -> None:
    claimed = report_service.job_store.claim(states.TO_SEND, report_id)
    assert claimed is not None
    report_service.deliver(claimed)


def put_requested(database: Database, report_service: ReportService, report_id: str) -> None:
    put_rendered(report_service, report_id, "Ana@example.com", "b@example.com")
    edit_job(database, report_id, {"$set": {"request_id": f"asked-{report_id}"}})


@pytest.mark.parametrize(
    ("script", "level", "state", "words"),
    [
        ({"message": "250 2.0.0 OK for <ana@example.com> as 42"}, "info", "sent", "2.0.0 OK for <***> as 42"),
        ({"recipient": "550 5.1.1 <Ana@example.com> is unknown"}, "warning", "refused", "550 5.1.1 <***> is unknown"),
        ({"recipient": "451 4.3.0 later, b@example.com"}, "warning", "deferred", "451 4.3.0 later, ***"),
    ],
)
def test_each_recipient_has_a_line_with_the_message_s_id_and_what_the_server_said(
    database: Database, tmp_path: Path, lines: Any, script: dict[str, str], level: str, state: str, words: str
) -> None:
    with smtp_server("none", script) as mail:
        given = {"EMAIL_FROM": mail.user, "PASSWORD": mail.password, "SMTP_HOST": mail.host}
        given |= {
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "none",
            "DATA_DIR": str(tmp_path),
            "REPORT_RECIPIENTS": "*",
        }
        report_service = service_of(database, given)
        put_requested(database, report_service, "a-report")
        lines()
        deliver(report_service, "a-report")
    told = [line for line in lines() if line["logger"] == "pycemaker.jobs.deliver_job"]
    assert [(line["level"], line["message"], line["request_id"]) for line in told] == [
        (level, f"report a-report, recipient {place}: {state}", "asked-a-report") for place in (1, 2)
    ]
    known = [one["message_id"] for one in report_service.job_store.get("a-report")["recipients"]]
    assert [line["message_id"] for line in told] == known
    assert any(words in line["reply"] for line in told), told
    assert "example.com>" not in json.dumps([line["reply"] for line in told])


def test_log_lines_of_a_worker_process_have_the_request_id(
    database: Database, database_url: str, tmp_path: Path, lines: Any
) -> None:
    environment = PLAIN | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url, "LOG_FORMAT": "json"}
    report_service = service_of(database, environment)
    noisy = "import warnings, threading\nwarnings.warn('made up')"
    notebook = notebook_of(tmp_path, noisy, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    request = ReportRequest("a-report", notebook, Window(NOW, 6), ("a@b.com",), request_id="asked-9")
    with pytest.raises(errors.NotebookFailed):
        make(report_service, request)
    told = lines()
    assert "Kernel died while waiting for execute reply." in [line["message"] for line in told]
    assert {line.get("request_id") for line in told} == {"asked-9"}


def test_what_cells_write_past_the_notebook_is_masked_bounded_and_has_the_report_s_id(
    database: Database, database_url: str, tmp_path: Path, lines: Any
) -> None:
    report_service = service_of(database, PLAIN | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url})
    forged = '{"level": "critical", "message": "made up"}'
    says = f"import os; os.write(2, b'mongodb://ana:pa55@db/x\\x1b[2J\\n'); os.write(1, {forged.encode()!r} + b'\\n')"
    floods = "import subprocess; subprocess.run('yes | head -c 3000000 >&2; sleep 0.1', shell=True)"
    request = ReportRequest(
        "a-report", notebook_of(tmp_path, says, floods, FIGURE), Window(NOW, 6), ("a@b.com",), request_id="r-7"
    )
    make(report_service, request)
    told = [line for line in lines() if line["logger"] == "pycemaker.jobs.process_output"]
    assert {line["request_id"] for line in told} == {"r-7"}
    messages = [line["message"] for line in told]
    first = {"report a-report wrote: mongodb://***@db/x\x1b[2J", f"report a-report wrote: {forged}"}
    assert set(messages[:2]) == first  # ipykernel relays the two streams in two threads
    assert messages[2] == "report a-report wrote: y"
    assert messages[-1] == "report a-report wrote: (more than 65536 bytes: the rest is left out)"
    assert len(messages) < 1100


def test_a_fault_that_nobody_foresaw_in_a_report_s_process_is_one_line(
    database_url: str, tmp_path: Path, lines: Any
) -> None:
    environment = PLAIN | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url, "LOG_FORMAT": "json"}
    runner = ReportProcess(environment, template=TEMPLATE)
    task = task_for(tmp_path / "x.ipynb", tmp_path / "x") | {"request_id": "asked-8"}
    try:
        with pytest.raises(errors.RunnerFailed):
            runner.run(task | {"end_utc": "no instant"}, 60, lambda *_: None)
        runner.wait(10)
    finally:
        runner.kill()
    (line,) = lines()
    assert (line["level"], line["request_id"]) == ("critical", "asked-8")
    assert "no instant" in line["exception"]


def test_a_report_that_was_made_says_so(database: Database, database_url: str, tmp_path: Path, lines: Any) -> None:
    report_service = service_of(database, PLAIN | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url})
    request = ReportRequest("a-report", notebook_of(tmp_path, FIGURE), Window(NOW, 6), ("a@b.com",), request_id="r-7")
    make(report_service, request)
    told = [line for line in lines() if line["logger"] == "pycemaker.jobs.render_job"]
    (line,) = told
    assert (line["level"], line["message"], line["request_id"]) == ("info", "report a-report: made", "r-7")
    assert line["seconds"] > 0
    assert line["message_bytes"] > 1000
