"""The report route: what is asked for, checked, into the ledger; and what became of it, out again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from bottle import Bottle, HTTPError, request, response

from pycemaker import errors
from pycemaker.i18n.language import speaking
from pycemaker.jobs import result
from pycemaker.jobs.job_document import JobDocument
from pycemaker.parsing.addresses import parse_recipients
from pycemaker.parsing.route_paths import REPORT_RULE, REPORTS_PATH
from pycemaker.reports import catalogue
from pycemaker.reports.attachments.kinds import parse_kinds
from pycemaker.reports.model import ReportRequest
from pycemaker.telemetry.request_ids import REQUEST_ID
from pycemaker.web import response_bodies
from pycemaker.web.access.browser_actions import ActionPolicy
from pycemaker.web.error_handling import json_response
from pycemaker.web.pages import form_page, send_page
from pycemaker.web.request_parameters import RequestParameters, idempotency_key, parameters
from pycemaker.web.services import Services
from pycemaker.window import parse_window

PATIENCE_SECONDS = 10.0
"""How much longer than a report's deadline a caller waits: for its turn, and for the mail server."""


def add_report(app: Bottle, services: Services) -> None:
    """The route that makes a report, and the list of what there is to make."""

    @app.get("/notebooks")  # type: ignore[untyped-decorator]
    def notebooks() -> bytes:
        services.gate.check_token(request.environ)
        base_path = services.settings.base_path
        listed = [each | _under(base_path, each) for each in catalogue.listing(services.notebooks)]
        return json_response({"notebooks": listed})

    def ask(date_now: str, time_range: str, email_to: str) -> bytes:
        _, wanted = _wanted(services, date_now, time_range, email_to)
        title = catalogue.find_notebook(wanted.notebook.stem, services.notebooks).title
        with speaking(services.settings.report_language):
            return _html(send_page.question(wanted, title, services.settings.timezone))

    def tell(body: dict[str, Any]) -> bytes:
        with speaking(services.settings.report_language):
            return _html(send_page.outcome(body, services.settings.base_path))

    @app.route(REPORT_RULE, method=["GET", "POST"], acts=ActionPolicy(ask=ask, tell=tell))  # type: ignore[untyped-decorator]
    def report(date_now: str, time_range: str, email_to: str) -> bytes:
        waits, wanted = _wanted(services, date_now, time_range, email_to)
        report_id, seconds = _ask(services, wanted), services.settings.report_timeout_seconds + PATIENCE_SECONDS
        with services.report_service.waiters.slot(report_id) if waits else nullcontext(False) as may_wait:
            return _tell(
                services.report_service.wait(report_id, seconds if may_wait else 0.0), services.settings.base_path
            )

    @app.route(REPORT_RULE, method="HEAD")  # type: ignore[untyped-decorator]
    def no_report(**_path: str) -> None:
        """A HEAD asks about a report without wanting one; none is made."""
        raise HTTPError(405, Allow="GET, POST")


def _under(base_path: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """The entry's `url` below the base path; nothing where it has none."""
    return {"url": f"{base_path}{entry['url']}"} if "url" in entry else {}


def _wanted(services: Services, date_now: str, time_range: str, email_to: str) -> tuple[bool, ReportRequest]:
    """Whether the caller waits, and what is asked for; the token is looked at first."""
    services.gate.check_token(request.environ)
    given = parameters(request)
    given.texts.pop(form_page.ACTION, None)  # the button's, of the page that a followed link shows
    waits = _waits(given.pop("wait", "1"))
    return waits, _report_request(services, date_now, time_range, email_to, given)


def _html(page: str) -> bytes:
    """A page whose form may say where it comes from: a POST without an origin is nobody's."""
    response.content_type = "text/html; charset=utf-8"
    for name, text in form_page.headers(page, referrer="same-origin").items():
        response.set_header(name, text)
    return page.encode()


def _ask(services: Services, wanted: ReportRequest) -> str:
    """Enter the report, or find the one that stands for it; its id. Only one that is entered counts for the limits."""
    asked = services.report_service.submission(wanted, idempotency_key(request))
    if found := services.report_service.find_duplicate(asked):
        return found
    admission = services.gate.admit(request.environ, list(wanted.recipients))
    try:
        report_id, is_new = services.report_service.enqueue(wanted, asked)
    except errors.PycemakerError:
        admission.give_back()
        raise
    if not is_new:
        admission.give_back()
    return report_id


def _tell(entry: JobDocument, base_path: str) -> bytes:
    """200 for a report that arrived, 202 for one of which nothing is known yet; for any other, raises what it is."""
    if result.is_open(entry):
        url = f"{base_path}{REPORTS_PATH}/{entry['_id']}.json"
        response.status = 202
        response.set_header("Location", url)
        return json_response(response_bodies.report_accepted(result.record(entry), url))
    result.raise_unless_delivered(entry)
    return json_response(response_bodies.report(result.record(entry)))


def _waits(given: object) -> bool:
    if given not in ("0", "1", 0, 1):
        raise errors.InvalidParameter(field="wait", reason="not 0 or 1", takes="0 ou 1")
    return given in ("1", 1)


def _listed(given: object) -> str:
    """Names by commas; a JSON array of them is taken too."""
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return ",".join(given)
    if not isinstance(given, str):
        raise errors.InvalidParameter(field="attach", reason="no names", takes="nomes separados por vírgula")
    return given


def _report_request(
    services: Services, date_now: str, time_range: str, email_to: str, given: RequestParameters
) -> ReportRequest:
    settings = services.settings
    window = parse_window(
        date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
    )
    recipients = parse_recipients(email_to, single_label=settings.has_own_relay)
    for address in recipients:
        if not settings.allows_recipient(address):
            raise errors.RecipientNotAllowed(address=address)
    attach = parse_kinds(_listed(given.pop("attach", "")))
    notebook = catalogue.find_notebook(str(given.pop("notebook", catalogue.DEFAULT_NOTEBOOK)), services.notebooks)
    more = notebook.read(given.texts) | notebook.read_values(given.values)
    return ReportRequest(
        secrets.token_urlsafe(16), notebook.path, window, recipients, more, attach, date_now, REQUEST_ID.get()
    )
