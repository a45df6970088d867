"""OpenAPI operations that only read: metrics, the home page, probes."""

from pycemaker.errors import InvalidDate, InvalidParameter, InvalidRange, TooManyStreams, UnknownMetric
from pycemaker.parsing.route_paths import APPS_PATH, OVERVIEW_PATH, OVERVIEW_SCRIPT_PATH
from pycemaker.series.downsample import MOST
from pycemaker.web.answer_formats import EVERY, FORMAT, MAX_POINTS, MEDIA_TYPES
from pycemaker.web.openapi.components import (
    INSTANT,
    METRIC_NAMES,
    TEXT,
    UNITS,
    array_of,
    json_object,
    or_null,
    query_parameter,
)
from pycemaker.web.openapi.operation import Json, Kind, Operation, ResponseSpec, json_answer, ref

CACHED: Json = {name: ref(name, "headers") for name in ("ETag", "Cache-Control", "Vary")}
_METRIC_HEADERS: Json = CACHED | {
    name: ref(name, "headers") for name in ("X-Unit", "X-Newest-Sample", "X-Amostragem", "X-Lacunas")
}
_NO_STORE: Json = {"Cache-Control": ref("Cache-Control", "headers")}
PAGE: Json = {"Content-Security-Policy": ref("Content-Security-Policy", "headers")}
_BYTES: Json = {"type": "string"}
_CONDITION = (ref("If-None-Match", "parameters"),)
_SHAPE_PARAMETERS = (
    query_parameter(
        "max_points",
        {"anyOf": [MAX_POINTS.schema(), {"const": 0}]},
        "How many documents at most, peaks kept; 0 for all, in spite of DEFAULT_MAX_POINTS. The statistics are of all"
        " in any case.",
    ),
    query_parameter(
        "every",
        EVERY.schema(),
        f"Seconds: the answer has steps of this length instead of documents, {MOST} at most. Not with `max_points`.",
    ),
    query_parameter(
        "format",
        FORMAT.schema(),
        "The answer's shape, before `Accept`. Other shapes than `json` hold the interval's own documents alone.",
    ),
    *_CONDITION,
)
NOT_MODIFIED = ResponseSpec(304, "What the caller has is what there is.", headers=CACHED)
_METRIC_NOT_MODIFIED = ResponseSpec(304, NOT_MODIFIED.description, headers=_METRIC_HEADERS)
_ERRORS: tuple[Kind, ...] = (InvalidDate, InvalidParameter, UnknownMetric, TooManyStreams)


def _media_types(json_schema: Json) -> dict[str, Json]:
    """The schema of JSON, and the other media types there are."""
    others = {media_type.partition(";")[0]: _BYTES for media_type in MEDIA_TYPES.values()}
    return others | {"application/json": json_schema}


_METRIC = json_object(
    {
        "id": {"type": "string", "enum": METRIC_NAMES},
        "label": TEXT,
        "unit": {"type": "string", "enum": UNITS},
        "newest": or_null(INSTANT),
        "interval": {"type": ["string", "null"]},
        "tail": {"type": ["string", "null"]},
    }
)
_CHECKS: Json = {"type": "object", "additionalProperties": ref("Check")}
_INDEX = json_object(
    {"name": TEXT, "routes": array_of(TEXT), "metrics": array_of(_METRIC), "sample_until": or_null(INSTANT)}
)

_APPLICATION = json_object(
    {
        "application": TEXT | {"description": "Empty for the default application, of samples that name none."},
        "metrics": {
            "type": "object",
            "additionalProperties": json_object({"time": INSTANT, "value": {"type": ["number", "null"]}}),
        },
        "health": {"type": ["number", "null"]},
        "alerts": array_of(json_object({"rule": TEXT, "kind": TEXT, "metric": TEXT, "since": INSTANT})),
    }
)

