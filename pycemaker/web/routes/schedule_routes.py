"""The routes `/schedules` and below: schedules as JSON; for browsers pages, and the actions of their buttons."""

from datetime import datetime
from typing import Any

from bottle import Bottle, request, response

from pycemaker.errors import PycemakerError
from pycemaker.parsing.route_paths import ONE_SCHEDULE, REPORTS_PATH, SCHEDULES_PATH
from pycemaker.reports.notebook_catalogue import every_notebook, usable
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.schedules.schedule_store import Document
from pycemaker.web.access.redaction import redact_known
from pycemaker.web.error_handlers import fresh_json, html_response
from pycemaker.web.pages import schedule_pages
from pycemaker.web.pages.message_page import CHECK, REMOVE, SAVE
from pycemaker.web.posted_forms import answer_form, see_other
from pycemaker.web.request_parameters import instant, parameters, refuse_unknown
from pycemaker.web.schedule_answers import next_instants, run_now, view
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html

_ACCEPTED = "Relatório aceito: acompanhe-o em {url}."
_LATEST = 10
_HIDDEN = ("recipients", "owner", "ping_url")


def add_schedules(app: Bottle, services: Services) -> None:
    """Add the routes of schedules, before the metric routes, whose paths look alike."""
    store, reader = services.scheduler.store, FieldReader(services.settings, services.notebooks)

    @app.get(SCHEDULES_PATH)  # type: ignore[untyped-decorator]
    def schedules() -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        now = store.now()
        views = [view(services, each, now) for each in store.every()]
        if prefers_html(request.environ):
            return html_response(schedule_pages.list_page(views, services.settings))
        return fresh_json({"schedules": views})

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
        return fresh_json({"next": next_instants(reader.read(given, required=()), after)})

    @app.get(SCHEDULES_PATH + "/new")  # type: ignore[untyped-decorator]
    def new() -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        return _page(services, None, {})

    @app.post(SCHEDULES_PATH + "/new")  # type: ignore[untyped-decorator]
    def post_new() -> Any:
        return _post_form(services, None)

    _add_one_schedule(app, services)


def _add_one_schedule(app: Bottle, services: Services) -> None:
    store, reader = services.scheduler.store, FieldReader(services.settings, services.notebooks)

    @app.get(ONE_SCHEDULE)  # type: ignore[untyped-decorator]
    def show(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        schedule = store.get(schedule_id)
        if prefers_html(request.environ):
            return _page(services, schedule, {})
        return fresh_json(view(services, schedule, store.now()))

    @app.post(ONE_SCHEDULE)  # type: ignore[untyped-decorator]
    def post(schedule_id: str) -> Any:
        return _post_form(services, schedule_id)

    @app.route(ONE_SCHEDULE, method="PATCH")  # type: ignore[untyped-decorator]
    def change(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        now = store.now()
        fields = reader.read_changed(store.get(schedule_id), parameters(request).every)
        return fresh_json(view(services, store.change(schedule_id, fields, now), now))

    @app.delete(ONE_SCHEDULE)  # type: ignore[untyped-decorator]
    def remove(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        store.remove(schedule_id)
        return fresh_json({"msg": "Agendamento removido."})

    @app.post(ONE_SCHEDULE + "/run")  # type: ignore[untyped-decorator]
    def run(schedule_id: str) -> bytes:
        services.access_control.check_token(request.environ)
        schedule, given = store.get(schedule_id), parameters(request).every
        at = _instant(services, "at", given.get("at"))
        refuse_unknown(given, ("at", "to"))
        report_id = run_now(services, schedule, at, given.get("to"))
        url = f"{services.settings.base_path}{REPORTS_PATH}/{report_id}.json"
        response.status = 202
        response.set_header("Location", url)
        return fresh_json({"msg": _ACCEPTED.format(url=url), "report_id": report_id, "url": url})


def _instant(services: Services, name: str, text: object) -> datetime | None:
    """The instant of a parameter; None without one."""
    return None if text in (None, "") else instant(name, text, services.settings.timezone, services.clock())


def _post_form(services: Services, schedule_id: str | None) -> Any:
    """A redirect after the action, or the form again: to be saved, or with the field that is wrong."""

    def act(action: str, texts: dict[str, str]) -> Any:
        schedule = services.scheduler.store.get(schedule_id) if schedule_id else None
        try:
            if schedule is None or action in (CHECK, SAVE):
                return _check_or_save(services, schedule, texts, saves=action == SAVE)
            return see_other(services, _do(services, schedule, action, texts))
        except PycemakerError as error:
            response.status = error.status
            return _page(services, schedule, texts, error=error)

    return answer_form(services, act)


def _check_or_save(services: Services, schedule: Document | None, texts: dict[str, str], *, saves: bool) -> Any:
    store, given = services.scheduler.store, schedule_pages.from_form(texts)
    if schedule and not services.access_control.may_see_addresses(request.environ):  # a blank one was not shown
        given = {name: value for name, value in given.items() if value or name not in _HIDDEN}
    reader = FieldReader(services.settings, services.notebooks)
    fields, now = reader.read_changed(schedule, given) if schedule else reader.read(given), store.now()
    if not saves:
        return _page(services, schedule, texts, instants=next_instants(fields, now))
    saved = store.change(schedule["_id"], fields, now) if schedule else store.create(fields, now)
    return see_other(services, f"{SCHEDULES_PATH}/{saved['_id']}")


def _do(services: Services, schedule: Document, action: str, texts: dict[str, str]) -> str:
    """Do the action of a button; the path of the page after it."""
    store, path = services.scheduler.store, f"{SCHEDULES_PATH}/{schedule['_id']}"
    if action == REMOVE:
        store.remove(schedule["_id"])
        return SCHEDULES_PATH
    if action == schedule_pages.RUN:
        report_id = run_now(services, schedule, None, texts.get(schedule_pages.TRIAL, "").strip())
        return f"{REPORTS_PATH}/{report_id}"
    if action in (schedule_pages.PAUSE, schedule_pages.RESUME):
        reader, changes = FieldReader(services.settings, services.notebooks), {"paused": action == schedule_pages.PAUSE}
        store.change(schedule["_id"], reader.read_changed(schedule, changes), store.now())
    return path


def _page(services: Services, schedule: Document | None, texts: dict[str, str], **more: Any) -> bytes:
    """The form, with the texts that were typed into it."""
    store = services.scheduler.store
    shown = view(services, schedule, store.now()) if schedule else None
    values = schedule_pages.form_values(shown, services.settings)
    titles = {each.name: each.title for each in usable(every_notebook(services.notebooks))}
    occurrences = store.latest(schedule["_id"], _LATEST) if schedule else []
    if not services.access_control.may_see_addresses(request.environ):
        values |= dict.fromkeys(_HIDDEN, "")
        occurrences = [redact_known(each, schedule["recipients"]) for each in occurrences] if schedule else []
    page = schedule_pages.form_page(
        values | texts, services.settings, titles, view=shown, occurrences=occurrences, **more
    )
    return html_response(page)
