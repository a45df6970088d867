"""The report routes: making one, the notebooks there are, and the reports that were kept."""

from __future__ import annotations

import secrets

from bottle import Bottle, HTTPError, request, response

from pycemaker import errors, payload
from pycemaker.data.store import Store
from pycemaker.metrics import METRICS
from pycemaker.report import catalogue, kept
from pycemaker.report.attachments.kinds import parse_kinds
from pycemaker.report.pipeline import ReportRequest
from pycemaker.settings import parse_address
from pycemaker.web.guard import refuse_unmeant
from pycemaker.web.services import Services
from pycemaker.web.telling import tell_json
from pycemaker.window import parse_window

REPORT = "/report/<date_now>/<time_range>/<email_to>"


def add_kept_reports(app: Bottle, services: Services) -> None:
    """Reports under their unguessable ids. They come before the metrics, whose paths look alike."""
    reports = services.settings.data_dir / "reports"

    @app.get("/reports/<report_id>")  # type: ignore[untyped-decorator]
    def kept_page(report_id: str) -> bytes:
        return _kept(kept.page(reports, report_id), "text/html; charset=utf-8")

    @app.get("/reports/<report_id>/figures/<name>")  # type: ignore[untyped-decorator]
    def kept_figure(report_id: str, name: str) -> bytes:
        return _kept(kept.figure(reports, report_id, name), "image/png")


def _kept(content: bytes, content_type: str) -> bytes:
    response.content_type = content_type
    for name, told in kept.headers().items():
        response.set_header(name, told)
    return content


def add_report(app: Bottle, services: Services) -> None:
    """The route that makes a report, and the list of what there is to make."""

    @app.get("/notebooks")  # type: ignore[untyped-decorator]
    def notebooks() -> bytes:
        services.gate.check_token(request.environ)
        return tell_json({"notebooks": catalogue.listing(services.notebooks)})

    @app.route(REPORT, method=["GET", "POST"])  # type: ignore[untyped-decorator]
    def report(date_now: str, time_range: str, email_to: str) -> bytes:
        refuse_unmeant(request.environ)
        services.gate.check_token(request.environ)
        asked = _report_request(services, date_now, time_range, email_to)
        _check_database(services.store)
        admission = services.gate.admit(request.environ, [asked.email_to])
        try:
            with services.reports.one() as ended:
                record = services.desk.make(asked)
                ended(record)
        except errors.TooManyReports:
            admission.give_back()
            raise
        return tell_json(payload.report(record))

    @app.route(REPORT, method="HEAD")  # type: ignore[untyped-decorator]
    def no_report(**_path: str) -> None:
        """A HEAD asks about a report without wanting one; none is made."""
        raise HTTPError(405, Allow="GET, POST")


def _report_request(services: Services, date_now: str, time_range: str, email_to: str) -> ReportRequest:
    settings = services.settings
    window = parse_window(
        date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
    )
    address = parse_address(email_to)
    if not settings.may_receive(address):
        raise errors.RecipientNotAllowed(address=address)
    given = _query()
    attach = parse_kinds(given.pop("attach", ""))
    notebook = catalogue.find_notebook(given.pop("notebook", catalogue.DEFAULT), services.notebooks)
    return ReportRequest(secrets.token_urlsafe(16), notebook.path, window, address, notebook.read(given), attach)


def _query() -> dict[str, str]:
    """The query's parameters; one that is given twice is refused, since nobody knows which was meant."""
    try:
        given = request.query.decode()
    except UnicodeError:
        raise errors.InvalidRequest from None
    for name in given:
        if len(given.getall(name)) > 1:
            raise errors.InvalidParameter(field=name[:40], reason="given more than once")
    return dict(given)


def _check_database(store: Store) -> None:
    """Know before a notebook is started that there is something to read from."""
    store.newest(METRICS[0])
