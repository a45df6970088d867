"""Jobs of messages that are no report: those that are made already, and alerts, which have a plain message."""

from contextlib import suppress

from pycemaker.errors import UnknownReport
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
    report_service.job_store.insert_absent([document], report_service.settings.report_retry_seconds)


def enqueue_alert(
    report_service: ReportService, request: ReportRequest, plain: bytes, subject: str, first_id: str | None
) -> None:
    """Enqueue the mail of an alert: its notebook is run before all reports, and the plain message is there already.

    Args:
        request: its id; where that is known, what is there stays as it is.
        plain: the message that is sent where the notebook fails or takes too long.
        subject: the plain message's.
        first_id: the id of the first mail of the same alert, to which this one belongs; None for the first.

    Raises:
        DatabaseUnreachable: it may be enqueued; the same call may be made again.
    """
    report_service.files.put(request.report_id, {MESSAGE: plain})
    document = new_document(request, report_service.transport.domain) | {"alert": True, "subject": subject}
    if first_id:
        with suppress(UnknownReport):
            first = report_service.job_store.get(first_id)
            message_ids = {each["address"]: each["message_id"] for each in first["recipients"]}
            for recipient in document["recipients"]:
                if recipient["address"] in message_ids:
                    recipient["references"] = message_ids[recipient["address"]]
    report_service.job_store.insert_absent([document], report_service.settings.report_retry_seconds)
