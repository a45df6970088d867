"""Result of a report for callers: its record, and the error that its state stands for. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pycemaker import errors
from pycemaker.jobs import states
from pycemaker.jobs.job_document import public_fields
from pycemaker.window import to_iso_text

_DELIVERED = (states.SENT, states.WRITTEN)


def record(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job document as JSON-able data: instants in ISO 8601 in UTC, the servers' own fields left out.

    It also has `email_to`, the recipients separated by commas; `seconds`, the sum of its stages; `worker`, while one
    has it; and, once a mail was accepted, `delivered_by`, `reply` and `message_id` of the first such.
    """
    fields: dict[str, Any] = _plain(public_fields(job))
    fields["email_to"] = ",".join(recipient["address"] for recipient in job["recipients"])
    if job["state"] in (states.RUNNING, states.SENDING):
        fields["worker"] = str(job.get("owner", "")).partition("/")[0]
    fields["seconds"] = round(sum(job["stage_seconds"].values()), 3)
    first = next((recipient for recipient in job["recipients"] if recipient["state"] in _DELIVERED), None)
    if first:
        fields |= {"delivered_by": first["via"], "reply": first["reply"], "message_id": first["message_id"]}
    return fields


def is_open(job: Mapping[str, Any]) -> bool:
    """True if the report is still being rendered, or sent for the first time."""
    return job["state"] in states.OPEN and job["state"] != states.DEFERRED


def raise_unless_delivered(job: Mapping[str, Any]) -> None:
    """Return where every recipient has the report, its message is in the outbox, or nobody was to have it.

    Raises:
        ReportFailed, DatabaseUnreachable, ReportTimedOut: it could not be rendered, or not in time; MailDeferred,
            MailRefused, MailPartlySent, RecipientSuppressed: not every recipient got it; Each names the report among
            its facts (`report_id`).
    """
    if job["state"] not in (*_DELIVERED, states.QUIET):
        error = _error(job)
        error.facts["report_id"] = job["_id"]
        raise error


def _error(job: Mapping[str, Any]) -> errors.PycemakerError:
    if "error" in job:
        return errors.from_facts(job["error"])
    recipients = job["recipients"]
    reasons = [recipient["reason"] for recipient in recipients if "reason" in recipient]
    reason = reasons[0] if reasons else "no reason was given"
    match job["state"]:
        case states.DEFERRED:
            instants = [each["next_attempt_at"] for each in recipients if each["state"] == states.DEFERRED]
            at = to_iso_text(min(instants)) if instants else "soon"
            return errors.MailDeferred(reason=reason, next_attempt_at=at, possibly_sent=False, is_temporary=True)
        case states.PARTLY_SENT:
            lines = [f"{recipient['address']}: {recipient['state']}" for recipient in recipients]
            return errors.MailPartlySent(reason=reason, recipients=lines, possibly_sent=True, is_temporary=False)
        case states.SUPPRESSED:
            return errors.RecipientSuppressed(reason="suppressed", possibly_sent=False, is_temporary=False)
        case states.EXPIRED:
            return errors.ReportExpired(reason=reason)
        case states.FAILED:
            return errors.RunnerFailed(stage="mail", reason=reason)
    possibly_sent = job["state"] == states.POSSIBLY_SENT
    return errors.MailRefused(reason=reason, possibly_sent=possibly_sent, is_temporary=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_iso_text(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
