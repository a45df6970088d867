"""Schedules as answers show them, and the report that somebody wants of one now."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from bottle import request

from pycemaker import errors
from pycemaker.schedules.recurrence import Recurrence
from pycemaker.schedules.schedule_fields import FIELDS, FieldReader, recurrence_of
from pycemaker.schedules.schedule_store import MOST_SCHEDULES, Document, report_id_of
from pycemaker.schedules.scheduler import request_of
from pycemaker.telemetry.request_ids import REQUEST_ID
from pycemaker.web.access.redaction import redact_known
from pycemaker.web.routes.report_routes import submit
from pycemaker.web.services import Services
from pycemaker.window import to_iso_text

NEXT = 5
"""The instants that an answer names."""


def run_now(services: Services, schedule: Document, at: datetime | None, to: object = None) -> str:
    """Enter the report of an instant, as the schedule itself would, or a trial of it to other addresses; its id.

    Args:
        services: as the routes'.
        schedule: its document.
        at: the instant; None for this minute, so that two clicks are one report.
        to: addresses of a trial, which is no occurrence of the schedule; None or blank for its own recipients.

    Raises:
        InvalidParameter: the instant is to come.
        TooManyRequests, AskedTooOften: as for any report that somebody asks for.
    """
    now = services.scheduler.store.now()
    at = at or now.replace(second=0, microsecond=0)
    if at > now:
        raise errors.InvalidParameter(field="at", reason="in the future", takes="um instante que já passou")
    if to:
        recipients = FieldReader(services.settings).read_recipients("to", to)
        trial = request_of(schedule, at, REQUEST_ID.get())
        return submit(
            services, replace(trial, report_id=secrets.token_urlsafe(16), recipients=recipients, schedule=None)
        )
    admission = services.access_control.admit(request.environ, schedule["recipients"])
    is_new = False
    try:
        is_new = services.scheduler.enter(schedule, at, REQUEST_ID.get())
    finally:
        if not is_new:
            admission.release()
    return report_id_of(schedule, at)


def view(services: Services, schedule: Document, now: datetime) -> dict[str, Any]:
    """A schedule as this caller may see it."""
    last = schedule["last"] and schedule["last"] | {"at": to_iso_text(schedule["last"]["at"])}
    shown: dict[str, Any] = {"id": schedule["_id"]}
    fields = {name: schedule[name] for name in FIELDS}
    shown |= {name: to_iso_text(each) if isinstance(each, datetime) else each for name, each in fields.items()}
    shown |= {"next": [] if schedule["paused"] else _next_instants(schedule, now), "last": last}
    shown |= {"failures": schedule["failures"], "paused_reason": schedule["paused_reason"]}
    if services.access_control.may_see_addresses(request.environ):
        return shown
    addresses = [*schedule["recipients"], *([schedule["owner"]] if schedule["owner"] else [])]
    return redact_known(shown, addresses) | {"ping_url": None}


def next_instants(fields: Mapping[str, Any], after: datetime) -> list[str]:
    """The next nominal instants after one, in ISO 8601."""
    return list(_instants_of(recurrence_of(fields), after))


def _next_instants(schedule: Document, now: datetime) -> list[str]:
    """The next instants of a stored schedule. They are kept until the first has come: rare ones take 20 ms to find."""
    next_at = schedule["next_at"]
    after = next_at - timedelta(microseconds=1) if next_at and next_at > now else now
    return list(_instants_of(recurrence_of(schedule), after))


@lru_cache(MOST_SCHEDULES)
def _instants_of(recurrence: Recurrence, after: datetime) -> tuple[str, ...]:
    return tuple(map(to_iso_text, islice(recurrence.after(after), NEXT)))
