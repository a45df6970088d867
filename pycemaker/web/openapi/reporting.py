"""What makes reports, shows them, and lets their recipients leave. A notebook's own parameters are its schema's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pycemaker import errors
from pycemaker.parameters import own_parameters
from pycemaker.report.attachments.kinds import KINDS
from pycemaker.report.catalogue import DEFAULT, Notebook
from pycemaker.report.unsubscribe import PATH as UNSUBSCRIBE
from pycemaker.web.kept_routes import MOST_LISTED
from pycemaker.web.openapi.components import TEXT, listed, query_parameter, thing
from pycemaker.web.openapi.model import DATABASE, Answer, Json, Kind, Operation, ref
from pycemaker.web.openapi.reading import PAGE

_REPORT = "/report/<date_now>/<time_range>/<email_to>"
_FAULTS: tuple[Kind, ...] = (
    *(
        errors.InvalidRequest,
        errors.InvalidDate,
        errors.InvalidRange,
        errors.InvalidAddress,
        errors.LocalPartNotAscii,
        errors.InvalidParameter,
    ),
    *(errors.RecipientNotAllowed, errors.FetchRefused, errors.ForeignOrigin, errors.UnknownNotebook),
    *(errors.TooManyReports, errors.TooManyRequests, errors.AskedTooOften),
    *(errors.NotebookFailed, errors.NotebookUnusable, errors.NothingToSend, errors.ReportUnfit, errors.RunnerFailed),
    *(
        errors.ReportTooLarge,
        errors.ReportWroteTooMuch,
        errors.ReportExpired,
        errors.StorageRefused,
        errors.ReportTimedOut,
    ),
    *(errors.MailRefused, errors.MailDeferred, errors.MailPartlySent, errors.RecipientSuppressed),
    *DATABASE,
)
_HTML: Json = {"text/html": TEXT}
_KEPT = "/reports/<name>"
_UNKEPT: Json = {"Cache-Control": ref("Cache-Control", "headers")}
_LIST = thing({"reports": listed(ref("Report")), "next": {"type": ["string", "null"]}})
_RECORD = thing({"report": ref("Report")})


def _artefact(
    ending: str, name: str, told: str, media_type: str, schema: Json, faults: Sequence[Kind] = ()
) -> Operation:
    return Operation(
        _KEPT,
        name,
        told,
        (Answer(200, told.partition("\n")[0] + ".", {media_type: schema}, _UNKEPT),),
        (errors.UnknownReport, *faults, *DATABASE),
        needs_token=True,
        path=f"/reports/{{report_id}}.{ending}",
    )


def operations(notebooks: Sequence[Notebook]) -> list[Operation]:
    """What is said of the report routes, with the notebooks there are."""
    return [*_making(notebooks), *_SHOWING, *_LEAVING]


def _making(notebooks: Sequence[Notebook]) -> list[Operation]:
    told = Answer(
        200,
        "The mail server has accepted the message; or, without a mail account, the outbox has it, and `msg` says so.",
        {"application/json": thing({"msg": TEXT, "report": ref("Report")}), **_HTML},
    )
    accepted = Answer(
        202,
        "It is being made, or waits; `Location` tells what became of it.",
        {"application/json": thing({"msg": TEXT, "report": ref("Report"), "url": TEXT})},
        {"Location": ref("Location", "headers")},
    )
    asked = Operation(
        _REPORT,
        "reportByGet",
        "Make a report and mail it\nRuns a notebook over the interval; answers when the mail server has accepted the"
        " message. A browser may ask from this server's own pages and from origins that CORS_ORIGINS names; a prefetch"
        " and an embedded address are refused, and whoever follows a link from elsewhere gets a page with a button.",
        (told, accepted),
        _FAULTS,
        parameters=_query(notebooks),
        needs_token=True,
    )
    return [
        asked,
        replace(
            asked,
            name="reportByPost",
            method="POST",
            told=f"{asked.told} A parameter may stand in the body instead of the query.",
            faults=(*_FAULTS, errors.IdempotencyKeyReused),
            body=_body(notebooks),
            parameters=(*asked.parameters, ref("Idempotency-Key", "parameters")),
        ),
        Operation(
            "/notebooks",
            "notebooks",
            "The notebooks there are\nEach with its parameters as JSON Schema.",
            (Answer(200, "The list.", {"application/json": thing({"notebooks": listed(_NOTEBOOK)})}),),
            needs_token=True,
        ),
    ]


_NOTEBOOK = thing(
    {"name": TEXT},
    {
        "url": TEXT,
        "path": {"type": "object"},
        "schema": {"type": "object"},
        "fixed": {"type": "object"},
        "problem": TEXT,
    },
)


def _query(notebooks: Sequence[Notebook]) -> list[Json]:
    """`notebook`, `attach`, and what the notebooks' parameters cells declare."""
    names, kinds = [notebook.name for notebook in notebooks], "|".join(KINDS)
    attach: Json = {"type": "string", "pattern": f"^$|^({kinds})(,({kinds}))*$"}
    found = [
        query_parameter("notebook", {"type": "string", "enum": names, "default": DEFAULT}, "Which one to run."),
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
        found.append(query_parameter(name, schema, f"Of the notebooks {', '.join(by_notebook)}."))
    return found


def _body(notebooks: Sequence[Notebook]) -> Json:
    """The same as a JSON object, which is closed."""
    properties = {each["name"]: each["schema"] for each in _query(notebooks)}
    properties["wait"] = {"enum": ["0", "1", 0, 1, False, True], "default": "1"}
    properties["attach"] = {"anyOf": [properties["attach"], listed({"type": "string", "enum": list(KINDS)})]}
    return {"required": False, "content": {"application/json": {"schema": thing({}, properties)}}}


_DISCREET = "Without API_TOKEN addresses are shown whole on the server's own machine only; else as a***@example.com."
_HERE = (errors.OnlyHere,)
_BEFORE: Json = {"type": "string", "format": "date-time"}
_SHOWING = (
    Operation(
        "/reports",
        "reports",
        f"The reports there are\nThe newest first. A page for who names text/html in Accept. {_DISCREET}",
        (Answer(200, "The list.", {"application/json": _LIST, **_HTML}, {**PAGE, **_UNKEPT}),),
        (errors.InvalidRequest, errors.InvalidParameter, *DATABASE),
        parameters=(
            query_parameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}, "How many at most; 50."
            ),
            query_parameter("before", _BEFORE, "Those that were asked for before this instant, with its offset."),
        ),
        needs_token=True,
    ),
    Operation(
        _KEPT,
        "reportPage",
        "A report's full page\nIts id is all that it takes.",
        (Answer(200, "The page.", _HTML, PAGE),),
        (errors.UnknownReport, *DATABASE),
        path="/reports/{report_id}",
    ),
    _artefact(
        "json",
        "reportRecord",
        f"A report's record, while it is made and after\n{_DISCREET}",
        "application/json",
        _RECORD,
    ),
    _artefact(
        *("eml", "reportMessage", "A report's message\nAs its first recipient gets it, without the link to leave."),
        *("message/rfc822", TEXT, _HERE),
    ),
    _artefact(
        *("ipynb", "reportNotebook", "A report's executed notebook", "application/x-ipynb+json", {"type": "object"}),
        _HERE,
    ),
    Operation(
        "/reports/<report_id>/figures/<name>",
        "reportFigure",
        "A figure of a report's page",
        (Answer(200, "A PNG.", {"image/png": TEXT}, PAGE),),
        (errors.UnknownReport, *DATABASE),
    ),
)
_FORM: Json = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "anyOf": [
                    thing({"List-Unsubscribe": {"const": "One-Click"}}),
                    thing({"acao": {"type": "string"}}),
                ]
            }
        }
    },
}
_LEAVING = (
    Operation(
        f"{UNSUBSCRIBE}<token>",
        "subscription",
        "The page of the link that each mail carries\nShows; does nothing.",
        (Answer(200, "The page.", _HTML, PAGE),),
        (errors.UnknownLink, *DATABASE),
        paged=(404,),
    ),
    Operation(
        f"{UNSUBSCRIBE}<token>",
        "unsubscribe",
        "Leave a report, or come back\nOne click of a mail program (RFC 8058), or a button of the page.",
        (Answer(200, "It is done.", {"application/json": ref("Told"), **_HTML}),),
        (errors.UnknownLink, errors.InvalidRequest, *DATABASE),
        method="POST",
        body=_FORM,
    ),
)
