"""What a request for a report becomes in the ledger. Pure."""

from __future__ import annotations

from pycemaker.jobs.job_document import Submission, make_repeat_key, new_recipients
from pycemaker.jobs.job_reader import JobDocument
from pycemaker.jobs.limits import JobLimits
from pycemaker.reports.model import ReportRequest
from pycemaker.window import to_iso_text


def submission_of(
    request: ReportRequest, limits: JobLimits, sender: str, idempotency_key: str | None = None
) -> Submission:
    """How the request is asked for, within these bounds, by this sender."""
    is_now = request.date_text == "now"
    key = make_repeat_key(
        request.notebook.stem,
        "now" if is_now else to_iso_text(request.window.end_utc),
        request.window.hours,
        request.parameters,
        request.attach,
        request.recipients,
        sender,
    )
    return Submission(key, idempotency_key, limits.queue, limits.repeat_seconds, limits.retry_seconds)


def document_of(request: ReportRequest, domain: str) -> JobDocument:
    """What the report is; its mails' ids are of `domain`."""
    window = request.window
    return {
        "_id": request.report_id,
        "notebook": request.notebook.stem,
        "parameters": dict(request.parameters),
        "attach": list(request.attach),
        "date_text": request.date_text,
        "start": window.start_utc,
        "end": window.end_utc,
        "hours": window.hours,
        "request_id": request.request_id,
        "recipients": new_recipients(request.report_id, request.recipients, domain),
    }
