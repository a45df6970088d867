"""OpenAPI operations of reports: making, showing, unsubscribing. Parameters come from the notebooks' schemas."""

from collections.abc import Sequence
from dataclasses import replace

from pycemaker import errors
from pycemaker.parsing.route_paths import NOTEBOOKS_PATH, REPORT_RULE, REPORTS_PATH, UNSUBSCRIBE_PREFIX
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.reports.notebook_catalogue import DEFAULT_NOTEBOOK, Notebook
from pycemaker.reports.parameters import own_parameters
from pycemaker.web.openapi.components import ADDRESS, DATE, TEXT, array_of, json_object, query_parameter
from pycemaker.web.openapi.operation import (
    HTML,
    LOCATED,
    Json,
    Kind,
    Operation,
    ResponseSpec,
    form_body,
    json_answer,
    json_body,
    ref,
)
from pycemaker.web.openapi.read_operations import PAGE
from pycemaker.web.routes.stored_report_routes import LIMIT

_ERRORS: tuple[Kind, ...] = (
    *(errors.InvalidRequest, errors.InvalidDate, errors.InvalidRange, errors.InvalidAddress),
    *errors.descendants(errors.InvalidAddress),
    errors.InvalidParameter,
    *(errors.RecipientNotAllowed, errors.FetchRefused, errors.ForeignOrigin, errors.UnknownNotebook),
    *(errors.TooManyReports, errors.TooManyRequests, errors.AskedTooOften),
    *errors.descendants(errors.ReportFailed),
    *(errors.StorageRefused, errors.ReportTimedOut, errors.MailRefused),
    *errors.descendants(errors.MailRefused),
)
_STORED = REPORTS_PATH + "/<name>"
_CACHE_CONTROL: Json = {"Cache-Control": ref("Cache-Control", "headers")}
_LIST = json_object({"reports": array_of(ref("Report")), "next": {"type": ["string", "null"]}})
_RECORD = json_object({"report": ref("Report")})


def _stored_file(
    ending: str, name: str, description: str, media_type: str, schema: Json, error_kinds: Sequence[Kind] = ()
) -> Operation:
    return Operation(
        _STORED,
        name,
        description,
        (ResponseSpec(200, description.partition("\n")[0] + ".", {media_type: schema}, _CACHE_CONTROL),),
        (errors.UnknownReport, *error_kinds),
        needs_token=True,
        path=f"{REPORTS_PATH}/{{report_id}}.{ending}",
    )


def operations(notebooks: Sequence[Notebook]) -> list[Operation]:
    """The operations of the report routes, with these notebooks' parameters."""
    return [*_report_operations(notebooks), *_STORED_OPERATIONS, *_UNSUBSCRIBE_OPERATIONS]


def _report_operations(notebooks: Sequence[Notebook]) -> list[Operation]:
    delivered = json_answer(
        "The mail server has accepted the message; or, without a mail account, the outbox has it, and `msg` says so.",
        json_object({"msg": TEXT, "report": ref("Report")}),
        page=True,
    )
    accepted = json_answer(
        "It is being made, or waits; `Location` tells what became of it.",
        json_object({"msg": TEXT, "report": ref("Report"), "url": TEXT}),
        status=202,
        headers=LOCATED,
    )
    by_get = Operation(
        REPORT_RULE,
        "reportByGet",
        "Make a report and mail it\nRuns a notebook over the interval; answers when the mail server has accepted the"
        " message. A browser may ask from this server's own pages and from origins that CORS_ORIGINS names; a prefetch"
        " and an embedded address are refused, and whoever follows a link from elsewhere gets a page with a button.",
        (delivered, accepted),
        _ERRORS,
        parameters=_query(notebooks),
        needs_token=True,
    )
    return [
        by_get,
        replace(
            by_get,
            name="reportByPost",
            method="POST",
            description=f"{by_get.description} A parameter may stand in the body instead of the query.",
            error_kinds=(*_ERRORS, errors.IdempotencyKeyReused),
            body=_body(notebooks),
            parameters=(*by_get.parameters, ref("Idempotency-Key", "parameters")),
        ),
        Operation(
            "/notebooks",
            "notebooks",
            "The notebooks there are\nEach with its parameters as JSON Schema.",
            [json_answer("The list.", json_object({"notebooks": array_of(_NOTEBOOK)}), page=True, headers=PAGE)],
            needs_token=True,
            reads=False,
        ),
        Operation(
            f"{NOTEBOOKS_PATH}/<notebook>",
            "reportByForm",
            "Ask for a notebook's report by its form\nThe page at `/notebooks` has it; programs use the report route.",
            [json_answer("It waits.", _ASKED, status=303, headers=LOCATED)],
            (*_ERRORS, errors.IdempotencyKeyReused),
            method="POST",
            parameters=(ref("Idempotency-Key", "parameters"),),
            body=_form_body(notebooks),
            needs_token=True,
        ),
    ]


_NOTEBOOK = json_object(
    {"name": TEXT}, {"url": TEXT, "problem": TEXT, **{name: {"type": "object"} for name in ("path", "schema", "fixed")}}
)
_ASKED = json_object({"msg": TEXT, "report": json_object({"id": TEXT}), "url": TEXT})


