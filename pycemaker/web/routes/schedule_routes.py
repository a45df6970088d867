"""The routes `/schedules` and below: schedules as JSON; pages and their forms for browsers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from bottle import Bottle, request, response

from pycemaker import errors
from pycemaker.parsing.route_paths import REPORTS_PATH, SCHEDULES_PATH
from pycemaker.schedules.schedule_fields import FIELDS, FieldReader, changed_fields, recurrence_of
from pycemaker.schedules.schedule_store import Document, report_id_of
from pycemaker.schedules.scheduler import request_of
from pycemaker.telemetry.request_ids import REQUEST_ID
from pycemaker.web.access.redaction import redact_known
from pycemaker.web.error_handlers import json_response
from pycemaker.web.request_parameters import parameters
from pycemaker.web.routes.report_routes import submit
from pycemaker.web.services import Services
from pycemaker.window import parse_instant, to_iso_text

NEXT = 5
"""The instants that an answer names."""

_ACCEPTED = "Relatório aceito: acompanhe-o em {url}."


def add_schedules(app: Bottle, services: Services) -> None:
    """Add the routes of schedules, before the metric routes, whose paths look alike."""
    store, reader = services.scheduler.store, FieldReader(services.settings, services.notebooks)

    @app.get(SCHEDULES_PATH)  # type: ignore[untyped-decorator]
    def schedules() -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        now = store.now()
        return _json({"schedules": [view(services, each, now) for each in store.every()]})

    @app.post(SCHEDULES_PATH)  # type: ignore[untyped-decorator]
    def create() -> bytes:
        services.access_control.check_token(request.environ)
        now = store.now()
        schedule = store.create(reader.read(_given()), now)
        response.status = 201
        response.set_header("Location", f"{services.settings.base_path}{SCHEDULES_PATH}/{schedule['_id']}")
        return _json(view(services, schedule, now))

    @app.post(SCHEDULES_PATH + "/preview")  # type: ignore[untyped-decorator]
    def preview() -> bytes:
        services.access_control.check_token(request.environ)
        given = _given()
        after = _instant(services, "after", given.pop("after", None)) or store.now()
        fields = reader.read(given, required=())
        return _json({"next": next_instants(fields, after)})

    @app.get(SCHEDULES_PATH + "/<schedule_id>")  # type: ignore[untyped-decorator]
    def show(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        return _json(view(services, store.get(schedule_id), store.now()))

    @app.route(SCHEDULES_PATH + "/<schedule_id>", method="PATCH")  # type: ignore[untyped-decorator]
    def change(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        now = store.now()
        fields = reader.read(changed_fields(store.get(schedule_id), _given()))
        return _json(view(services, store.change(schedule_id, fields, now), now))

    @app.delete(SCHEDULES_PATH + "/<schedule_id>")  # type: ignore[untyped-decorator]
    def remove(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        store.remove(schedule_id)
        return _json({"msg": "Agendamento removido."})

    @app.post(SCHEDULES_PATH + "/<schedule_id>/run")  # type: ignore[untyped-decorator]
    def run(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        schedule, given = store.get(schedule_id), _given()
        at, to = _instant(services, "at", given.pop("at", None)), given.pop("to", None)
        for name in given:
            raise errors.InvalidParameter(field=name[:40], reason="unknown", known=["at", "to"])
        report_id = run_now(services, schedule, at, to)
        url = f"{services.settings.base_path}{REPORTS_PATH}/{report_id}.json"
        response.status = 202
        response.set_header("Location", url)
        return _json({"msg": _ACCEPTED.format(url=url), "report_id": report_id, "url": url})


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
    is_new = services.scheduler.enter(schedule, at, REQUEST_ID.get())
    if not is_new:
        admission.release()
    return report_id_of(schedule, at)


def view(services: Services, schedule: Document, now: datetime) -> dict[str, Any]:
    """A schedule as this caller may see it."""
    last = schedule["last"] and schedule["last"] | {"at": to_iso_text(schedule["last"]["at"])}
    shown: dict[str, Any] = {"id": schedule["_id"]}
    shown |= {name: _plain(schedule[name]) for name in FIELDS}
    shown |= {"next": [] if schedule["paused"] else next_instants(schedule, now), "last": last}
    shown |= {"failures": schedule["failures"], "paused_reason": schedule["paused_reason"]}
    if services.access_control.may_see_addresses(request.environ):
        return shown
    addresses = [*schedule["recipients"], *([schedule["owner"]] if schedule["owner"] else [])]
    return redact_known(shown, addresses) | {"ping_url": None}


def next_instants(fields: Mapping[str, Any], after: datetime) -> list[str]:
    """The next nominal instants after one, in ISO 8601."""
    return [to_iso_text(each) for each in islice(recurrence_of(fields).after(after), NEXT)]


def _plain(value: Any) -> Any:
    return to_iso_text(value) if isinstance(value, datetime) else value


def _given() -> dict[str, Any]:
    """The parameters of the query, of a form or of a JSON object."""
    given = parameters(request)
    return given.texts | given.values


def _instant(services: Services, name: str, text: object) -> datetime | None:
    """The instant of a parameter; None without one."""
    if text in (None, ""):
        return None
    try:
        return parse_instant(str(text), zone=services.settings.timezone, now_utc=services.clock())
    except errors.InvalidDate:
        raise errors.InvalidParameter(field=name, reason="not an instant", takes="ISO 8601 com fuso") from None


def _json(content: Any) -> bytes:
    response.set_header("Cache-Control", "no-store")
    return json_response(content)
