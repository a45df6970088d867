"""Posts of forms: the token that goes with one, the button that was pressed, and the page to see afterwards."""

from collections.abc import Callable
from typing import Any

from bottle import HTTPResponse, request, response

from pycemaker.errors import NotAuthenticated, TooManyRequests
from pycemaker.web import response_bodies
from pycemaker.web.access import api_token
from pycemaker.web.error_handlers import html_response
from pycemaker.web.pages import message_page, send_page
from pycemaker.web.request_parameters import parameters
from pycemaker.web.services import Services


def answer_form(services: Services, act: Callable[[str, dict[str, str]], Any]) -> Any:
    """What `act` answers to the button and the other fields; where the token is refused, a page that says so.

    Args:
        services: check the token.
        act: does what the button asks for.
    """
    texts = parameters(request).texts
    api_token.add(request.environ, texts.pop(message_page.TOKEN, ""))
    try:
        services.access_control.check_token(request.environ)
    except (NotAuthenticated, TooManyRequests) as error:
        response.status = error.status
        return html_response(send_page.outcome(response_bodies.error(error), services.settings.base_path))
    return act(texts.pop(message_page.ACTION, ""), texts)


def see_other(services: Services, path: str) -> HTTPResponse:
    """Sends the browser on to the page at a path, so that its reload posts nothing again."""
    return HTTPResponse(b"", 303, {"Location": services.settings.base_path + path})
