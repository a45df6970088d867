"""The routes `/schedules` and below: schedules as JSON; pages and their forms for browsers."""

from __future__ import annotations

from datetime import datetime

from bottle import Bottle, request, response

from pycemaker import errors
from pycemaker.parsing.route_paths import REPORTS_PATH, SCHEDULES_PATH
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.web.error_handlers import fresh_json, html_response
from pycemaker.web.pages import schedule_pages
from pycemaker.web.pages.home import prefers_html
from pycemaker.web.request_parameters import parameters
from pycemaker.web.routes.schedule_form_routes import schedule_page
from pycemaker.web.schedule_answers import next_instants, run_now, view
from pycemaker.web.services import Services
from pycemaker.window import parse_instant

_ACCEPTED = "Relatório aceito: acompanhe-o em {url}."


def add_schedules(app: Bottle, services: Services) -> None:
    """Add the routes of schedules, before the metric routes, whose paths look alike."""
    store, reader = services.scheduler.store, FieldReader(services.settings, services.notebooks)

    @app.get(SCHEDULES_PATH)  # type: ignore[untyped-decorator]
    def schedules() -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        return _list(services)

    @app.post(SCHEDULES_PATH)  # type: ignore[untyped-decorator]
    def create() -> bytes:
        services.access_control.check_token(request.environ)
        now = store.now()
        schedule = store.create(reader.read(parameters(request).every), now)
        response.status = 201
        response.set_header("Location", f"{services.settings.base_path}{SCHEDULES_PATH}/{schedule['_id']}")
        return fresh_json(view(services, schedule, now))

    @app.post(SCHEDULES_PATH + "/preview")  # type: ignore[untyped-decorator]
    def preview() -> bytes:
        services.access_control.check_token(request.environ)
        given = parameters(request).every
        after = _instant(services, "after", given.pop("after", None)) or store.now()
        fields = reader.read(given, required=())
        return fresh_json({"next": next_instants(fields, after)})

    @app.get(SCHEDULES_PATH + "/<schedule_id>")  # type: ignore[untyped-decorator]
    def show(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        if prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            return schedule_page(services, schedule_id)
        return fresh_json(view(services, store.get(schedule_id), store.now()))

    @app.route(SCHEDULES_PATH + "/<schedule_id>", method="PATCH")  # type: ignore[untyped-decorator]
    def change(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        now = store.now()
        fields = reader.read_changed(store.get(schedule_id), parameters(request).every)
        return fresh_json(view(services, store.change(schedule_id, fields, now), now))

    @app.delete(SCHEDULES_PATH + "/<schedule_id>")  # type: ignore[untyped-decorator]
    def remove(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        store.remove(schedule_id)
        return fresh_json({"msg": "Agendamento removido."})

    @app.post(SCHEDULES_PATH + "/<schedule_id>/run")  # type: ignore[untyped-decorator]
    def run(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        schedule, given = store.get(schedule_id), parameters(request).every
        at, to = _instant(services, "at", given.pop("at", None)), given.pop("to", None)
        for name in given:
            raise errors.InvalidParameter(field=name[:40], reason="unknown", known=["at", "to"])
        report_id = run_now(services, schedule, at, to)
        url = f"{services.settings.base_path}{REPORTS_PATH}/{report_id}.json"
        response.status = 202
        response.set_header("Location", url)
        return fresh_json({"msg": _ACCEPTED.format(url=url), "report_id": report_id, "url": url})


def _list(services: Services) -> bytes:
    store = services.scheduler.store
    now = store.now()
    views = [view(services, each, now) for each in store.every()]
    if prefers_html(request.environ.get("HTTP_ACCEPT", "")):
        return html_response(schedule_pages.list_page(views, services.settings))
    return fresh_json({"schedules": views})


def _instant(services: Services, name: str, text: object) -> datetime | None:
    """The instant of a parameter; None without one."""
    if text in (None, ""):
        return None
    try:
        return parse_instant(str(text), zone=services.settings.timezone, now_utc=services.clock())
    except errors.InvalidDate:
        raise errors.InvalidParameter(field=name, reason="not an instant", takes="ISO 8601 com fuso") from None
