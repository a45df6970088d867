"""A rendered report that waits for a delivery worker, made without a kernel."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail.compose import POLICY, compose
from pycemaker.reports.report_model import Page, ReportRequest
from pycemaker.window import Window
from tests.services.submissions import submit

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)


def put_rendered(report_service: ReportService, report_id: str, *recipients: str) -> None:
    """Store a rendered report for these recipients, with its message; nothing is sent yet."""
    request = ReportRequest(report_id, Path("report.ipynb"), Window(NOW, 6), recipients)
    report_service.enqueue(
        request, submit(report_id, report_retry_seconds=report_service.settings.report_retry_seconds), claimed=True
    )
    message = compose(Page("Relatório", "<p>ação</p>", "ação\n", ()), recipients[0], None, sender="reports@example.com")
    report_service.files.put(report_id, {"message.eml": message.as_bytes(policy=POLICY)})
    report_service.job_store.release(report_id, states.RENDERED)
