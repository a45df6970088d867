"""What a caller is told: JSON, and for everything that goes wrong the face that the table gives it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from bottle import HTTPError, HTTPResponse, request, response

from pycemaker import errors, payload
from pycemaker.web.faces import STATUS_FACES, face_of
from pycemaker.web.wsgi import StartResponse, loggable

JSON = "application/json; charset=utf-8"
_BROWSER_CHALLENGE = 'Bearer, Basic realm="Pycemaker: API_TOKEN", charset="UTF-8"'
_log = logging.getLogger("pycemaker")


def tell_json(content: Any) -> bytes:
    """The content as the body of a JSON answer."""
    response.content_type = JSON
    return payload.json_bytes(content)


def refuse_garbled_path() -> None:
    """A Bottle hook: a path that is no UTF-8 is answered with 400, where Bottle itself would leave out what is not.

    Else `/report/now/6/a@example.com%ff` would mail a report, and each address had endless spellings.
    """
    try:
        request.environ["bottle.raw_path"].encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise HTTPError(400) from None


def tell_errors(route: Callable[..., Any]) -> Callable[..., Any]:
    """A Bottle plug-in: what the routes raise of our own tree becomes its answer."""

    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return route(*args, **kwargs)
        except errors.PycemakerError as error:
            return _tell(error)

    return answer


def _tell(error: errors.PycemakerError) -> HTTPResponse:
    face = face_of(error)
    if face.status >= 500:
        _log.error("%s %s: %s", request.method, loggable(request.path), error)
    headers = {"Content-Type": JSON}
    if face.status == 401:
        headers["WWW-Authenticate"] = _BROWSER_CHALLENGE if error.facts.get("asks_browser") else "Bearer"
    if "retry_after_seconds" in error.facts or isinstance(error, errors.IndexesNotReady):
        headers["Retry-After"] = str(error.facts.get("retry_after_seconds", 2))
    return HTTPResponse(payload.json_bytes(face.body(error.facts)), face.status, headers)


def refuse(error: errors.PycemakerError, start_response: StartResponse, *headers: tuple[str, str]) -> list[bytes]:
    """The error's answer where Bottle is not asked."""
    face = face_of(error)
    body = payload.json_bytes(face.body(error.facts))
    if "retry_after_seconds" in error.facts:
        headers = (*headers, ("Retry-After", str(error.facts["retry_after_seconds"])))
    status = f"{face.status} {HTTPStatus(face.status).phrase}"
    start_response(status, [("Content-Type", JSON), ("Content-Length", str(len(body))), *headers])
    return [body]


def tell_http_error(error: HTTPError) -> bytes:
    """What Bottle raises: no such route, wrong method, unreadable path, a fault nobody foresaw."""
    if allowed := error.get_header("Allow"):
        error.set_header("Allow", ", ".join(_allowed(set(allowed.replace(" ", "").split(",")))))
    face = STATUS_FACES.get(error.status_code, STATUS_FACES[500])
    response.content_type = JSON
    return payload.json_bytes(face.body({}))


def _allowed(methods: set[str]) -> list[str]:
    """The methods of a route; a route that acts (POST) is not asked about with HEAD."""
    return [*sorted(methods - {"HEAD"} if "POST" in methods else methods | {"HEAD"}), "OPTIONS"]
