"""The routes `/notebooks`, which lists the reports there are, and `/notebooks/<notebook>`, which its forms post to."""

from typing import Any

from bottle import Bottle, HTTPResponse, request

from pycemaker.parsing.route_paths import NOTEBOOKS_PATH, REPORTS_PATH
from pycemaker.reports import notebook_catalogue
from pycemaker.web import response_bodies
from pycemaker.web.access import api_token
from pycemaker.web.error_handlers import JSON, html_response, json_response
from pycemaker.web.pages import message_page, notebook_list, send_page
from pycemaker.web.request_parameters import parameters
from pycemaker.web.route_methods import ActionPolicy
from pycemaker.web.routes.report_routes import read_form_request, submit
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html


def add_notebooks(app: Bottle, services: Services) -> None:
    """Add the list of notebooks, and the route that its forms post to."""
    base_path = services.settings.base_path

    @app.get(NOTEBOOKS_PATH)  # type: ignore[untyped-decorator]
    def notebooks() -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        if prefers_html(request.environ):
            page = notebook_list.page(notebook_catalogue.every_notebook(services.notebooks), services.settings)
            return html_response(page)
        listed = [
            each | ({"url": base_path + each["url"]} if "url" in each else {})
            for each in notebook_catalogue.listing(services.notebooks)
        ]
        return json_response({"notebooks": listed})

    def refused_page(body: dict[str, Any]) -> bytes:
        return html_response(send_page.outcome(body, base_path))

    @app.post(f"{NOTEBOOKS_PATH}/<notebook>", acts=ActionPolicy(result_page=refused_page))  # type: ignore[untyped-decorator]
    def request_by_form(notebook: str) -> HTTPResponse:
        given = parameters(request)
        api_token.add(request.environ, str(given.pop(message_page.TOKEN, "")))
        services.access_control.check_token(request.environ)
        report_id = submit(services, read_form_request(services, notebook, given))
        url = f"{base_path}{REPORTS_PATH}/{report_id}"
        body = {"msg": "O relatório foi pedido.", "report": {"id": report_id}, "url": url}
        return HTTPResponse(response_bodies.json_bytes(body), 303, {"Content-Type": JSON, "Location": url})
