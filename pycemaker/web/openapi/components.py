"""Components of the OpenAPI document: schemas, headers, parameters."""

from urllib.parse import quote

from pycemaker.errors import every_error
from pycemaker.jobs import states
from pycemaker.metrics import METRICS, NAMES
from pycemaker.monitor.forecast_reader import HEALTH
from pycemaker.parsing import application_names
from pycemaker.parsing.addresses import MOST_RECIPIENTS
from pycemaker.series.gap_finder import MOST_GAPS
from pycemaker.settings import Settings
from pycemaker.telemetry.request_ids import PATTERN
from pycemaker.web.openapi.operation import Json, ref

METRIC_NAMES = list(NAMES)
UNITS = sorted({metric.unit for metric in METRICS})
TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
INSTANT: Json = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
}
_YEAR, _HOUR, _SIXTY = "(?:19[7-9][0-9]|[2-8][0-9]{3})", "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_DAYS = "(?:(?:0[1-9]|1[0-9]|2[0-8])-(?:0[1-9]|1[0-2])|(?:29|30)-(?:0[13-9]|1[0-2])|31-(?:0[13578]|1[02])|29-02)"
_ISO_DAYS = "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31|02-29)"
_ISO = (
    rf"{_YEAR}-{_ISO_DAYS}[Tt ]{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:[.,][0-9]{{1,30}})?)?(?:[Zz]|[+-]{_HOUR}(?::?{_SIXTY})?)"
)
_EPOCH_MS = "(?:[1-9][0-9]{11,13}|1[0-9]{14}|2[01][0-9]{13})"
DATE: Json = {
    "type": "string",
    "format": "instant",
    "pattern": f"^(?:now|{_DAYS}-{_YEAR}-{_HOUR}-{_SIXTY}-{_SIXTY}|{_ISO}|{_EPOCH_MS})$",
    "description": "Wall time in TIMEZONE as `dd-mm-yyyy-HH-MM-SS`; `now`; ISO 8601 with an offset or `Z`; or"
    " milliseconds since 1970, 12 digits or more.",
    "examples": ["now", "10-04-2022-09-43-23", "2022-04-10T12:43:23Z"],
}
_WORD = "[A-Za-z0-9!#$%&'*+=?^_`{|}~-]+"
_LABEL = "[A-Za-z0-9\u00c0-\uffef](?:[A-Za-z0-9\u00c0-\uffef-]{0,61}[A-Za-z0-9\u00c0-\uffef])?"
ADDRESS = rf"{_WORD}(?:\.{_WORD})*@{_LABEL}(?:\.{_LABEL})+"
"""The pattern of an address in a path, where a slash would split the path, quoted or not."""

