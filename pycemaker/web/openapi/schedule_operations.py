"""OpenAPI operations of schedules: `/schedules`, and the June 2022 dashboard's `/jobs`."""

from __future__ import annotations

from pycemaker import errors
from pycemaker.parsing.addresses import MOST_RECIPIENTS
from pycemaker.parsing.route_paths import ONE_SCHEDULE, SCHEDULES_PATH
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.schedules.calendar_period import PERIODS
from pycemaker.schedules.schedule_fields import LONGEST_STEP_HOURS, MISSED, ONLY_IF
from pycemaker.schedules.schedule_store import STATES
from pycemaker.schedules.settlement import MOST_FAILURES
from pycemaker.web.openapi.components import INSTANT, TEXT, array_of, json_object, or_null
from pycemaker.web.openapi.operation import (
    DATABASE,
    FORM,
    FORM_ANSWERS,
    HTML,
    LOCATED,
    Json,
    Kind,
    Operation,
    ResponseSpec,
    ref,
)
from pycemaker.web.schedule_answers import NEXT

_ONE, _NEXT = ONE_SCHEDULE, array_of(INSTANT) | {"maxItems": NEXT}
_REFUSALS: tuple[Kind, ...] = (
    *(errors.InvalidRequest, errors.InvalidParameter, errors.RecipientNotAllowed, errors.ForeignOrigin),
    *(errors.FetchRefused, errors.NotebookUnusable, *DATABASE),
)
_UNKNOWN = (errors.UnknownSchedule,)


def _whole(least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most}


_FIELDS: Json = {
    "name": {"type": "string", "minLength": 1, "maxLength": 80},
    "cron": or_null(TEXT | {"description": "Five fields, by Debian's rules; or `every_hours` with `start_at`."}),
    "every_hours": or_null(_whole(1, LONGEST_STEP_HOURS)),
    "start_at": or_null(TEXT | {"format": "date-time"}),
    "timezone": or_null(TEXT | {"description": "An IANA name; TIMEZONE by default."}),
    "hours": or_null({"type": "integer", "minimum": 1, "description": "The interval, up to the nominal instant."}),
    "period": or_null({"enum": list(PERIODS), "description": "The interval by the calendar instead of `hours`."}),
    "recipients": array_of(TEXT) | {"minItems": 1, "maxItems": MOST_RECIPIENTS},
    "application": or_null(TEXT),
    "notebook": or_null(TEXT),
    "parameters": or_null({"type": "object"}),
    "attach": or_null(array_of({"enum": list(KINDS)})),
    "only_if": or_null({"enum": list(ONLY_IF)}),
    "missed": or_null({"enum": list(MISSED)}),
    "spread_minutes": or_null(_whole(0, 59)),
    "until": or_null(TEXT | {"format": "date-time"}),
    "paused": or_null({"type": "boolean"}),
    "owner": or_null(TEXT | {"description": "Who is told when three failures in a row have paused it."}),
    "ping_url": or_null(TEXT | {"description": "Asked for after each report, with `/fail` added after a failure."}),
}
_MAYBE = {"name": or_null(TEXT), "recipients": or_null(_FIELDS["recipients"])}
_PREVIEW_FIELDS: Json = _FIELDS | _MAYBE | {"after": or_null(TEXT)}
_LAST = json_object({"at": INSTANT, "report_id": TEXT, "state": {"enum": list(STATES)}})
_SCHEDULE = json_object(
    {"id": TEXT, **_FIELDS, "next": _NEXT, "last": or_null(_LAST)}
    | {"failures": _whole(0, MOST_FAILURES), "paused_reason": {}}
)
_JSON = {"application/json": _SCHEDULE}


def _body(schema: Json, *, required: bool = True) -> Json:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


_LIMITS = (errors.TooManyReports, errors.TooManyRequests, errors.AskedTooOften)
_MESSAGE = {"application/json": ref("Told")}
_JOB = json_object(
    {"start_date": TEXT, "interval": TEXT, "email_to": TEXT},
    {"alert_predict": {"type": "boolean"}}
    | {f"{name}_trigger": {"type": ["number", "null"]} for name in ("cpu", "ram", "response_time", "request_count")},
)
_ROW = json_object({"_id": TEXT, "user_id": TEXT, "job_name": TEXT, "email_to": TEXT}, is_open=True)


