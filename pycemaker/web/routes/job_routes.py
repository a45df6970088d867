"""The route `/jobs`: the June 2022 dashboard's door to one schedule, in the shapes that its settings window needs."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bottle import Bottle, request, response

from pycemaker.errors import InvalidDate, InvalidParameter, UnknownSchedule
from pycemaker.parsing.values import Value
from pycemaker.schedules.schedule_fields import FieldReader, Fields, recurrence_of
from pycemaker.schedules.schedule_store import Document
from pycemaker.web.access.redaction import redact_known
from pycemaker.web.error_handlers import json_response
from pycemaker.web.request_parameters import parameters, refuse_unknown
from pycemaker.web.services import Services
from pycemaker.window import parse_instant, to_iso_text

JOB = "admin-report"  # The schedule's id and name
_ALERT_JOB = "admin-alert_predict"
_INTERVAL = Value(str, choices=("6", "12", "24", "168"))
_HALF, _PAGES_HALF = 30, 20
"""The minute that the page offers as "30 min", and the one by which it sends and reads it."""

_TRIGGERS = ("cpu_trigger", "ram_trigger", "response_time_trigger", "request_count_trigger")
_TRIGGER, _FLAG = Value(float, 0), Value(bool)
_KNOWN = ("start_date", "interval", "email_to", "alert_predict", *_TRIGGERS)


def add_jobs(app: Bottle, services: Services) -> None:
    """Add `/jobs`, before the metric routes."""
    store, reader = services.scheduler.store, FieldReader(services.settings, services.notebooks)

    @app.get("/jobs")  # type: ignore[untyped-decorator]
    def jobs() -> bytes:
        services.access_control.check_token(request.environ)
        response.set_header("Cache-Control", "no-store")
        try:
            schedule = store.get(JOB)
        except UnknownSchedule:
            return json_response(None)
        rows = _rows(schedule, services.settings.timezone, store.now())
        if services.access_control.may_see_addresses(request.environ):
            return json_response(rows)
        return json_response([redact_known(row, schedule["recipients"]) for row in rows])

    @app.route("/jobs", method=["POST", "PUT"])  # type: ignore[untyped-decorator]
    def save() -> bytes:
        services.access_control.check_token(request.environ)
        values, now = parameters(request).every, store.now()
        refuse_unknown(values, _KNOWN)
        alert = {name: _TRIGGER.read(name, values[name]) for name in _TRIGGERS if values.get(name) not in (None, "")}
        wants_alert = _FLAG.read("alert_predict", values.get("alert_predict") or False)
        recipients = reader.read_recipients("email_to", values.get("email_to") or "")
        zone = services.settings.timezone
        start = _start(values.get("start_date"), zone, now).astimezone(zone)
        is_pages = start.minute == _PAGES_HALF
        start = start.replace(minute=_HALF) if is_pages else start
        fields = {"name": JOB, "recipients": list(recipients)} | _rhythm(values, start)
        store.save(JOB, reader.read(fields), now, alert=alert if wants_alert else None, has_pages_minute=is_pages)
        return json_response({"msg": "Agendamento salvo."})

    @app.delete("/jobs")  # type: ignore[untyped-decorator]
    def remove() -> bytes:
        services.access_control.check_token(request.environ)
        with suppress(UnknownSchedule):  # a double click
            store.remove(JOB)
        return json_response({"msg": "Agendamento removido."})


def _rows(schedule: Document, zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """The schedule as the page's rows: the report's, and the alert's where one is set."""
    next_at = None if schedule["paused"] else next(recurrence_of(schedule).after(now), None)
    start = schedule["start_at"] or next_at or now
    start = start.astimezone(zone)
    if schedule.get("has_pages_minute") and start.minute == _HALF:
        start = start.replace(minute=_PAGES_HALF)
    common = {"user_id": "admin", "email_to": ",".join(schedule["recipients"])}
    report = common | {
        "_id": JOB,
        "job_name": JOB,
        "interval": str(schedule["every_hours"] or schedule["hours"]),
        "start_date": start.strftime("%H-%M-%S"),
        "next_run_time": next_at and to_iso_text(next_at),
    }
    alert = schedule.get("alert")
    return [report] + ([] if alert is None else [common | {"_id": _ALERT_JOB, "job_name": _ALERT_JOB} | alert])


def _rhythm(values: dict[str, Any], start: datetime) -> Fields:
    """The fields of the rhythm: the first instant, and the interval, which is also the length of a report."""
    interval = _INTERVAL.read("interval", str(values.get("interval", "")))
    return {"every_hours": interval, "start_at": to_iso_text(start.astimezone(UTC)), "hours": interval}


def _start(text: object, zone: ZoneInfo, now: datetime) -> datetime:
    """The instant of `dd-mm-yyyy-HH-MM-SS`, whose date is today's, give or take the distance to the browser's zone."""
    try:
        start = parse_instant(str(text), zone=zone, now_utc=now)
        if abs(start - now) < timedelta(hours=48):
            return start
    except InvalidDate:
        pass
    raise InvalidParameter(field="start_date", reason="not today", takes="a data de hoje: dd-mm-aaaa-HH-MM-SS")
