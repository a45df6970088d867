"""What callers are told of a report: its record, and the error that stands for how it went. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pycemaker import errors
from pycemaker.jobs import states
from pycemaker.jobs.job_document import public_fields
from pycemaker.window import to_iso_text

_DELIVERED = (states.SENT, states.WRITTEN)


def record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A report's entry as JSON-able data: instants in ISO 8601 in UTC, what only servers need left out.

    Besides the entry it has `email_to`, its recipients separated by commas; `seconds`, those of its stages together;
    and, as soon as somebody was sent it, `delivered_by`, `reply` and `message_id` of the first such.
    """
    told: dict[str, Any] = _plain(public_fields(entry))
    told["email_to"] = ",".join(recipient["address"] for recipient in entry["recipients"])
    told["seconds"] = round(sum(entry["stage_seconds"].values()), 3)
    first = next((one for one in entry["recipients"] if one["state"] in _DELIVERED), None)
    if first:
        told |= {"delivered_by": first["via"], "reply": first["reply"], "message_id": first["message_id"]}
    return told


def is_open(entry: Mapping[str, Any]) -> bool:
    """Whether the report is still being made or handed over for the first time."""
    return entry["state"] in states.OPEN and entry["state"] != states.DEFERRED


def raise_unless_delivered(entry: Mapping[str, Any]) -> None:
    """Return where every recipient has the report, or their message is in the outbox.

    Raises:
        ReportFailed, DatabaseUnreachable, ReportTimedOut: it could not be made, or not in time.
        MailDeferred, MailRefused, MailPartlySent, RecipientSuppressed: it was not taken, not by every one.
        Each names the report among its facts (`report_id`).
    """
    if entry["state"] not in _DELIVERED:
        error = _error(entry)
        error.facts["report_id"] = entry["_id"]
        raise error


def _error(entry: Mapping[str, Any]) -> errors.PycemakerError:
    if "error" in entry:
        return errors.from_facts(entry["error"])
    reasons = [one["reason"] for one in entry["recipients"] if "reason" in one]
    reason = reasons[0] if reasons else "no reason was given"
    match entry["state"]:
        case states.DEFERRED:
            moments = [one["next_attempt_at"] for one in entry["recipients"] if one["state"] == states.DEFERRED]
            at = to_iso_text(min(moments)) if moments else "soon"
            return errors.MailDeferred(reason=reason, next_attempt_at=at, possibly_sent=False, is_temporary=True)
        case states.PARTLY_SENT:
            lines = [f"{one['address']}: {one['state']}" for one in entry["recipients"]]
            return errors.MailPartlySent(reason=reason, recipients=lines, possibly_sent=True, is_temporary=False)
        case states.SUPPRESSED:
            return errors.RecipientSuppressed(reason="suppressed", possibly_sent=False, is_temporary=False)
        case states.EXPIRED:
            return errors.ReportExpired(reason=reason)
        case states.FAILED:
            return errors.RunnerFailed(stage="mail", reason=reason)
    possibly_sent = entry["state"] == states.POSSIBLY_SENT
    return errors.MailRefused(reason=reason, possibly_sent=possibly_sent, is_temporary=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_iso_text(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
