"""Routes that change or send something: how one declares that, and who may ask for it from a browser.

A route declares itself: `@app.post(rule, acts=Acts())`. Of those that do not, every method but GET, HEAD and OPTIONS
counts as if it had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, request, response

from pycemaker.errors import ForeignOrigin
from pycemaker.web import small_page
from pycemaker.web.cross_site import CrossSite
from pycemaker.web.guard import refuse_unmeant
from pycemaker.web.telling import refuse, tell_errors
from pycemaker.web.wsgi import Application, Environ, StartResponse

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FORM_BYTES = 200
_READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Acts:
    """What a route declares that changes or sends something.

    Attributes:
        by_link: whether its path holds a signed link, which is all that it takes, from wherever it is asked (RFC 8058).
        ask: makes the page that a person sees who followed a link to it from elsewhere; its form (`web.small_page`)
            asks by POST. It takes what the route takes. Without one such a link is refused.
        tell: makes the page that such a form is answered with, out of the body that a program gets.
    """

    by_link: bool = False
    ask: Callable[..., bytes] | None = None
    tell: Callable[[dict[str, Any]], bytes] | None = None


def declared(route: Any) -> Acts | None:
    """What one of Bottle's routes declares; None where it only reads."""
    acts: Acts | None = route.config.get("acts")
    return acts or (None if route.method in _READING else Acts())


class ActingRoutes:
    """A Bottle plug-in: lets a browser act from this server's own pages and from origins that are named, only.

    Args:
        cross_site: knows whose pages those are.
    """

    name, api = "acting", 2

    def __init__(self, cross_site: CrossSite) -> None:
        self._cross_site = cross_site

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """The route's callback, asked only by who may."""
        acts = declared(route)
        if acts is None or acts.by_link:
            return callback

        def guarded(*args: Any, **kwargs: Any) -> Any:
            refuse_unmeant(request.environ)
            if self._cross_site.may_act(request.environ):
                return callback(*args, **kwargs)
            if acts.ask is None:
                raise ForeignOrigin(origin="null")
            return acts.ask(*args, **kwargs)

        return guarded if acts.tell is None else _answer_forms(tell_errors(guarded), acts.tell)


def _answer_forms(callback: Callable[..., Any], tell: Callable[[dict[str, Any]], bytes]) -> Callable[..., Any]:
    """The callback, its answer a page where the button of `small_page.form` asks; status and headers stay."""

    def answer(*args: Any, **kwargs: Any) -> Any:
        answered = callback(*args, **kwargs)
        if not _is_form(request):
            return answered
        is_refusal = isinstance(answered, HTTPResponse)
        page = tell(json.loads(answered.body if is_refusal else answered))
        if is_refusal:
            answered.body = page
            for name, text in response.headers.items():
                answered.set_header(name, text)
        return answered if is_refusal else page

    return answer


def _is_form(request: Any) -> bool:
    is_form = request.content_type.startswith("application/x-www-form-urlencoded")
    return is_form and 0 < request.content_length <= _FORM_BYTES and small_page.ACTION in request.forms


def refuse_preflights(application: Application, app: Bottle, cross_site: CrossSite) -> Application:
    """The application, its preflights refused where the origin may not do what a route of `app` at that path does."""

    def refusing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "OPTIONS" or cross_site.may_preflight(environ) or not _acts(app, environ):
            return application(environ, start_response)
        return refuse(ForeignOrigin(origin=environ["HTTP_ORIGIN"][:100]), start_response, ("Vary", "Origin"))

    return refusing


def _acts(app: Bottle, environ: Environ) -> bool:
    """Whether a route at the path acts, by any method: then all of them are preflighted as if they did."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "ignore")
    for method in METHODS:
        try:
            route, _ = app.router.match({"PATH_INFO": path, "REQUEST_METHOD": method})
        except (HTTPError, HTTPResponse):
            continue
        acts = declared(route)
        if acts is not None and not acts.by_link:
            return True
    return False