OPERATIONS = (
    Operation(
        APPS_PATH,
        "applications",
        "Every application with its newest samples\nAn application exists when it has a sample.",
        [
            json_answer(
                "In alphabetical order.", json_object({"applications": array_of(_APPLICATION)}), headers=_NO_STORE
            )
        ],
    ),
    Operation(
        "/now",
        "newestSamples",
        "The newest sample of every metric\nNull where a metric has no sample.",
        (json_answer("By metric.", ref("Newest"), headers=CACHED), NOT_MODIFIED),
        parameters=_CONDITION,
    ),
    Operation(
        "/<name>/<date_now>/<time_range>",
        "metricInterval",
        "An interval of a metric, the one before it, and the statistics\n"
        "Half open: start < t <= end. An interval without samples is 200 with empty arrays and zeros.",
        (
            ResponseSpec(
                200, "The interval.", _media_types({"anyOf": [ref("Interval"), ref("StepInterval")]}), _METRIC_HEADERS
            ),
            _METRIC_NOT_MODIFIED,
        ),
        (*_ERRORS, InvalidRange),
        parameters=_SHAPE_PARAMETERS,
    ),
    Operation(
        "/<name>/<date_start>",
        "metricTail",
        "Every sample of a metric from an instant on\nOldest first; an empty array where there is none.",
        (
            ResponseSpec(200, "The samples.", _media_types({"anyOf": [ref("Tail"), ref("StepTail")]}), _METRIC_HEADERS),
            _METRIC_NOT_MODIFIED,
        ),
        _ERRORS,
        parameters=_SHAPE_PARAMETERS,
    ),
    Operation(
        "/",
        "home",
        "What this is, and links that work on the data there is\nA page for who names text/html in Accept.",
        (ResponseSpec(200, "An index, or a page.", {"application/json": _INDEX, "text/html": TEXT}, PAGE),),
    ),
    Operation(
        OVERVIEW_PATH,
        "overview",
        "The part of the page at `/` that renews itself\nThe same text as long as nothing has changed.",
        (ResponseSpec(200, "HTML.", {"text/html": TEXT}, CACHED | PAGE), NOT_MODIFIED),
        parameters=_CONDITION,
    ),
    Operation(
        OVERVIEW_SCRIPT_PATH,
        "overviewScript",
        "The script of the page at `/`",
        (ResponseSpec(200, "A module.", {"text/javascript": TEXT}, CACHED), NOT_MODIFIED),
        parameters=_CONDITION,
        reads=False,
    ),
    Operation(
        "/favicon.ico",
        "favicon",
        "The picture that browsers show beside a title",
        (ResponseSpec(200, "The brand's initial.", {"image/svg+xml": TEXT}, _NO_STORE),),
        reads=False,
    ),
    Operation(
        "/health",
        "health",
        "Whether the process lives\nNothing is looked at.",
        [json_answer("It does.", ref("Told"), headers=_NO_STORE)],
        reads=False,
    ),
    Operation(
        "/ready",
        "ready",
        "Whether the process can work\nWithin 3 s.",
        (
            json_answer("It can.", json_object({"msg": TEXT, "checks": _CHECKS}), headers=_NO_STORE),
            json_answer(
                "It cannot: `error` is `not_ready`, and a check says why.",
                ref("Error"),
                status=503,
                headers=_NO_STORE | {"Retry-After": ref("Retry-After", "headers")},
            ),
        ),
        reads=False,
    ),
    Operation(
        "/metrics",
        "metrics",
        "What this process has counted, for Prometheus\nOpenMetrics for who asks for it in Accept.",
        (ResponseSpec(200, "Every count.", {"text/plain": TEXT, "application/openmetrics-text": TEXT}, _NO_STORE),),
        reads=False,
    ),
    Operation(
        "/openapi.json",
        "openapi",
        "This description",
        (json_answer("OpenAPI 3.1.", {"type": "object"}, headers=CACHED), NOT_MODIFIED),
        parameters=_CONDITION,
        reads=False,
    ),
)
