"""The report route: from a request to a job, and from the job's result to the answer."""

import secrets
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from bottle import Bottle, HTTPError, request, response

from pycemaker import errors
from pycemaker.i18n.language import speaking
from pycemaker.jobs import report_result
from pycemaker.jobs.job_document import JobDocument
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import REPORT_RULE, REPORTS_PATH, with_application
from pycemaker.reports import notebook_catalogue
from pycemaker.reports.attachments.kinds import parse_kinds
from pycemaker.reports.report_model import ReportRequest
from pycemaker.telemetry.request_ids import REQUEST_ID
from pycemaker.web import response_bodies
from pycemaker.web.error_handlers import html_response, json_response
from pycemaker.web.pages import message_page, send_page
from pycemaker.web.request_parameters import RequestParameters, idempotency_key, parameters
from pycemaker.web.route_methods import ActionPolicy
from pycemaker.web.services import Services
from pycemaker.window import parse_window

EXTRA_WAIT_SECONDS = 10.0
"""The seconds beyond a report's deadline that a caller waits: for the queue, and for the mail server."""


def add_report(app: Bottle, services: Services) -> None:
    """Add the route that makes a report."""

    def confirm_page(**path: str) -> bytes:
        _, report_request = _read_request(services, path)
        title = notebook_catalogue.find_notebook(report_request.notebook.stem, services.notebooks).title
        with speaking(services.settings.report_language):
            return html_response(send_page.question(report_request, title, services.settings.timezone))

    def result_page(body: dict[str, Any]) -> bytes:
        with speaking(services.settings.report_language):
            return html_response(send_page.outcome(body, services.settings.base_path))

    @app.route(
        with_application(REPORT_RULE),
        method=["GET", "POST"],
        acts=ActionPolicy(confirm_page=confirm_page, result_page=result_page),
    )  # type: ignore[untyped-decorator]
    def report(**path: str) -> bytes:
        waits, report_request = _read_request(services, path)
        report_id = submit(services, report_request)
        seconds = services.settings.report_timeout_seconds + EXTRA_WAIT_SECONDS
        with services.report_service.waiters.slot(report_id) if waits else nullcontext(False) as may_wait:
            return _answer(services, services.report_service.wait(report_id, seconds if may_wait else 0.0))

    @app.route(with_application(REPORT_RULE), method="HEAD")  # type: ignore[untyped-decorator]
    def no_report(**_path: str) -> None:
        """A HEAD makes no report."""
        raise HTTPError(405, Allow="GET, POST")


def _read_request(services: Services, path: Mapping[str, str]) -> tuple[bool, ReportRequest]:
    """True where the caller waits, and the report request; the token is checked first."""
    services.access_control.check_token(request.environ)
    given = parameters(request)
    given.texts.pop(message_page.ACTION, None)  # the button's, of `send_page`
    waits = _waits(given.pop("wait", "1"))
    return waits, _report_request(services, path, given)


def read_form_request(services: Services, notebook: str, given: RequestParameters) -> ReportRequest:
    """The report request of a notebook's form: fields are the report route's parameters, those of its path included."""
    given.texts.pop(message_page.ACTION, None)
    given.texts["notebook"] = notebook
    path = {name: str(given.pop(name, "")) for name in ("date_now", "time_range", "email_to", "application")}
    return _report_request(services, path | {"email_to": path["email_to"].replace(" ", "")}, given)


def submit(services: Services, report_request: ReportRequest) -> str:
    """Enqueue the report, or find the same one; its id. Only an enqueued one counts for the limits."""
    submission = services.report_service.submission(report_request, idempotency_key(request))
    if same_id := services.report_service.find_duplicate(submission):
        return same_id
    admission = services.access_control.admit(request.environ, list(report_request.recipients))
    is_new = False
    try:
        report_id, is_new = services.report_service.enqueue(report_request, submission)
    finally:
        if not is_new:
            admission.release()
    return report_id


def _answer(services: Services, entry: JobDocument) -> bytes:
    """200 for a delivered report, 202 for one in work; raises the error of any other."""
    if report_result.is_open(entry):
        url = f"{services.settings.base_path}{REPORTS_PATH}/{entry['_id']}.json"
        record = report_result.record(entry) | services.report_service.job_store.find_place(entry)
        response.status = 202
        response.set_header("Location", url)
        return json_response(response_bodies.report_accepted(record, url))
    report_result.raise_unless_delivered(entry)
    return json_response(response_bodies.report(report_result.record(entry)))


def _waits(given: object) -> bool:
    if given not in ("0", "1", 0, 1):
        raise errors.InvalidParameter(field="wait", reason="not 0 or 1", takes="0 ou 1")
    return given in ("1", 1)


def _names(given: object) -> str:
    """Names by commas, also out of a JSON array."""
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return ",".join(given)
    if not isinstance(given, str):
        raise errors.InvalidParameter(field="attach", reason="no names", takes="nomes separados por vírgula")
    return given


def _report_request(services: Services, path: Mapping[str, str], given: RequestParameters) -> ReportRequest:
    settings, date_now = services.settings, path["date_now"]
    window = parse_window(
        date_now, path["time_range"], zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
    )
    recipients = settings.read_recipients(path["email_to"])
    attach = parse_kinds(_names(given.pop("attach", "")))
    name = str(given.pop("notebook", notebook_catalogue.DEFAULT_NOTEBOOK))
    notebook = notebook_catalogue.find_notebook(name, services.notebooks)
    more = notebook.read(given.texts) | notebook.read_values(given.values)
    application = services.store.for_application(path.get("application", DEFAULT_APPLICATION)).application
    notebook.check_application(application)
    return ReportRequest(
        *(secrets.token_urlsafe(16), notebook.path, window, recipients, more, attach, date_now, REQUEST_ID.get()),
        application=application,
    )