APPLICATION: Json = {"type": "string", "pattern": f"^{application_names.PATTERN}$"}
TOKEN: Json = {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"}


def array_of(items: Json) -> Json:
    """An array of items."""
    return {"type": "array", "items": items}


def or_null(schema: Json) -> Json:
    """A value of the schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def json_object(required: Json, more: Json | None = None, *, is_open: bool = False) -> Json:
    """An object with these properties; others only where it is open."""
    properties = required | (more or {})
    closed = {} if is_open else {"additionalProperties": False}
    return {"type": "object", "required": list(required), "properties": properties, **closed}


def path_parameter(name: str, rule: str, settings: Settings) -> Json:
    """A parameter of a path, by its name in a rule and, where names mean two things, by the rule."""
    hours = rf"^0*(?:{'|'.join(map(str, _whole_numbers(settings.max_range_hours)))})$"
    known: dict[str, Json] = {
        "date_now": DATE | {"description": "Where the interval ends. " + DATE["description"]},
        "opened": DATE | {"description": "When the page was opened. " + DATE["description"]},
        "date_start": DATE | {"description": "The first instant. " + DATE["description"]},
        "time_range": {
            "type": "string",
            "pattern": hours,
            "maxLength": 9,
            "description": f"Whole hours, 1 to {settings.max_range_hours}; leading zeros are allowed.",
            "examples": ["6", "06"],
        },
        "email_to": {
            "type": "string",
            "pattern": f"^{ADDRESS}(?:[,;]{ADDRESS}){{0,{MOST_RECIPIENTS - 1}}}$",
            "description": f"Whom to mail, {MOST_RECIPIENTS} addresses at most, by commas or semicolons; each has"
            " 254 characters at most, 64 of them before the @.",
        },
        "notebook": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$", "description": "A name out of /notebooks."},
        "application": APPLICATION | {"description": "The application, as its samples name it."},
        "report_id": TOKEN | {"description": "The unguessable id that the report's answer and its mail name."},
        "rule_id": TEXT | {"description": "The id that the rule's own answers name."},
        "schedule_id": TEXT | {"description": "The id that the schedule's own answers name."},
        "token": {"type": "string", "pattern": "^[A-Za-z0-9_.-]+$", "description": "What the link in a mail ends in."},
    }
    if name == "name":
        figure = {"type": "string", "pattern": r"^[a-z0-9_-]{1,80}\.png$", "description": "A figure's file name."}
        names = [*METRIC_NAMES, HEALTH] if rule.startswith("/forecast/") else METRIC_NAMES
        metric = {"type": "string", "enum": names, "description": "A metric, by its id or published spelling."}
        known["name"] = figure if rule.startswith("/reports/") else metric
    return {"name": name, "in": "path", "required": True, "schema": known[name]}


def _whole_numbers(most: int) -> list[str]:
    """Together they match 1 to `most`; for 744 [1-9], [1-9][0-9], [1-6][0-9][0-9], 7[0-3][0-9], 74[0-3], 744."""
    text = str(most)
    numbers = ["[1-9]" + "[0-9]" * more for more in range(len(text) - 1)]
    for position, digit in enumerate(text):
        least, rest = (1 if position == 0 else 0), "[0-9]" * (len(text) - position - 1)
        if int(digit) > least:
            numbers.append(f"{text[:position]}[{least}-{int(digit) - 1}]{rest}")
    return [*numbers, text]


def query_parameter(name: str, schema: Json, description: str) -> Json:
    """An optional parameter of a query."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def header(description: str, schema: Json = TEXT) -> Json:
    """A header of an answer."""
    return {"description": description, "schema": schema}


_ID: Json = {"type": "string", "pattern": f"^{PATTERN}$"}
HEADERS: Json = {
    "X-Request-Id": header("The caller's own where it sent a sane one; else a new one.", _ID),
    "ETag": header("Strong; changes with the bytes.", {"type": "string", "pattern": '^".+"$'}),
    "Cache-Control": header("Whether and how long it may be kept."),
    "Vary": header("Which request headers choose the answer."),
    "X-Amostragem": header("Of a thinned tail: `metodo=...; pontos=N; de=M; lacunas=K`."),
    "X-Lacunas": header("Of a thinned tail: its longest gaps, `start/end` in ISO 8601, by commas."),
    "X-Unit": header(
        "What readings are counted in, percent-encoded.", {"type": "string", "enum": list(map(quote, UNITS))}
    ),
    "X-Newest-Sample": header("The time of the metric's newest sample, within the answer or not.", INSTANT),
    "Retry-After": header("Seconds to wait.", {"type": "string", "pattern": "^[0-9]+$"}),
    "WWW-Authenticate": header("Which credentials are taken."),
    "Content-Security-Policy": header("No script, no frame around it."),
    "Location": header("Where to ask on."),
}

PARAMETERS: Json = {
    name: {"name": name, "in": "header", "required": False, "schema": schema, "description": description}
    for name, schema, description in (
        (
            *("Idempotency-Key", {"type": "string", "pattern": "^[!-~]{1,255}$"}),
            "What the caller calls this request: asked again with it, it is the same report.",
        ),
        ("X-Request-Id", TEXT, f"What to call this request: `{PATTERN}`. Anything else is replaced."),
        ("If-None-Match", TEXT, "The ETag of an answer that the caller has."),
    )
}

_FACT_SCHEMAS: Json = {
    "field": TEXT | {"description": "The part of the request that is at fault."},
    "limit": COUNT | {"description": "The most that is taken."},
    "known": array_of(TEXT) | {"description": "The names there are."},
    "takes": TEXT | {"description": "What is taken, in Portuguese."},
    "missing": array_of(TEXT) | {"description": "The metrics whose history is too short."},
    "origin": TEXT | {"description": "The origin of the page that had a browser ask, or null."},
    "cell": COUNT | {"description": "Counted from 1; 0 where no cell is to blame."},
    **dict.fromkeys(("given", "purpose", "metric", "exception", "stage"), TEXT),
    **dict.fromkeys(("history_hours", "needed_hours", "limit_seconds", "limit_mb"), COUNT),
    **dict.fromkeys(("findings", "recipients"), array_of(TEXT)),
    "next_attempt_at": INSTANT,
    "possibly_sent": {"type": "boolean", "description": "The mail may have left all the same."},
    "checks": {"type": "object", "additionalProperties": ref("Check")},
    "report_id": TOKEN,
}


def _error() -> Json:
    kinds = every_error().values()
    names = sorted({name for kind in kinds for name in kind.shows} | {"field", "report_id"})
    codes = sorted({kind.code for kind in kinds})
    required = {"msg": TEXT | {"description": "A sentence in Portuguese."}, "error": {"type": "string", "enum": codes}}
    return json_object(required, {name: _FACT_SCHEMAS.get(name, {}) for name in names})


SAMPLE = json_object(
    {"_id": {"description": "As stored; an ObjectId as hexadecimal text."}, "time_series": INSTANT},
    {
        "value": {"description": "The reading; null where it is no finite number."},
        "origin_time_series": {"description": "Milliseconds since 1970, as stored."},
        "consume_percent": {"description": "As stored."},
        "criticity": {"description": "The collector's own word."},
        **{name: {"description": "Of request_count."} for name in ("value_success", "value_fail")},
    },
    is_open=True,
)
_SHARE = json_object({"criticity": TEXT, "value": {"type": "number", "minimum": 0, "maximum": 1}})
_GAP = array_of(INSTANT) | {"minItems": 2, "maxItems": 2}
_POINTS = json_object({"pontos": COUNT, "de": COUNT, "lacunas": array_of(_GAP) | {"maxItems": MOST_GAPS}})

_INSTANTS = array_of(INSTANT) | {"minItems": 3, "maxItems": 3, "description": "End, start, previous start."}

_STATE: Json = {"type": "string", "enum": list(states.ALL)}
_RECIPIENT = json_object(
    {"address": TEXT, "state": {"type": "string", "enum": list(states.ALL)}},
    {
        "attempts": COUNT,
        **dict.fromkeys(("message_id", "via", "reply"), TEXT),
        "next_attempt_at": INSTANT,
        "reason": TEXT | {"description": "Why they do not have it (yet)."},
        "refusals": array_of(json_object({"at": INSTANT, "reason": TEXT}))
        | {"description": "When it was put off, and the mail server's words."},
    },
    is_open=True,
)
_REPORT = json_object(
    {"id": TOKEN, "state": _STATE, "notebook": TEXT, "recipients": array_of(_RECIPIENT)},
    {
        "application": TEXT | {"description": "Missing for the default application."},
        "parameters": {"type": "object"},
        "email_to": TEXT | {"description": "The recipients, by commas."},
        **dict.fromkeys(("start", "end", "asked_at", "ended_at"), INSTANT),
        "hours": COUNT,
        **dict.fromkeys(("subject", "request_id", "url"), TEXT),
        "seconds": {"type": "number", "description": "Of its stages together."},
        "worker": TEXT | {"description": "The server or worker that makes or sends it now; else missing."},
        "stage_seconds": {"type": "object", "additionalProperties": {"type": "number"}},
        "progress": {"description": "How far it is."},
        "place": COUNT | {"description": "While it is queued: the latest at which it is begun, 1 for the next."},
        "ready_in_seconds": {
            "type": ["integer", "null"],
            "description": "While it is queued: about when it is made; null where none was made lately.",
        },
        "reason": {"type": ["string", "null"]},
    },
    is_open=True,
)

_QUEUE: Json = {"waiting": COUNT, "limit": COUNT, "overdue_seconds": {"type": "number"}}
SCHEMAS: Json = {
    "Report": _REPORT | {"description": "What is known of a report; each recipient has a state of their own."},
    "Error": _error(),
    "Sample": SAMPLE | {"description": "A document of the collectors; fields that are not named here pass through."},
    "Interval": json_object(
        {
            "data": array_of(ref("Sample")),
            "data_anterior": array_of(ref("Sample")),
            "mean": {"type": "number", "description": "0.0 for an empty interval."},
            "mean_anterior": {"type": "number"},
            "growth": {"type": "number", "description": "(mean - mean_anterior) / mean_anterior; 0.0 where undefined."},
            "criticity_classification": array_of(_SHARE),
            "lower": array_of(ref("Sample")),
            "higher": array_of(ref("Sample")),
            "datas": _INSTANTS,
        },
        {"amostragem": json_object({"metodo": TEXT, "data": _POINTS, "data_anterior": _POINTS})},
    ),
    "Tail": array_of(ref("Sample")),
    "Newest": json_object({"metrics": {"type": "object", "additionalProperties": ref("NewestSample")}}),
    "NewestSample": json_object(
        {
            "time": or_null(INSTANT),
            "value": {"type": ["number", "null"], "description": "The reading."},
            "criticity": {"type": ["string", "null"], "description": "The collector's own word."},
            "unit": {"type": "string", "enum": UNITS},
            "label": TEXT,
        }
    ),
    "StepInterval": json_object(
        {"data": array_of(ref("Step")), "data_anterior": array_of(ref("Step")), "datas": _INSTANTS}
    ),
    "StepTail": array_of(ref("Step")),
    "Step": json_object(
        {
            "time_series": INSTANT | {"description": "The step's start; its samples are later, up to its end."},
            "count": COUNT | {"description": "Readings."},
            **{name: {"type": ["number", "null"]} for name in ("mean", "min", "max", "p95")},
        }
    ),
    "Check": json_object(
        {"ok": {"type": "boolean"}},
        _QUEUE
        | {"why": TEXT, "free_mb": COUNT, "sources": COUNT, "open": COUNT}
        | {name: {"type": "number"} for name in ("ping_ms", "late_seconds")},
    ),
    "Told": json_object({"msg": TEXT}),
}
