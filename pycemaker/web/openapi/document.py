"""The OpenAPI document: the app's own routes, each with its description."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version

from pycemaker.errors import UnknownApplication
from pycemaker.parsing.route_paths import APPLICATION_RULE, template
from pycemaker.reports.notebook_catalogue import Notebook, every_notebook
from pycemaker.settings import Settings
from pycemaker.web.openapi import (
    alert_operations,
    forecast_operations,
    read_operations,
    report_operations,
    sample_operations,
    schedule_operations,
)
from pycemaker.web.openapi.components import HEADERS, PARAMETERS, SCHEMAS, path_parameter
from pycemaker.web.openapi.operation import Json, Operation, head_of
from pycemaker.web.services import Services

RouteKey = tuple[str, str]
"""A rule and a method."""


def operations(notebooks: Iterable[Notebook]) -> list[Operation]:
    """The descriptions of all routes."""
    return [
        *read_operations.OPERATIONS,
        *forecast_operations.OPERATIONS,
        *report_operations.operations(list(notebooks)),
        *schedule_operations.OPERATIONS,
        *alert_operations.OPERATIONS,
        *sample_operations.OPERATIONS,
    ]


def document(routes: Iterable[RouteKey], services: Services) -> Json:
    """The description of these routes, with the notebooks as they are now."""
    settings = services.settings
    notebooks = [notebook for notebook in every_notebook(services.notebooks) if isinstance(notebook, Notebook)]
    by_route: dict[RouteKey, list[Operation]] = {}
    for operation in operations(notebooks):
        by_route.setdefault((operation.rule, operation.method), []).append(operation)
    paths: Json = {}
    routes = set(routes)
    for rule, method in sorted(routes):
        for operation in by_route.get((rule, method)) or _of_application(by_route, rule, method):
            path = operation.path or template(rule)
            parameters = [path_parameter(name, rule, settings) for name in re.findall(r"{(\w+)}", path)]
            entry = operation.entry(parameters, with_token=settings.api_token is not None)
            paths.setdefault(path, {})[method.lower()] = entry
            if method == "GET" and (rule, "HEAD") not in routes:
                paths[path]["head"] = head_of(entry)
    return _document(paths, settings)


def _of_application(by_route: Mapping[RouteKey, list[Operation]], rule: str, method: str) -> Iterator[Operation]:
    """The operations of a route below `/apps/<application>`: those of the same route for the default application."""
    if rule.startswith(APPLICATION_RULE):
        for operation in by_route.get((rule.removeprefix(APPLICATION_RULE) or "/", method), []):
            errors = (*operation.error_kinds, UnknownApplication)
            yield replace(operation, rule=rule, name=f"{operation.name}OfApplication", error_kinds=errors)


def _document(paths: Json, settings: Settings) -> Json:
    components: Json = {"schemas": SCHEMAS, "headers": HEADERS, "parameters": PARAMETERS}
    if settings.api_token is not None:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
        }
    return {
        "openapi": "3.1.1",
        "info": {"title": "Pycemaker", "version": version("pycemaker"), "description": _DESCRIPTION},
        "servers": [{"url": settings.public_url or "/"}],
        "paths": paths,
        "components": components,
    }


_DESCRIPTION = """Metrics of an application as JSON, and reports about them by mail.

Every error has one shape: `msg`, a sentence in Portuguese, `error`, a slug for programs, and what helps. A path that
nothing answers at is 404, a method that a path does not take 405 with `Allow`. OPTIONS is answered everywhere
(204), and any origin in CORS_ORIGINS may read every answer, those of `/reports` only an origin that it names (neither
`*` nor a pattern counts there). Dates go out as ISO 8601 in UTC with milliseconds and `Z`.
"""
