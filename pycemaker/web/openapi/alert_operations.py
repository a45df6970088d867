"""OpenAPI operations of alerts: `/alerts` and below."""

from pycemaker import errors
from pycemaker.alerts.rule_fields import KINDS, VALUES
from pycemaker.alerts.rule_state import FIRING, OK, PENDING, RECOVERING, SILENT
from pycemaker.metrics import METRICS
from pycemaker.monitor.alert_history import HEALTH
from pycemaker.parsing.route_paths import ALERT_LINK_PREFIX, ALERT_RULES_PATH, ALERTS_PATH, ONE_ALERT_RULE
from pycemaker.web.openapi.components import INSTANT, TEXT, array_of, json_object, or_null
from pycemaker.web.openapi.operation import (
    FORM,
    HTML,
    LOCATED,
    Json,
    Kind,
    Operation,
    ResponseSpec,
    form_operation,
    json_answer,
    json_body,
)

_RULES, _ONE = ALERT_RULES_PATH, ONE_ALERT_RULE
_NUMBER = or_null({"type": "number"})
_METRICS = [*(metric.id for metric in METRICS), HEALTH]
_FIELDS: Json = {
    "kind": {"enum": list(KINDS)},
    "metric": or_null({"enum": _METRICS}),
    **{name: or_null(value.schema()) for name, value in VALUES.items()},
}
_STATE = {"enum": [OK, PENDING, FIRING, RECOVERING, SILENT]}
_OPTIONAL = {name: _FIELDS[name] for name in ("enter", "leave", "limit", "within_hours")}
_RULE = json_object(
    {"id": TEXT, "default": {"type": "boolean"}, "kind": {"enum": list(KINDS)}, "metric": {"enum": _METRICS}}
    | {name: {"type": "integer"} for name in ("for_seconds", "clear_seconds")}
    | {"enabled": {"type": "boolean"}, "state": _STATE, "muted_until": or_null(INSTANT)},
    _OPTIONAL,
)
_ALERT = json_object(
    {"id": TEXT, "application": TEXT, "rule": TEXT, "kind": {"enum": list(KINDS)}, "metric": TEXT, "text": TEXT}
    | {"since": INSTANT, "fired_at": INSTANT, "state": {"enum": [*_STATE["enum"], "ended"]}}
    | {name: or_null(INSTANT) for name in ("ended_at", "acknowledged_at", "muted_until")}
    | dict.fromkeys(("enter", "leave", "within_hours", "worst"), _NUMBER),
    {"limit": _NUMBER},
)
_EPISODE = json_object({"since": INSTANT, "fired_at": INSTANT, "ended_at": or_null(INSTANT), "worst": _NUMBER})
_PREVIEW = json_object(
    {"fired": {"type": "integer"}, "episodes": array_of(_EPISODE), "since": INSTANT, "until": INSTANT}
)
_REFUSALS: tuple[Kind, ...] = (
    *(errors.InvalidRequest, errors.InvalidParameter, errors.ForeignOrigin, errors.FetchRefused),
)
_FORM_REFUSALS: tuple[Kind, ...] = (errors.TooManyRules, errors.TooManyStreams, *_REFUSALS)
_PAGE = "A page for who names text/html in Accept."
_BODY = json_body(json_object({}, _FIELDS))
_LINK = ALERT_LINK_PREFIX + "<token>"


def _act(
    rule: str, name: str, text: str, schema: Json, *kinds: Kind, method: str = "POST", body: Json | None = None
) -> Operation:
    answer = json_answer("It is done.", schema)
    return Operation(rule, name, text, [answer], (*kinds, *_REFUSALS), method, body=body, needs_token=True)


OPERATIONS = (
    Operation(
        *(ALERTS_PATH, "alerts", "The open alerts, and the latest 50 that have ended\nNewest first. " + _PAGE),
        [json_answer("As it is now.", json_object({"open": array_of(_ALERT), "ended": array_of(_ALERT)}), page=True)],
    ),
    Operation(
        *(_RULES, "alertRules", "The rules, the default ones first, with their states"),
        [json_answer("As it is now.", json_object({"rules": array_of(_RULE)}))],
    ),
    Operation(
        *(_RULES, "createAlertRule", "Make a rule"),
        [json_answer("It is made.", _RULE, status=201, headers=LOCATED)],
        (errors.TooManyRules, *_REFUSALS),
        "POST",
        body=_BODY,
        needs_token=True,
    ),
    _act(
        *(_RULES + "/preview", "previewAlertRule"),
        "The alerts of a rule over the last 30 days\nNothing is saved. Of forecasts one every six hours is looked at.",
        *(_PREVIEW, errors.TooManyStreams),
        body=_BODY,
    ),
    Operation(
        *(_ONE, "alertRule", f"A rule and its state\n{_PAGE}"),
        *([json_answer("As it is now.", _RULE, page=True)], [errors.UnknownRule]),
    ),
    Operation(
        *(_RULES + "/new", "newAlertRule", "The form of a new rule\nWithout a kind and a metric, the choice of these."),
        *([ResponseSpec(200, "A page.", HTML)], (errors.InvalidRequest, errors.InvalidParameter)),
        parameters=[
            {"name": "kind", "in": "query", "schema": TEXT, "description": "One of a rule's kinds."},
            {"name": "metric", "in": "query", "schema": TEXT, "description": "A metric's id."},
        ],
    ),
    form_operation(_RULES + "/new", "postNewAlertRule", *_FORM_REFUSALS),
    form_operation(_ONE, "postAlertRule", errors.UnknownRule, *_FORM_REFUSALS),
    _act(
        *(_ONE, "changeAlertRule", "Change some fields of a rule", _RULE, errors.TooManyRules, errors.UnknownRule),
        method="PATCH",
        body=json_body(json_object({}, _FIELDS), required=False),
    ),
    _act(
        *(_ONE, "removeAlertRule", "Remove a rule\nA default one is turned off.", json_object({"msg": TEXT})),
        *(errors.TooManyRules, errors.UnknownRule),
        method="DELETE",
    ),
    _act(
        *(_ONE + "/acknowledge", "acknowledgeAlert"),
        "Note that somebody looks after a rule's open alert\nNo mail repeats it; its end is mailed.",
        *(_RULE, errors.UnknownRule),
    ),
    _act(
        *(_ONE + "/mute", "muteAlertRule", "Mail nothing of a rule until an instant\nWithout `until` that ends."),
        *(_RULE, errors.UnknownRule),
        body=json_body(json_object({}, {"until": or_null(TEXT)}), required=False),
    ),
    Operation(
        *(_LINK, "alertLink", "The page of the link in an alert's mail\nIt changes nothing."),
        *([ResponseSpec(200, "A page.", HTML)], [errors.UnknownAlertLink]),
    ),
    Operation(
        *(_LINK, "followAlertLink", "What a button of that page does", [ResponseSpec(200, "The page again.", HTML)]),
        *((errors.UnknownAlertLink, errors.InvalidRequest), "POST"),
        body=FORM,
    ),
)