def _operation(
    rule: str, name: str, text: str, answer: ResponseSpec, *kinds: Kind, method: str = "GET", body: Json | None = None
) -> Operation:
    error_kinds = (*kinds, *(DATABASE if method == "GET" else _REFUSALS))
    return Operation(rule, name, text, (answer,), error_kinds, method, body=body, needs_token=True)


OPERATIONS = (
    _operation(
        *(SCHEDULES_PATH, "schedules", "The schedules there are\nBy name. A page for who names text/html in Accept."),
        ResponseSpec(200, "The list.", {"application/json": json_object({"schedules": array_of(_SCHEDULE)}), **HTML}),
    ),
    _operation(
        *(SCHEDULES_PATH, "createSchedule", "Make a schedule"),
        ResponseSpec(201, "It is made.", _JSON, LOCATED),
        errors.TooManySchedules,
        method="POST",
        body=_body(json_object({"name": TEXT, "recipients": _FIELDS["recipients"]}, _FIELDS)),
    ),
    _operation(
        *(SCHEDULES_PATH + "/preview", "previewSchedule", "The next five instants of fields that are not saved"),
        ResponseSpec(200, "The instants.", {"application/json": json_object({"next": _NEXT})}),
        method="POST",
        body=_body(json_object({}, _PREVIEW_FIELDS)),
    ),
    _operation(
        *(_ONE, "schedule", "A schedule\nA page for who names text/html in Accept."),
        *(ResponseSpec(200, "The schedule.", {**_JSON, **HTML}), *_UNKNOWN),
    ),
    _operation(
        SCHEDULES_PATH + "/new", "newSchedule", "The form of a new schedule", ResponseSpec(200, "A page.", HTML)
    ),
    *(
        Operation(
            *(rule, name, "What a form's button does\nSees another page, or the form again.", FORM_ANSWERS),
            (*kinds, *_REFUSALS),
            "POST",
            body=FORM,
            needs_token=True,
        )
        for rule, name, kinds in (
            (SCHEDULES_PATH + "/new", "postNewSchedule", (errors.TooManySchedules,)),
            (_ONE, "postSchedule", (*_UNKNOWN, *_LIMITS)),
        )
    ),
    _operation(
        *(_ONE, "changeSchedule", "Change some fields of a schedule\nNull sets a default. Failures count from now on."),
        *(ResponseSpec(200, "The schedule.", _JSON), *_UNKNOWN),
        method="PATCH",
        body=_body(json_object({}, _FIELDS)),
    ),
    _operation(
        *(_ONE, "removeSchedule", "Remove a schedule\nReports in work go on."),
        *(ResponseSpec(200, "It is gone.", _MESSAGE), *_UNKNOWN),
        method="DELETE",
    ),
    _operation(
        *(_ONE + "/run", "runSchedule"),
        "Make the report of an instant\nUnder the id that the schedule itself gives it; `to` makes a trial for others.",
        ResponseSpec(
            *(202, "It is entered, or was already."),
            {"application/json": json_object({"msg": TEXT, "report_id": TEXT, "url": TEXT})},
            LOCATED,
        ),
        *(*_UNKNOWN, *_LIMITS),
        method="POST",
        body=_body(json_object({}, {"at": TEXT, "to": TEXT}), required=False),
    ),
    _operation(
        *("/jobs", "jobs", "The one schedule of the June 2022 dashboard"),
        ResponseSpec(200, "Its rows, or null.", {"application/json": or_null(array_of(_ROW))}),
    ),
    *(
        _operation(
            *("/jobs", f"saveJobBy{method.capitalize()}", "Make or change the schedule of the June 2022 dashboard"),
            ResponseSpec(200, "It is saved.", _MESSAGE),
            method=method,
            body=_body(_JOB),
        )
        for method in ("POST", "PUT")
    ),
    _operation(
        *("/jobs", "removeJob", "Remove the schedule of the June 2022 dashboard"),
        ResponseSpec(200, "It is gone.", _MESSAGE),
        method="DELETE",
    ),
)
