"""Submission of a report: the keys by which requests that mean the same find one job, and the settings. Pure."""

import json
from dataclasses import dataclass

from pycemaker.jobs.job_document import sha256_hex
from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.reports.report_model import ReportRequest
from pycemaker.window import to_iso_text


@dataclass(frozen=True)
class Submission:
    """The keys and settings of a request for a report.

    Attributes:
        repeat_key: a digest that is equal for requests that mean the same report.
        idempotency_key: the caller's own name for the request; only its digest is stored. None without one.
    """

    repeat_key: str
    settings: ReportSettings
    idempotency_key: str | None = None


def submission_of(
    request: ReportRequest, settings: ReportSettings, sender: str, idempotency_key: str | None = None
) -> Submission:
    """The submission of a request to a server with these settings and this sender.

    An end of `now` stays `now` in its key: two clicks a second apart are one request, although their intervals end a
    second apart.
    """
    whole = [
        request.notebook.stem,
        "now" if request.date_text == "now" else to_iso_text(request.window.end_utc),
        request.window.hours,
        sorted(request.parameters.items()),
        sorted(request.attach),
        sorted(map(str.lower, request.recipients)),
        sender,
    ]
    whole += [request.application] if request.application else []
    return Submission(sha256_hex(json.dumps(whole, ensure_ascii=True)), settings, idempotency_key)
