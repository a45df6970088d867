"""A report that is made and waits to be sent, without a kernel: what couriers start from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pycemaker.jobs import states
from pycemaker.jobs.job_document import Submission
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail.compose import POLICY, compose
from pycemaker.reports.model import Page, ReportRequest
from pycemaker.window import Window

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)


def put_rendered(report_service: ReportService, report_id: str, *recipients: str) -> None:
    """Enter a report for these recipients, its message kept, and nobody told of it yet."""
    request = ReportRequest(report_id, Path("report.ipynb"), Window(NOW, 6), recipients)
    report_service.enqueue(
        request, Submission(report_id, give_up_seconds=report_service.limits.retry_seconds), claimed=True
    )
    message = compose(Page("Relatório", "<p>ação</p>", "ação\n", ()), recipients[0], None, sender="reports@example.com")
    report_service.files.put(report_id, {"message.eml": message.as_bytes(policy=POLICY)})
    report_service.job_store.release(report_id, states.RENDERED)
