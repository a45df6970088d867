"""Operation and response descriptions. Paths and methods are the routes' own: an operation names its rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pycemaker import errors
from pycemaker.web.middleware.bulkhead import HEALTH
from pycemaker.web.pages.error_page import TITLES

Json = dict[str, Any]
Kind = type[errors.PycemakerError]

_DATABASE: tuple[Kind, ...] = (errors.DatabaseUnreachable, *errors.descendants(errors.DatabaseUnreachable))
_TOKEN_ERRORS: tuple[Kind, ...] = (errors.NotAuthenticated, errors.TooManyRequests, *_DATABASE)


def ref(name: str, kind: str = "schemas") -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


@dataclass(frozen=True)
class ResponseSpec:
    """One answer that is no error.

    Attributes:
        description: its meaning, in English.
        headers: components by the header's name, beside X-Request-Id.
    """

    status: int
    description: str
    content: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, Json] = field(default_factory=dict)


HTML: Json = {"text/html": {"type": "string"}}
"""The content of a page."""
LOCATED: Json = {"Location": ref("Location", "headers")}


def json_answer(description: str, schema: Json, *, page: bool = False, **more: Any) -> ResponseSpec:
    """An answer as JSON; `page`: as HTML too, for who prefers it. `more`: of ResponseSpec."""
    content = {"application/json": schema} | (HTML if page else {})
    return ResponseSpec(description=description, content=content, **({"status": 200} | more))


def json_body(schema: Json, *, required: bool = True) -> Json:
    """A body of JSON."""
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def form_body(schema: Json) -> Json:
    """The body that a form posts."""
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


FORM = form_body({"type": "object"})


@dataclass(frozen=True)
class Operation:
    """One route with one method.

    Attributes:
        name: unique; what generated clients call it.
        description: one line, then more.
        answers: those that are no errors, the usual one first.
        error_kinds: the errors that it may answer, beside the unforeseen one and those of MongoDB.
        parameters: of the query and the headers; those of the path follow from the rule.
        needs_token: whether it asks for the token where one is set.
        path: where it is narrower than the rule, such as `/reports/{report_id}.json`.
        reads: whether it asks MongoDB.
    """

    rule: str
    name: str
    description: str
    answers: Sequence[ResponseSpec]
    error_kinds: Sequence[Kind] = ()
    method: str = "GET"
    parameters: Sequence[Json] = ()
    body: Json | None = None
    needs_token: bool = False
    path: str | None = None
    reads: bool = True

    def entry(self, path_parameters: Sequence[Json], *, with_token: bool) -> Json:
        """The operation as an OpenAPI object."""
        error_kinds: list[Kind] = [errors.PycemakerError, *self.error_kinds, *(_DATABASE if self.reads else ())]
        error_kinds += [errors.TokenInUrl] if self.needs_token else []
        error_kinds += _TOKEN_ERRORS if self.needs_token and with_token else ()
        error_kinds += [errors.InvalidRequest] if path_parameters else []
        describes_503 = any(answer.status == 503 for answer in self.answers)
        error_kinds += [errors.ServerBusy] if self.rule != HEALTH and not describes_503 else []
        error_kinds += [errors.BodyTooLarge, errors.BodyTooSlow] if self.body else []
        summary, _, more = self.description.partition("\n")
        entry: Json = {"operationId": self.name, "summary": summary}
        entry |= {"description": more.strip()} if more else {}
        parameters = [*path_parameters, *self.parameters, ref("X-Request-Id", "parameters")]
        entry |= {"parameters": parameters} | ({"requestBody": self.body} if self.body else {})
        answers = {str(answer.status): _response(answer) for answer in self.answers}
        entry["responses"] = answers | _error_responses(error_kinds)
        if self.answers[0].content.keys() == {"text/html"}:  # a form comes again, with what is wrong
            for refusal in entry["responses"].values():
                refusal.get("content", {}).setdefault("text/html", {"schema": {"type": "string"}})
        if self.needs_token and with_token:
            entry["security"] = [{"bearer": []}, {"key": []}]
        return entry


def form_operation(rule: str, name: str, *error_kinds: Kind) -> Operation:
    """What a form that is checked, then saved, posts to."""
    checked, done = ResponseSpec(200, "The form, to be saved.", HTML), ResponseSpec(303, "It is done.", {}, LOCATED)
    text = "What a form's button does\nSees another page, or the form again."
    return Operation(rule, name, text, (checked, done), error_kinds, "POST", body=FORM, needs_token=True)


def head_of(entry: Json) -> Json:
    """The operation for HEAD: no answer has a body."""
    bare = {
        status: {key: each for key, each in response.items() if key != "content"}
        for status, response in entry["responses"].items()
    }
    return entry | {"operationId": f"{entry['operationId']}Head", "responses": bare}


def _response(answer: ResponseSpec) -> Json:
    headers = {"X-Request-Id": ref("X-Request-Id", "headers"), **answer.headers}
    response: Json = {"description": answer.description, "headers": headers}
    if answer.content:
        response["content"] = {media_type: {"schema": schema} for media_type, schema in answer.content.items()}
    return response


def _error_responses(kinds: Sequence[Kind]) -> Json:
    """One response for each status, which names every code that it may have."""
    by_status: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _error_response(status, kinds) for status, kinds in sorted(by_status.items())}


def _error_response(status: int, kinds: Sequence[Kind]) -> Json:
    headers = {"X-Request-Id": ref("X-Request-Id", "headers")}
    if status == 401:
        headers["WWW-Authenticate"] = ref("WWW-Authenticate", "headers")
    if status in (429, 503):
        headers["Retry-After"] = ref("Retry-After", "headers")
    codes: Json = {"error": {"type": "string", "enum": sorted({kind.code for kind in kinds})}}
    schema = {"allOf": [ref("Error"), {"type": "object", "properties": codes}]}
    lines = "\n".join(f"- `{kind.code}`: {kind.sentence}{_facts(kind)}" for kind in kinds)
    content: Json = {"application/json": {"schema": schema}}
    content |= {"text/html": {"schema": {"type": "string"}}} if status in TITLES else {}
    return {"description": lines, "headers": headers, "content": content}


def _facts(kind: Kind) -> str:
    names = [*(["field"] if kind.field else []), *kind.shows]
    return f" With {', '.join(f'`{name}`' for name in dict.fromkeys(names))}." if names else ""
