"""OpenAPI operations of schedules: `/schedules`, and the June 2022 dashboard's `/jobs`."""

from pycemaker import errors
from pycemaker.parsing.addresses import MOST_RECIPIENTS
from pycemaker.parsing.route_paths import ONE_SCHEDULE, SCHEDULES_PATH
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.schedules.schedule_fields import VALUES
from pycemaker.schedules.schedule_store import STATES
from pycemaker.schedules.settlement import MOST_FAILURES
from pycemaker.web.openapi.components import COUNT, INSTANT, TEXT, array_of, json_object, or_null
from pycemaker.web.openapi.operation import (
    HTML,
    LOCATED,
    Json,
    Kind,
    Operation,
    ResponseSpec,
    form_operation,
    json_answer,
    json_body,
    ref,
)
from pycemaker.web.schedule_answers import NEXT

_NEXT = array_of(INSTANT) | {"maxItems": NEXT}
_REFUSALS: tuple[Kind, ...] = (
    *(errors.InvalidRequest, errors.InvalidParameter, errors.RecipientNotAllowed, errors.ForeignOrigin),
    *(errors.FetchRefused, errors.NotebookUnusable),
)


_FIELDS: Json = {
    **{name: or_null(value.schema()) for name, value in VALUES.items()},
    "name": {"type": "string", "minLength": 1, "maxLength": 80},
    "cron": or_null(TEXT | {"description": "Five fields, by Debian's rules; or `every_hours` with `start_at`."}),
    "start_at": or_null(TEXT | {"format": "date-time"}),
    "timezone": or_null(TEXT | {"description": "An IANA name; TIMEZONE by default."}),
    "hours": or_null({"type": "integer", "minimum": 1, "description": "The interval, up to the nominal instant."}),
    "period": or_null(VALUES["period"].schema() | {"description": "The interval by the calendar instead of `hours`."}),
    "recipients": array_of(TEXT) | {"minItems": 1, "maxItems": MOST_RECIPIENTS},
    "application": or_null(TEXT),
    "notebook": or_null(TEXT),
    "parameters": or_null({"type": "object"}),
    "attach": or_null(array_of({"enum": list(KINDS)})),
    "until": or_null(TEXT | {"format": "date-time"}),
    "owner": or_null(TEXT | {"description": "Who is told when three failures in a row have paused it."}),
    "ping_url": or_null(TEXT | {"description": "Asked for after each report, with `/fail` added after a failure."}),
}
_MAYBE = {"name": or_null(TEXT), "recipients": or_null(_FIELDS["recipients"])}
_PREVIEW_FIELDS: Json = _FIELDS | _MAYBE | {"after": or_null(TEXT)}
_LAST = json_object({"at": INSTANT, "report_id": TEXT, "state": {"enum": list(STATES)}})
_SCHEDULE = json_object(
    {"id": TEXT, **_FIELDS, "next": _NEXT, "last": or_null(_LAST)}
    | {"failures": COUNT | {"maximum": MOST_FAILURES}, "paused_reason": {}}
)
_LIMITS = (errors.TooManyReports, errors.TooManyRequests, errors.AskedTooOften)
_JOB = json_object(
    {"start_date": TEXT, "interval": TEXT, "email_to": TEXT},
    {"alert_predict": {"type": "boolean"}}
    | {f"{name}_trigger": {"type": ["number", "null"]} for name in ("cpu", "ram", "response_time", "request_count")},
)
_ROW = json_object({"_id": TEXT, "user_id": TEXT, "job_name": TEXT, "email_to": TEXT}, is_open=True)


def _operation(
    rule: str, name: str, text: str, answer: ResponseSpec, *kinds: Kind, method: str = "GET", body: Json | None = None
) -> Operation:
    error_kinds = kinds if method == "GET" else (*kinds, *_REFUSALS)
    return Operation(rule, name, text, [answer], error_kinds, method, body=body, needs_token=True)


OPERATIONS = (
    _operation(
        *(SCHEDULES_PATH, "schedules", "The schedules there are\nBy name. A page for who names text/html in Accept."),
        json_answer("The list.", json_object({"schedules": array_of(_SCHEDULE)}), page=True),
    ),
    _operation(
        *(SCHEDULES_PATH, "createSchedule", "Make a schedule"),
        *(json_answer("It is made.", _SCHEDULE, status=201, headers=LOCATED), errors.TooManySchedules),
        method="POST",
        body=json_body(json_object({"name": TEXT, "recipients": _FIELDS["recipients"]}, _FIELDS)),
    ),
    _operation(
        *(SCHEDULES_PATH + "/preview", "previewSchedule", "The next five instants of fields that are not saved"),
        json_answer("The instants.", json_object({"next": _NEXT})),
        method="POST",
        body=json_body(json_object({}, _PREVIEW_FIELDS)),
    ),
    _operation(
        *(ONE_SCHEDULE, "schedule", "A schedule\nA page for who names text/html in Accept."),
        *(json_answer("The schedule.", _SCHEDULE, page=True), errors.UnknownSchedule),
    ),
    _operation(
        SCHEDULES_PATH + "/new", "newSchedule", "The form of a new schedule", ResponseSpec(200, "A page.", HTML)
    ),
    form_operation(SCHEDULES_PATH + "/new", "postNewSchedule", errors.TooManySchedules, *_REFUSALS),
    form_operation(ONE_SCHEDULE, "postSchedule", errors.UnknownSchedule, *_LIMITS, *_REFUSALS),
    _operation(
        *(ONE_SCHEDULE, "changeSchedule"),
        "Change some fields of a schedule\nNull sets a default. Failures count from now on.",
        *(json_answer("The schedule.", _SCHEDULE), errors.UnknownSchedule),
        method="PATCH",
        body=json_body(json_object({}, _FIELDS)),
    ),
    _operation(
        *(ONE_SCHEDULE, "removeSchedule", "Remove a schedule\nReports in work go on."),
        *(json_answer("It is gone.", ref("Told")), errors.UnknownSchedule),
        method="DELETE",
    ),
    _operation(
        *(ONE_SCHEDULE + "/run", "runSchedule"),
        "Make the report of an instant\nUnder the id that the schedule itself gives it; `to` makes a trial for others.",
        json_answer(
            *("It is entered, or was already.", json_object({"msg": TEXT, "report_id": TEXT, "url": TEXT})),
            status=202,
            headers=LOCATED,
        ),
        *(errors.UnknownSchedule, *_LIMITS),
        method="POST",
        body=json_body(json_object({}, {"at": TEXT, "to": TEXT}), required=False),
    ),
    _operation(
        *("/jobs", "jobs", "The one schedule of the June 2022 dashboard"),
        json_answer("Its rows, or null.", or_null(array_of(_ROW))),
    ),
    *(
        _operation(
            *("/jobs", f"saveJobBy{method.capitalize()}", "Make or change the schedule of the June 2022 dashboard"),
            json_answer("It is saved.", ref("Told")),
            method=method,
            body=json_body(_JOB),
        )
        for method in ("POST", "PUT")
    ),
    _operation(
        *("/jobs", "removeJob", "Remove the schedule of the June 2022 dashboard"),
        json_answer("It is gone.", ref("Told")),
        method="DELETE",
    ),
)
