"""OpenAPI operation of `POST /samples`."""

from pycemaker import errors
from pycemaker.metrics import NAMES
from pycemaker.parsing.route_paths import SAMPLES_PATH
from pycemaker.web.openapi.components import COUNT, TEXT, array_of, json_object
from pycemaker.web.openapi.operation import Json, Operation, json_answer
from pycemaker.web.posted_samples import MOST_SAMPLES

_NUMBER = {"type": "number"}
_TIME: Json = {
    "type": ["string", "integer"],
    "description": "ISO 8601 with an offset or `Z`, or milliseconds since 1970.",
}
_SAMPLE = json_object(
    {"metric": {"enum": list(NAMES)}, "time": _TIME},
    {"value": _NUMBER, "value_success": _NUMBER, "value_fail": _NUMBER},
)
_BODY: Json = {
    "description": "Or, as application/x-ndjson, such an object a line.",
    "required": True,
    "content": {"application/json": {"schema": array_of(_SAMPLE) | {"maxItems": MOST_SAMPLES}}},
}
"""Lines are in words only: clients of openapi-python-client cannot choose between an array and another body."""

OPERATIONS = (
    Operation(
        SAMPLES_PATH,
        "postSamples",
        "Store samples\nOf one application: an array of JSON, or a line each, also as gzip (`Content-Encoding`).\n"
        "Requests have `value_success` and `value_fail`, every other metric `value`. The right ones are stored where\n"
        "others are wrong, and a sample that is there stays. Without API_TOKEN only from the server's own machine.",
        [
            json_answer(
                "All are stored; `repeated` were there already.",
                json_object({"msg": TEXT, "stored": COUNT, "repeated": COUNT}),
            )
        ],
        (errors.InvalidSamples, errors.InvalidParameter, errors.OnlyHere, errors.ForeignOrigin, errors.FetchRefused),
        "POST",
        body=_BODY,
        needs_token=True,
    ),
)
