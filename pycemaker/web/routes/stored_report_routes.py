"""The routes `/reports` and below: the list, and each report's page, figures, record, message and notebook.

Names in a request are compared with a pattern before a lookup: no dot, slash or blank gets through.
"""

import html
import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bottle import Bottle, request, response

from pycemaker import brand
from pycemaker.errors import OnlyHere, UnknownReport
from pycemaker.jobs import report_result
from pycemaker.jobs.job_document import JobDocument
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import REPORTS_PATH, application_path, with_application
from pycemaker.parsing.values import Value
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, FIGURES, MESSAGE, PAGE
from pycemaker.reports.notebook_file import authored_source
from pycemaker.web.access.redaction import redact_addresses
from pycemaker.web.error_handlers import HTML, fresh_json, html_response
from pycemaker.web.pages import report_list, report_state
from pycemaker.web.request_parameters import instant, query, refuse_unknown
from pycemaker.web.response_bodies import json_bytes
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html

LIMIT = Value(int, 1, 200)  # Reports on one page of the list
REFRESH_SECONDS = 3  # The time after which a browser asks again for a report that is being made
_ODD = (ValueError, TypeError, LookupError, AttributeError)
"""Raised for a document of `reports` that somebody else wrote, or changed."""

_DOWNLOADS = {"eml": (MESSAGE, "message/rfc822"), "ipynb": (EXECUTED_NOTEBOOK, "application/x-ipynb+json")}
"""By the end of the path the file and its media type."""

_log = logging.getLogger(__name__)
_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_FIGURE = re.compile(r"[a-z0-9_-]{1,80}\.png", re.ASCII)
_RELATIVE = re.compile(rf'\b((?:src|href)=")({FIGURES}[a-z0-9_-]{{1,80}}\.png")'.encode())


def add_stored_reports(app: Bottle, services: Services) -> None:
    """Add `/reports` and the routes below it, before the metric routes, whose paths look alike."""
    job_store, base_path = services.report_service.job_store, services.settings.base_path

    @app.get(with_application(REPORTS_PATH))  # type: ignore[untyped-decorator]
    def reports(application: str = DEFAULT_APPLICATION) -> bytes:
        services.access_control.check_token(request.environ, asks_browser=True)
        count, before = _paging(query(request), services)
        application = services.store.for_application(application).application
        entries = job_store.newest(count, before, application)
        records = [record for entry in entries if (record := _summary(services, entry))]
        next_url = report_list.next_page(entries, count, base_path + application_path(application))
        if not prefers_html(request.environ):
            return fresh_json({"reports": records, "next": next_url})
        response.set_header("Cache-Control", "no-store")
        response.content_type = HTML
        return report_list.page(records, next_url, services.settings.timezone, base_path).encode()

    @app.get(REPORTS_PATH + "/<name>")  # type: ignore[untyped-decorator]
    def stored_file(name: str) -> bytes:
        report_id, dot, ending = name.partition(".")
        if not _ID.fullmatch(report_id):
            raise UnknownReport
        if not dot:
            return _page(services, report_id)
        if ending not in ("json", *_DOWNLOADS):
            raise UnknownReport
        services.access_control.check_token(request.environ, asks_browser=True)
        return _record(services, report_id) if ending == "json" else _download(services, report_id, ending)

    @app.get(REPORTS_PATH + "/<report_id>/figures/<name>")  # type: ignore[untyped-decorator]
    def stored_figure(report_id: str, name: str) -> bytes:
        if not (_ID.fullmatch(report_id) and _FIGURE.fullmatch(name)):
            raise UnknownReport
        return _stored(services.report_service.files.get(report_id, FIGURES + name), "image/png")


def _page(services: Services, report_id: str) -> bytes:
    """The report's page, its figures linked; for a browser the state of a report that has none.

    There is no page of a report that was not made, or did not pass the check.
    """
    base_path, job_store = services.settings.base_path, services.report_service.job_store
    try:
        content = services.report_service.files.get(report_id, PAGE)
        folder = f"{html.escape(base_path)}/reports/{report_id}/".encode()
        return _stored(_RELATIVE.sub(lambda match: match[1] + folder + match[2], content), HTML)
    except UnknownReport:
        if not prefers_html(request.environ):
            raise
    entry = job_store.get(report_id)
    record = report_result.record(entry) | job_store.find_place(entry)
    is_whole = services.access_control.sees_all(request.environ)
    record = record if is_whole else redact_addresses(record)
    source = _failed_source(services, record) if is_whole else ""
    page = report_state.page(record, services.settings.timezone, base_path, is_whole=is_whole, source=source)
    if report_result.is_open(entry):
        response.set_header("Refresh", str(REFRESH_SECONDS))
    return html_response(page, "no-referrer")


def _failed_source(services: Services, record: Mapping[str, Any]) -> str:
    """The source of the cell in which the report failed; empty where no cell did or the notebook is gone."""
    number = record.get("error", {}).get("facts", {}).get("cell", 0)
    if not number:
        return ""
    try:
        return authored_source(json.loads(services.report_service.files.get(record["id"], EXECUTED_NOTEBOOK)), number)
    except UnknownReport:
        return ""


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
    job_store = services.report_service.job_store
    entry = job_store.get(report_id)
    try:
        return fresh_json({"report": _visible_record(services, entry) | job_store.find_place(entry)})
    except _ODD:
        raise UnknownReport from None


def _visible_record(services: Services, entry: JobDocument) -> dict[str, Any]:
    """The job's record as this caller may see it."""
    record = report_result.record(entry)
    return record if services.access_control.may_see_addresses(request.environ) else redact_addresses(record)


def _download(services: Services, report_id: str, ending: str) -> bytes:
    """A file as a download, without caching. Raises OnlyHere where the caller may not see recipients."""
    if not services.access_control.may_see_addresses(request.environ):
        raise OnlyHere
    name, content_type = _DOWNLOADS[ending]
    content = _stored(services.report_service.files.get(report_id, name), content_type)
    response.set_header("Content-Disposition", f'attachment; filename="{report_id}.{ending}"')
    response.set_header("Cache-Control", "no-store")
    return content


def _stored(content: bytes, content_type: str) -> bytes:
    """A stored file, its headers set: no script at all, and no picture but our own and the brand's logo.

    Styles may be inline: a pandas table brings its colours so.
    """
    response.content_type = content_type
    logo = re.match(r"https://[\w.:-]+/", brand.load().logo)
    policy = f"default-src 'none'; img-src 'self'{f' {logo[0]}' if logo else ''}; style-src 'unsafe-inline'; "
    policy += "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    response.set_header("X-Robots-Tag", "noindex, nofollow")
    response.set_header("Referrer-Policy", "no-referrer")
    response.set_header("Cache-Control", "private")
    response.set_header("Content-Security-Policy", policy)
    return content


def _paging(given: dict[str, str], services: Services) -> tuple[int, datetime | None]:
    """The length of the list, and the instant before which its reports were asked for."""
    refuse_unknown(given, ("limit", "before"))
    count, before = LIMIT.read("limit", given.get("limit", "50")), given.get("before")
    if before is None:
        return count, None
    return count, instant("before", before, services.settings.timezone, services.clock())
