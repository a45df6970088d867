"""The route `/openapi.json`."""

from bottle import Bottle

from pycemaker.web import response_bodies
from pycemaker.web.error_handlers import JSON
from pycemaker.web.etags import etag_of_body
from pycemaker.web.polled_answers import is_not_modified
from pycemaker.web.services import Services


def add_openapi(app: Bottle, services: Services) -> None:
    """Add `/openapi.json`, made anew at each request, since notebooks may have changed."""

    @app.get("/openapi.json")  # type: ignore[untyped-decorator]
    def openapi() -> bytes:
        from pycemaker.web.openapi.document import document  # with the first request: most servers get none

        body = response_bodies.json_bytes(document([(route.rule, route.method) for route in app.routes], services))
        return b"" if is_not_modified(etag_of_body(body), JSON, {}) else body
