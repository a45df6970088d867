"""CSRF protection: routes that change or send something refuse browsers on pages of other sites.

A route declares itself: `@app.post(rule, acts=ActionPolicy())`. Without a declaration every method but GET, HEAD and
OPTIONS counts as declared.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from bottle import Bottle, HTTPResponse, request, response

from pycemaker.errors import ForeignOrigin
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.error_handlers import handle_errors, refuse
from pycemaker.web.middleware.security_headers import refuse_speculative
from pycemaker.web.pages import message_page
from pycemaker.web.route_methods import policy_of, routes_at
from pycemaker.web.wsgi import Application, Environ, StartResponse


class CsrfProtection:
    """A Bottle plug-in: browsers act from this server's own pages and from named origins only.

    Args:
        trusted_origins: knows whose pages those are.
    """

    name, api = "acting", 2

    def __init__(self, trusted_origins: TrustedOrigins) -> None:
        self._trusted_origins = trusted_origins

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """The route's callback behind the check."""
        acts = policy_of(route)
        if acts is None or acts.by_link:
            return callback

        def guarded(*args: Any, **kwargs: Any) -> Any:
            refuse_speculative(request.environ)
            if self._trusted_origins.may_act(request.environ):
                return callback(*args, **kwargs)
            if acts.confirm_page is None:
                raise ForeignOrigin(origin="null")
            return acts.confirm_page(*args, **kwargs)

        return guarded if acts.result_page is None else _answer_forms(handle_errors(guarded), acts.result_page)


def _answer_forms(callback: Callable[..., Any], result_page: Callable[[dict[str, Any]], bytes]) -> Callable[..., Any]:
    """The callback; a form of a `message_page` gets its answer as a page, with the same status and headers."""

    def answer(*args: Any, **kwargs: Any) -> Any:
        answered = callback(*args, **kwargs)
        if not _is_form(request):
            return answered
        is_refusal = isinstance(answered, HTTPResponse)
        page = result_page(json.loads(answered.body if is_refusal else answered))
        if not is_refusal:
            return page
        shown = HTTPResponse(page, answered.status, answered.headerlist)
        for name, text in response.headers.items():
            shown.set_header(name, text)
        return shown

    return answer


def _is_form(request: Any) -> bool:
    is_form = request.content_type.startswith("application/x-www-form-urlencoded")
    is_short = 0 < request.content_length <= message_page.LONGEST_FORM_BYTES
    return is_form and is_short and message_page.ACTION in request.forms


def refuse_preflights(application: Application, app: Bottle, trusted_origins: TrustedOrigins) -> Application:
    """The application; it refuses preflights of origins that may not use a route of `app` that acts at that path."""

    def refusing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "OPTIONS" or trusted_origins.may_preflight(environ) or not _acts(app, environ):
            return application(environ, start_response)
        return refuse(ForeignOrigin(origin=environ["HTTP_ORIGIN"][:100]), start_response, ("Vary", "Origin"))

    return refusing


def _acts(app: Bottle, environ: Environ) -> bool:
    """True where a route at the path acts, by any method: then preflights of all its methods are checked."""
    policies = [policy_of(route) for route in routes_at(app, environ["PATH_INFO"])]
    return any(acts is not None and not acts.by_link for acts in policies)