def _form_body(notebooks: Sequence[Notebook]) -> Json:
    """The form's fields for a program, which sends neither its button nor its token: the report route's parameters."""
    hours: Json = {"type": "string", "pattern": "^[1-9][0-9]?$"}
    path: Json = {"date_now": DATE, "time_range": hours, "email_to": {"type": "string", "pattern": f"^{ADDRESS}$"}}
    own = {each["name"]: each["schema"] for each in _query(notebooks) if each["name"] not in ("wait", "notebook")}
    return form_body(json_object(path, own))


def _query(notebooks: Sequence[Notebook]) -> list[Json]:
    """`notebook`, `attach`, and what the notebooks' parameters cells declare."""
    names, kinds = [notebook.name for notebook in notebooks], "|".join(KINDS)
    attach: Json = {"type": "string", "pattern": f"^$|^({kinds})(,({kinds}))*$"}
    parameters = [
        query_parameter(
            "notebook", {"type": "string", "enum": names, "default": DEFAULT_NOTEBOOK}, "Which one to run."
        ),
        query_parameter("wait", {"type": "string", "enum": ["0", "1"], "default": "1"}, "`0` answers 202 at once."),
        query_parameter("attach", attach, f"What to attach, by commas: {', '.join(KINDS)}."),
    ]
    schemas: dict[str, dict[str, Json]] = {}
    for notebook in notebooks:
        for parameter in own_parameters(notebook.parameters):
            schemas.setdefault(parameter.name, {})[notebook.name] = parameter.schema()
    for name, by_notebook in schemas.items():
        each = list(by_notebook.values())
        schema = each[0] if len(each) == 1 else {"anyOf": each}
        parameters.append(query_parameter(name, schema, f"Of the notebooks {', '.join(by_notebook)}."))
    return parameters


def _body(notebooks: Sequence[Notebook]) -> Json:
    """The same as a JSON object, which is closed."""
    properties = {each["name"]: each["schema"] for each in _query(notebooks)}
    properties["wait"] = {
        "anyOf": [{"type": "string", "enum": ["0", "1"]}, {"type": "integer", "enum": [0, 1]}, {"type": "boolean"}],
        "default": "1",
    }
    properties["attach"] = {"anyOf": [properties["attach"], array_of({"type": "string", "enum": list(KINDS)})]}
    return json_body(json_object({}, properties), required=False)


_REDACTION = "Without API_TOKEN addresses are shown whole on the server's own machine only; else as a***@example.com."
_LOCAL_ONLY = (errors.OnlyHere,)
_BEFORE: Json = {"type": "string", "format": "date-time"}
_STORED_OPERATIONS = (
    Operation(
        REPORTS_PATH,
        "reports",
        f"The reports there are\nThe newest first. A page for who names text/html in Accept. {_REDACTION}",
        [json_answer("The list.", _LIST, page=True, headers=PAGE | _CACHE_CONTROL)],
        (errors.InvalidRequest, errors.InvalidParameter),
        parameters=(
            query_parameter("limit", LIMIT.schema(), "How many at most; 50."),
            query_parameter("before", _BEFORE, "Those that were asked for before this instant, with its offset."),
        ),
        needs_token=True,
    ),
    Operation(
        _STORED,
        "reportPage",
        "A report's full page\nIts id is all that it takes.",
        (ResponseSpec(200, "The page.", HTML, PAGE),),
        [errors.UnknownReport],
        path=REPORTS_PATH + "/{report_id}",
    ),
    _stored_file(
        *("json", "reportRecord", f"A report's record, while it is made and after\n{_REDACTION}"),
        *("application/json", _RECORD),
    ),
    _stored_file(
        *("eml", "reportMessage", "A report's message\nAs its first recipient gets it, without the link to leave."),
        *("message/rfc822", TEXT, _LOCAL_ONLY),
    ),
    _stored_file(
        *("ipynb", "reportNotebook", "A report's executed notebook", "application/x-ipynb+json", {"type": "object"}),
        _LOCAL_ONLY,
    ),
    Operation(
        REPORTS_PATH + "/<report_id>/figures/<name>",
        "reportFigure",
        "A figure of a report's page",
        (ResponseSpec(200, "A PNG.", {"image/png": TEXT}, PAGE),),
        [errors.UnknownReport],
    ),
)
_BUTTONS: Json = {"anyOf": [json_object({"List-Unsubscribe": {"const": "One-Click"}}), json_object({"acao": TEXT})]}
_UNSUBSCRIBE_OPERATIONS = (
    Operation(
        f"{UNSUBSCRIBE_PREFIX}<token>",
        "subscription",
        "The page of the link that each mail carries\nShows; does nothing.",
        (ResponseSpec(200, "The page.", HTML, PAGE),),
        [errors.UnknownLink],
    ),
    Operation(
        f"{UNSUBSCRIBE_PREFIX}<token>",
        "unsubscribe",
        "Leave a report, or come back\nOne click of a mail program (RFC 8058), or a button of the page.",
        [json_answer("It is done.", ref("Told"), page=True)],
        (errors.UnknownLink, errors.InvalidRequest),
        method="POST",
        body=form_body(_BUTTONS),
    ),
)
