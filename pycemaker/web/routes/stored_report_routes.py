"""The routes `/reports` and below: the list, and each report's page, figures, record, message and notebook."""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bottle import Bottle, request, response

from pycemaker.errors import InvalidDate, InvalidParameter, OnlyHere, UnknownReport
from pycemaker.jobs import report_result
from pycemaker.jobs.job_document import JobDocument
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import REPORTS_PATH, application_path, with_application
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, MESSAGE
from pycemaker.web import stored_report
from pycemaker.web.access.redaction import redact_addresses
from pycemaker.web.error_handlers import html_response, json_response
from pycemaker.web.pages import report_list, report_state
from pycemaker.web.pages.home import prefers_html
from pycemaker.web.request_parameters import query
from pycemaker.web.response_bodies import json_bytes
from pycemaker.web.services import Services
from pycemaker.window import parse_instant

MOST_LISTED = 200  # Reports on one page of the list
REFRESH_SECONDS = 3  # The time after which a browser asks again for a report that is being made
_ODD = (ValueError, TypeError, LookupError, AttributeError)
"""Raised for a document of `reports` that somebody else wrote, or changed."""

_log = logging.getLogger(__name__)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)


def add_stored_reports(app: Bottle, services: Services) -> None:
    """Add `/reports` and the routes below it, before the metric routes, whose paths look alike."""
    files, job_store, base_path = (
        services.report_service.files,
        services.report_service.job_store,
        services.settings.base_path,
    )

    @app.get(with_application(REPORTS_PATH))  # type: ignore[untyped-decorator]
    def reports(application: str = DEFAULT_APPLICATION) -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        count, before = _paging(query(request), services)
        application = services.store.for_application(application).application
        entries = job_store.newest(count, before, application)
        records = [record for entry in entries if (record := _summary(services, entry))]
        next_url = report_list.next_page(entries, count, base_path + application_path(application))
        response.set_header("Cache-Control", "no-store")
        if prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            response.content_type = "text/html; charset=utf-8"
            return report_list.page(records, next_url, services.settings.timezone, base_path).encode()
        return json_response({"reports": records, "next": next_url})

    @app.get(REPORTS_PATH + "/<name>")  # type: ignore[untyped-decorator]
    def stored_file(name: str) -> bytes:
        report_id, dot, ending = name.partition(".")
        stored_report.check_id(report_id)
        if not dot:
            return _page(services, report_id)
        answer = _ENDINGS.get(ending)
        if answer is None:
            raise UnknownReport
        services.access_control.check_token(request.environ, asks_browser=True)
        return answer(services, report_id)

    @app.get(REPORTS_PATH + "/<report_id>/figures/<name>")  # type: ignore[untyped-decorator]
    def stored_figure(report_id: str, name: str) -> bytes:
        return _stored(stored_report.figure(files, report_id, name), "image/png")


def _page(services: Services, report_id: str) -> bytes:
    """The report's page; for a browser the state of a report that has none."""
    files, base_path = services.report_service.files, services.settings.base_path
    try:
        return _stored(stored_report.page(files, report_id, base_path), "text/html; charset=utf-8")
    except UnknownReport:
        if not prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            raise
    entry = services.report_service.job_store.get(report_id)
    place = services.report_service.job_store.find_place(entry)
    record, is_whole = report_result.record(entry) | place, services.access_control.sees_all(request.environ)
    record = record if is_whole else redact_addresses(record)
    source = stored_report.failed_source(files, record) if is_whole else ""
    page = report_state.page(record, services.settings.timezone, base_path, is_whole=is_whole, source=source)
    if report_result.is_open(entry):
        response.set_header("Refresh", str(REFRESH_SECONDS))
    return html_response(page, "no-referrer")


def _summary(services: Services, entry: JobDocument) -> dict[str, Any] | None:
    """The job in the list; None for a document that is no job's."""
    try:
        record = report_list.summary(_visible_record(services, entry), services.settings.base_path)
        json_bytes(record)
        report_list.row(record, services.settings.timezone)
    except _ODD as error:
        _log.warning("the document %.80r in reports is no report (%s)", entry["_id"], type(error).__name__)
        return None
    return record


def _record(services: Services, report_id: str) -> bytes:
    entry = services.report_service.job_store.get(report_id)
    try:
        place = services.report_service.job_store.find_place(entry)
        body = json_response({"report": _visible_record(services, entry) | place})
    except _ODD:
        raise UnknownReport from None
    response.set_header("Cache-Control", "no-store")
    return body


def _visible_record(services: Services, entry: JobDocument) -> dict[str, Any]:
    """The job's record as this caller may see it."""
    record = report_result.record(entry)
    return record if services.access_control.may_see_addresses(request.environ) else redact_addresses(record)


def _message(services: Services, report_id: str) -> bytes:
    return _download(services, report_id, MESSAGE, "message/rfc822", ".eml")


def _notebook(services: Services, report_id: str) -> bytes:
    return _download(services, report_id, EXECUTED_NOTEBOOK, "application/x-ipynb+json", ".ipynb")


_ENDINGS: dict[str, Callable[[Services, str], bytes]] = {"json": _record, "eml": _message, "ipynb": _notebook}


def _download(services: Services, report_id: str, name: str, content_type: str, ending: str) -> bytes:
    """A file as a download, without caching. Raises OnlyHere where the caller may not see recipients."""
    if not services.access_control.may_see_addresses(request.environ):
        raise OnlyHere
    content = _stored(services.report_service.files.get(report_id, name), content_type)
    response.set_header("Content-Disposition", f'attachment; filename="{report_id}{ending}"')
    response.set_header("Cache-Control", "no-store")
    return content


def _stored(content: bytes, content_type: str) -> bytes:
    response.content_type = content_type
    for name, text in stored_report.headers().items():
        response.set_header(name, text)
    return content


def _paging(given: dict[str, str], services: Services) -> tuple[int, datetime | None]:
    """The length of the list, and the instant before which its reports were asked for."""
    count, before = given.pop("limit", "50"), given.pop("before", None)
    for name in given:
        raise InvalidParameter(field=name[:40], reason="there is no such parameter", known=["limit", "before"])
    if not (_COUNT.fullmatch(count) and 1 <= int(count) <= MOST_LISTED):
        raise InvalidParameter(field="limit", reason="out of bounds", takes=f"um número de 1 a {MOST_LISTED}")
    return int(count), None if before is None else _instant(before, services)


def _instant(text: str, services: Services) -> datetime:
    try:
        return parse_instant(text, zone=services.settings.timezone, now_utc=services.clock())
    except InvalidDate:
        raise InvalidParameter(field="before", reason="not an instant", takes="ISO 8601 com fuso") from None
