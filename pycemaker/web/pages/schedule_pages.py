"""The pages of `/schedules`: the list, and the form that makes or changes one, with its instants before it is saved."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.errors import PycemakerError
from pycemaker.parsing.route_paths import REPORTS_PATH, SCHEDULES_PATH
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.schedules.plan import BACKLOG, NO_SERVER, TOO_LATE
from pycemaker.settings import Settings
from pycemaker.web.pages.message_page import ACTION, TOKEN
from pycemaker.web.pages.templating import render

PAUSE, RESUME, RUN = "pausar", "retomar", "enviar"
"""The values of this form's own buttons."""

WHEN, CLOCK, TRIAL = "quando", "hora", "para"
"""Fields of the form alone: days and time of day, which give the cron expression, and whom a trial goes to."""

_DAYS = ("* * *", "* * 1-5", *(f"* * {day}" for day in (1, 2, 3, 4, 5, 6, 0)), "1 * *")
"""The ends of cron expressions that the form has words for."""
_BY_EXPRESSION, _BY_HOURS = "cron", "horas"
_STATES = {
    "entered": "em andamento",
    "made": "feito",
    "quiet": "sem novidades: não enviado",
    "missed": "não foi feito",
    "failed": "falhou",
}
_REASONS = {
    NO_SERVER: "nenhum servidor estava no ar",
    TOO_LATE: "nenhum servidor esteve no ar por mais de um dia",
    BACKLOG: "os anteriores ainda estavam em andamento",
}
_TIMED = re.compile(r"(\d{1,2}) (\d{1,2}) (.+)", re.ASCII)


def from_form(texts: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a schedule out of the form's texts; one that the form left blank is null."""
    given: dict[str, Any] = {name: text.strip() or None for name, text in texts.items()}
    when, clock = given.pop(WHEN, None), given.pop(CLOCK, None)
    if when in _DAYS:
        hour, _, minute = (clock or "").partition(":")
        cron = f"{minute.lstrip('0') or minute[:1]} {hour.lstrip('0') or hour[:1]} {when}"
        given |= {"cron": cron if minute else "?", "every_hours": None, "start_at": None}
    elif when == _BY_HOURS:
        given["cron"] = None
    elif when == _BY_EXPRESSION:
        given |= {"every_hours": None, "start_at": None}
    if given.get("period"):
        given.pop("hours", None)
    return given


def list_page(views: Sequence[Mapping[str, Any]], settings: Settings) -> str:
    """The list for a person: the next instant, the recipients and the last outcome of each schedule."""
    return render(
        "schedule_list.html",
        zone=settings.timezone.key,
        rows=[_row(view, settings) for view in views],
        path=f"{settings.base_path}{SCHEDULES_PATH}",
        base_path=settings.base_path,
    )


def form_page(
    values: Mapping[str, Any],
    settings: Settings,
    notebooks: Mapping[str, str],
    *,
    view: Mapping[str, Any] | None = None,
    occurrences: Sequence[Mapping[str, Any]] = (),
    instants: Sequence[str] = (),
    error: PycemakerError | None = None,
) -> str:
    """The form of a new schedule, or of the one of `view`.

    Args:
        values: the values of the form's fields, by name.
        settings: zone, paths, whether a token is needed.
        notebooks: titles by name.
        view: the schedule as its answer shows it; None for a new one.
        occurrences: its latest ones, newest first.
        instants: the next ones, in ISO 8601, of a form that was checked, which can then be saved.
        error: the reason why the form was refused.
    """
    zone = ZoneInfo(str(values.get("timezone") or settings.timezone.key)) if instants else settings.timezone
    wrong = str(error.facts.get("field", error.field) or "") if error else ""
    wrong = {"cron": CLOCK if values.get(WHEN) in _DAYS else "cron", "to": TRIAL}.get(wrong, wrong)
    return render(
        "schedule_form.html",
        view=view and _row(view, settings),
        notebooks=notebooks,
        attachments={"": "nenhum"} | {kind: kind for kind in KINDS},
        most_hours=settings.max_range_hours,
        ping_urls=" ou ".join(settings.ping_urls),
        values=values,
        wrong=wrong,
        message=error.in_portuguese() if error else "",
        takes=error.facts.get("takes", "") if error else "",
        instants=[_instant(datetime.fromisoformat(each), zone) for each in instants],
        zone=zone.key,
        occurrences=[_occurrence(each, settings) for each in occurrences],
        action=ACTION,
        token_field=TOKEN if settings.api_token else "",
        trial=TRIAL,
        path=f"{settings.base_path}{SCHEDULES_PATH}",
        base_path=settings.base_path,
    )


def form_values(view: Mapping[str, Any] | None, settings: Settings) -> dict[str, Any]:
    """The values of the form's fields before anybody has edited them."""
    if view is None:
        return {WHEN: "* * *", CLOCK: "08:00", "hours": 24, "timezone": settings.timezone.key, "missed": "latest"}
    timed = _TIMED.fullmatch(view["cron"] or "")
    values = {name: "" if value is None else value for name, value in view.items()}
    values |= {name: ", ".join(view[name]) for name in ("recipients", "attach")}
    values["parameters"] = json.dumps(view["parameters"], ensure_ascii=False) if view["parameters"] else ""
    if timed and timed[3] in _DAYS:
        return values | {WHEN: timed[3], CLOCK: f"{int(timed[2]):02}:{int(timed[1]):02}", "cron": ""}
    return values | {WHEN: _BY_EXPRESSION if view["cron"] else _BY_HOURS}


def _row(view: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A schedule for the templates."""
    zone = ZoneInfo(view["timezone"])
    instants = [_instant(datetime.fromisoformat(each), zone) for each in view["next"]]
    last = view["last"]
    return dict(view) | {
        "when": instants[0] if instants else "",
        "instants": instants,
        "last": last and _occurrence(last | {"at": datetime.fromisoformat(last["at"])}, settings),
        "has_ended": not instants and not view["paused"],
    }


def _occurrence(occurrence: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """An occurrence for the templates; its report has a page unless it was missed."""
    state, report_id = occurrence["state"], occurrence.get("report_id") or occurrence.get("_id")
    return {
        "at": _instant(occurrence["at"], settings.timezone),
        "state": _STATES[state],
        "kind": {"made": "good", "failed": "bad", "missed": "bad"}.get(state, "open"),
        "reason": _REASONS.get(occurrence.get("reason", ""), occurrence.get("reason")),
        "url": "" if state == "missed" else f"{settings.base_path}{REPORTS_PATH}/{report_id}",
    }


def _instant(instant: datetime, zone: ZoneInfo) -> str:
    return i18n.clock(instant, zone, "EEE dd/MM/yyyy HH:mm")
