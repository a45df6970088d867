"""Answers as JSON and as pages, and to every error: our own (`pycemaker.errors`), Bottle's, unforeseen faults."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from bottle import HTTPError, request, response

from pycemaker import errors
from pycemaker.i18n.language import speaking
from pycemaker.web import response_bodies
from pycemaker.web.pages import error_page, message_page
from pycemaker.web.route_methods import methods_at
from pycemaker.web.wsgi import StartResponse, loggable, prefers_html

JSON, HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
_CHALLENGE, _BROWSER_CHALLENGE = "Bearer", 'Basic realm="Pycemaker: API_TOKEN", charset="UTF-8"'
_BY_STATUS = {400: errors.InvalidRequest, 404: errors.NotFound, 405: errors.MethodNotAllowed, 413: errors.FormTooLarge}
_log = logging.getLogger("pycemaker")


def json_response(content: Any) -> bytes:
    """The content as the body of a JSON answer."""
    response.content_type = JSON
    return response_bodies.json_bytes(content)


def fresh_json(content: Any) -> bytes:
    """The content as the body of a JSON answer that nobody keeps."""
    response.set_header("Cache-Control", "no-store")
    return json_response(content)


def html_response(page: str, referrer: str = "same-origin") -> bytes:
    """The page with the headers of `message_page`. Its form may send its origin, without which its POST is refused."""
    response.content_type = HTML
    for name, text in message_page.headers(page, referrer).items():
        response.set_header(name, text)
    return page.encode()


def refuse_garbled_path() -> None:
    """A Bottle hook: answers a path that is no UTF-8 with 400, where Bottle would drop the bytes that are not.

    Else `/report/now/6/a@example.com%ff` would mail a report, and each address would have endless spellings.
    """
    try:
        request.environ["bottle.raw_path"].encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise HTTPError(400) from None


def handle_errors(route: Callable[..., Any]) -> Callable[..., Any]:
    """A Bottle plug-in: turns a PycemakerError that a route raises into its answer."""

    def handled(*args: Any, **kwargs: Any) -> Any:
        try:
            return route(*args, **kwargs)
        except errors.PycemakerError as error:
            return _answer(error)

    return handled


def _answer(error: errors.PycemakerError) -> HTTPError:
    """The error as Bottle's, with its headers; `handle_http_error` writes its body, `CsrfProtection` a form's page."""
    if error.status >= 500:
        is_usual = isinstance(error, errors.NotEnoughHistory | errors.NoCurrentReading)  # dashboards poll for them
        _log.log(
            logging.INFO if is_usual else logging.ERROR, "%s %s: %s", request.method, loggable(request.path), error
        )
    answer = HTTPError(error.status, response_bodies.json_bytes(response_bodies.error(error)), error)
    retry_after_seconds = error.facts.get("retry_after_seconds", error.retry_after_seconds)
    if retry_after_seconds is not None:
        answer.set_header("Retry-After", str(retry_after_seconds))
    if error.status == 401:
        answer.add_header("WWW-Authenticate", _CHALLENGE)
        if error.facts.get("asks_browser"):  # a line of its own: Chromium takes no second scheme of one line
            answer.add_header("WWW-Authenticate", _BROWSER_CHALLENGE)
    return answer


def refuse(error: errors.PycemakerError, start_response: StartResponse, *headers: tuple[str, str]) -> list[bytes]:
    """The error's answer, written without Bottle."""
    body = response_bodies.json_bytes(response_bodies.error(error))
    if "retry_after_seconds" in error.facts:
        headers = (*headers, ("Retry-After", str(error.facts["retry_after_seconds"])))
    status = f"{error.status} {HTTPStatus(error.status).phrase}"
    start_response(status, [("Content-Type", JSON), ("Content-Length", str(len(body))), *headers])
    return [body]


def handle_http_error(error: HTTPError, base_path: str = "") -> bytes:
    """The body for an error of ours, or of Bottle's: no such route, wrong method, unreadable path, an unforeseen fault.

    An error of `error_page.TITLES` is a page for callers that prefer HTML.
    """
    if error.status_code == 405:
        error.set_header("Allow", ", ".join(methods_at(request.app, request.environ["bottle.raw_path"])))
    cause = error.exception
    if not isinstance(cause, errors.PycemakerError):
        cause = _BY_STATUS.get(error.status_code, errors.PycemakerError)()
    content = response_bodies.error(cause)
    if error.status_code in error_page.TITLES:
        response.add_header("Vary", "Accept")
        if request.method != "HEAD" and prefers_html(request.environ):
            asks_browser = bool(cause.facts.get("asks_browser"))
            with speaking("pt-BR"):  # the language of the API's sentences
                page = error_page.page(error.status_code, content, base_path, asks_browser=asks_browser)
            return html_response(page, "no-referrer")
    return json_response(content)
