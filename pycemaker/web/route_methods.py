"""Methods of the routes at a path, and which of these routes act: for preflights, for a 405's Allow, against CSRF."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class ActionPolicy:
    """The declaration of a route that changes or sends something.

    Attributes:
        by_link: whether its path holds a signed link, which suffices from any page or program (RFC 8058).
        confirm_page: makes the page for a person who followed a link from another site; its form posts
            (`message_page`). It takes the route's arguments. Without it such a link is refused.
        result_page: makes the page after that form, out of the body that a program gets.
    """

    by_link: bool = False
    confirm_page: Callable[..., bytes] | None = None
    result_page: Callable[[dict[str, Any]], bytes] | None = None


def policy_of(route: Any) -> ActionPolicy | None:
    """The policy of one of Bottle's routes; None where it only reads."""
    acts: ActionPolicy | None = route.config.get("acts")
    return acts or (None if route.method in _READING else ActionPolicy())


def routes_at(app: Bottle, path: str) -> list[Any]:
    """The route of each method at a path, which is as WSGI gives it: of those with the most words of the path's own."""
    path = path.encode("latin-1").decode("utf-8", "ignore")
    routes = []
    for method in METHODS:
        with contextlib.suppress(HTTPError, HTTPResponse):
            routes.append(app.router.match({"PATH_INFO": path, "REQUEST_METHOD": method})[0])
    words = [sum(not part.startswith("<") for part in route.rule.split("/")) for route in routes]
    return [route for route, count in zip(routes, words, strict=True) if count == max(words)]


def methods_at(app: Bottle, path: str) -> tuple[str, ...]:
    """The methods that the routes at this path take, with HEAD where GET only reads; those of a read where none is."""
    methods: list[str] = []
    for route in routes_at(app, path):
        methods += ["GET", "HEAD"] if route.method == "GET" and policy_of(route) is None else [route.method]
    return (*(methods or ["GET", "HEAD"]), "OPTIONS")
