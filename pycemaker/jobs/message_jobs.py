"""Jobs of messages that are no report: made already, and sent by the delivery workers as reports are."""

from pycemaker.jobs import states
from pycemaker.jobs.job_document import new_document
from pycemaker.jobs.report_service import ReportService
from pycemaker.reports.artifact_names import MESSAGE
from pycemaker.reports.report_model import ReportRequest


def enqueue_message(report_service: ReportService, request: ReportRequest, message: bytes, subject: str) -> None:
    """Enqueue a message under the request's id; where the id is known, what is there stays as it is.

    Args:
        request: the id and the recipients; its notebook's name is the subscription that a recipient may leave.
        subject: for the list of reports.

    Raises:
        DatabaseUnreachable: it may be enqueued; the same call may be made again.
    """
    report_service.files.put(request.report_id, {MESSAGE: message})
    document = new_document(request, report_service.transport.domain)
    document |= {"state": states.RENDERED, "stage": "mail", "subject": subject}
    report_service.job_store.insert_absent([document], report_service.limits.report_retry_seconds)
