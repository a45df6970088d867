"""OpenAPI operations of health and forecasts."""

from pycemaker.analysis.forecast.methods import METHODS
from pycemaker.errors import (
    InvalidDate,
    InvalidParameter,
    InvalidRange,
    NoCurrentReading,
    NotEnoughHistory,
    TooManyStreams,
    UnknownMetric,
)
from pycemaker.metrics import NAMES
from pycemaker.web.openapi.components import COUNT, INSTANT, array_of, json_object, or_null, query_parameter
from pycemaker.web.openapi.operation import Json, Kind, Operation, json_answer, ref
from pycemaker.web.openapi.read_operations import CACHED, NOT_MODIFIED

_NUMBER: Json = {"type": "number"}
_MAYBE: Json = {"type": ["number", "null"]}
_SCORE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_MAYBE_SCORE: Json = _SCORE | {"type": ["number", "null"]}
_METHOD: Json = {"type": "string", "enum": list(METHODS)}

_LIMIT_TIME = json_object(dict.fromkeys(("earliest", "middle", "latest"), or_null(INSTANT)))
_FORECAST = json_object(
    {
        "points": array_of(json_object({"time": INSTANT, "low": _MAYBE, "middle": _NUMBER, "high": _MAYBE})),
        "limit": _MAYBE,
        "reaches_limit": or_null(_LIMIT_TIME),
        "method": _METHOD,
        "weights": {"type": "object", "propertyNames": _METHOD, "additionalProperties": _SCORE},
        "history_hours": COUNT,
        "backtest": json_object(
            {"origins": COUNT, "error": _NUMBER, "error_of_last_value": _NUMBER, "coverage": _MAYBE_SCORE}
        ),
    }
)
_CURRENT = json_object(
    {"current_health": _SCORE, "predicted_current_health": _SCORE, "predicted_remaining_time": COUNT},
    {"withheld": {"type": "string", "description": "Why the predicted health is the current one."}},
)
_PREDICTION = json_object(
    {
        "index": COUNT,
        "id": COUNT,
        "time_series": INSTANT,
        "value": _MAYBE,
        "predict_value": _MAYBE,
        "predict_range": or_null(array_of(_NUMBER) | {"minItems": 2, "maxItems": 2}),
    }
)


def _operation(
    rule: str, name: str, description: str, schema: Json, *error_kinds: Kind, **more: list[Json]
) -> Operation:
    answers = json_answer("What is known.", schema, headers=CACHED), NOT_MODIFIED
    parameters = [ref("If-None-Match", "parameters"), *more.get("parameters", [])]
    return Operation(rule, name, description, answers, (InvalidRange, *error_kinds), parameters=parameters)


OPERATIONS = (
    _operation(
        "/forecast/<name>/<date_now>/<time_range>",
        "forecast",
        "The hours to come of a metric, or of the health\n"
        "`low` and `high` are 5 and 95 %, null where the history is too short to check them.",
        *(_FORECAST, InvalidDate, InvalidParameter, UnknownMetric, NotEnoughHistory),
        parameters=[
            query_parameter("limit", _NUMBER, "In the metric's unit; 0.9 of a share by default. Not of the health.")
        ],
    ),
    _operation(
        "/health_score/<date_now>/<time_range>",
        "healthScore",
        "The health of each minute of an interval\nNull where a metric has no reading; `worst` names it.",
        array_of(
            json_object({"time": INSTANT, "score": _MAYBE_SCORE, "worst": {"type": "string", "enum": list(NAMES)}})
        ),
        *(InvalidDate, TooManyStreams),
    ),
    _operation(
        "/current_health/<time_range>",
        "currentHealth",
        "The health now, a minute from now, and the seconds until it is expected to fail",
        *(_CURRENT, NoCurrentReading, TooManyStreams),
    ),
    _operation(
        "/health_data/<time_range>",
        "healthData",
        "The health of each minute of the last hours",
        json_object({"data": array_of(json_object({"time_series": INSTANT, "health": _MAYBE_SCORE}))}),
        TooManyStreams,
    ),
    _operation(
        "/predicted_data/<time_range>",
        "predictedData",
        "The expected health of each minute of the next hours",
        json_object(
            {"remaining_time": COUNT, "data": array_of(json_object({"index": INSTANT, "predicted_mean": _SCORE}))}
        ),
        *(NotEnoughHistory, TooManyStreams),
    ),
    *(
        _operation(
            f"/{metric}_predict/<opened>/<time_range>",
            f"{metric}Predict",
            f"{metric.upper()} from an instant on: what was measured, and what had been expected\nAt most 1,000 rows.",
            *(array_of(_PREDICTION), InvalidDate, TooManyStreams),
        )
        for metric in ("cpu", "ram")
    ),
)
