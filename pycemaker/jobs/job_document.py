"""The job document: a report in the collection `reports`, as it is made of a request and as callers see it. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from pycemaker.jobs import states
from pycemaker.reports.report_model import ReportRequest

JobDocument = dict[str, Any]


def new_document(request: ReportRequest, domain: str) -> JobDocument:
    """The document of a new job, without what `JobInserter` adds; its Message-IDs are of `domain`."""
    window = request.window
    scheduled: JobDocument = {}
    if request.schedule:
        scheduled = {"schedule": dict(request.schedule), "only_if": request.only_if, "unsettled": True}
    if request.notes:
        scheduled["notes"] = list(request.notes)
    return (
        scheduled
        | {
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
        | ({"application": request.application} if request.application else {})
    )


def new_recipients(report_id: str, addresses: Sequence[str], domain: str) -> list[dict[str, Any]]:
    """A job's recipients. Each has the Message-ID of its mail from the start, whichever server sends it and when."""
    return [
        {
            "address": address,
            "state": states.QUEUED,
            "attempts": 0,
            "message_id": f"<{report_id}.{index}@{domain}>",
            "at": {},
        }
        for index, address in enumerate(addresses)
    ]


def is_alert(document: Mapping[str, Any]) -> bool:
    """True for the mail of an alert: it waits for nobody, and is sent at least once."""
    return "alert" in document


_HIDDEN = {
    *("_id", "owner", "due_at", "taken_at", "give_up_seconds", "sender"),
    *("repeat_key", "idempotency_key", "idempotency_digest", "unsettled", "notes"),
}


def public_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document for callers: its id as `id`, without the fields by which servers divide the work."""
    recipients = [{n: v for n, v in recipient.items() if n != "begun_by"} for recipient in document["recipients"]]
    shown = {name: value for name, value in document.items() if name not in _HIDDEN}
    return {"id": document["_id"]} | shown | {"recipients": recipients}


def derived_report_id(key: bytes, text: str) -> str:
    """The id of a report that the installation itself makes: the same on every server, and without the key unguessable.

    Args:
        key: a secret.
        text: which report it is.
    """
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")[:16]).rstrip(b"=").decode()


def sha256_hex(text: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
