"""Report services for tests: one whose reports are made at once in this process, one that makes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from pycemaker import settings
from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs import report_result
from pycemaker.jobs.deliver_job import MailTransport
from pycemaker.jobs.job_document import new_document
from pycemaker.jobs.render_task import task_of
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.jobs.submission_keys import Submission
from pycemaker.mail.outbox import Outbox
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import Delivery, OnProgress, ReportRequest
from pycemaker.window import Window
from tests.services.shared_template import TEMPLATE
from tests.services.submissions import report_settings_with, submit

_SERVICES: list[ReportService] = []


def close_services() -> None:
    """End what `service_of` and `outbox_service` have opened, and the processes of their reports."""
    while _SERVICES:
        _SERVICES.pop().close()


def _opened(service: ReportService) -> ReportService:
    _SERVICES.append(service)
    return service


def service_of(database: Database, environment: Mapping[str, str], **given: str) -> ReportService:
    """A report service under these settings, `given` over those of the environment; its threads are not started."""
    whole = {**environment, **given}
    made = make_report_service(settings.from_mapping(whole), database, whole, keep_spare=False, template=TEMPLATE)
    return _opened(made)


def task_for(notebook: Path, folder: Path) -> dict[str, Any]:
    """The task of a report of six hours by this notebook, whose files go into the folder."""
    request = ReportRequest("x", notebook, Window(datetime(2022, 4, 10, 12, tzinfo=UTC), 6), ("a@b.com",))
    return task_of(new_document(request, "b.com"), notebook, folder)


def make(
    report_service: ReportService, request: ReportRequest, on_progress: OnProgress = lambda _stage, _done, _total: None
) -> dict[str, Any]:
    """Render and send one report in this process; its record. Raises the error of any other end."""
    report_service.notebooks = request.notebook.parent
    report_id, _ = report_service.enqueue(request, submit(secrets.token_hex(8)), claimed=True)
    job = report_service.run_now(report_id, on_progress)
    report_result.raise_unless_delivered(job)
    return report_result.record(job)


def record_of(report_service: ReportService, report_id: str = "a-report") -> dict[str, Any]:
    """A report's record as it stands."""
    return report_result.record(report_service.job_store.get(report_id))


class AwayDatabase(Database):
    """A database that is away, without anybody waiting for it."""

    def __init__(self) -> None:
        super().__init__("mongodb://127.0.0.1:9/nothing")

    def _open(self) -> NoReturn:
        raise DatabaseUnreachable(reason="made up")


class RecordingReportService(ReportService):
    """Records the requests, and answers each at once as sent, or with a fault; it makes nothing."""

    def __init__(self) -> None:
        super().__init__(
            AwayDatabase(),
            {},
            Path("/nonexistent"),
            MailTransport(_no_send, "reports@example.com", is_repeatable=False),
            report_settings_with(),
        )
        self.wanted: list[ReportRequest] = []
        self.fails_with: Exception | None = None

    def find_duplicate(self, submission: Submission) -> str | None:
        return None

    def enqueue(self, request: ReportRequest, submission: Submission, *, claimed: bool = False) -> tuple[str, bool]:
        if self.fails_with:
            raise self.fails_with
        self.wanted.append(request)
        return request.report_id, True

    def wait(self, report_id: str, seconds: float) -> dict[str, Any]:
        request = self.wanted[-1]
        job = new_document(request, self.transport.domain) | {"state": "sent", "stage_seconds": {}, "_id": report_id}
        for recipient in job["recipients"]:
            recipient |= {"state": "sent", "via": "smtp", "reply": "250 OK"}
        return job


def _no_send(_content: bytes, _email_to: str, _on_leaving: Callable[[], None]) -> Delivery:
    raise AssertionError("nothing is to be sent")


def outbox_service(
    database: Database,
    environment: Mapping[str, str],
    folder: Path,
    settings: ReportSettings,
    *,
    keep_spare: bool = True,
) -> ReportService:
    """A report service with these settings, which writes into an outbox; its threads are not started."""
    transport = MailTransport(Outbox(folder / "outbox"), "reports@localhost.localdomain", is_repeatable=True)
    made = ReportService(database, environment, folder, transport, settings, keep_spare=keep_spare, template=TEMPLATE)
    return _opened(made)
