"""Submission of a report: the keys by which requests that mean the same find one job, and the limits. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycemaker.jobs.job_document import sha256_hex
from pycemaker.jobs.job_limits import JobLimits
from pycemaker.reports.report_model import ReportRequest
from pycemaker.window import to_iso_text


@dataclass(frozen=True)
class Submission:
    """The keys and limits of a request for a report.

    Attributes:
        repeat_key: equal for requests that mean the same report (`make_repeat_key`).
        idempotency_key: the caller's own name for the request; only its digest is stored. None without one.
    """

    repeat_key: str
    limits: JobLimits
    idempotency_key: str | None = None


def submission_of(
    request: ReportRequest, limits: JobLimits, sender: str, idempotency_key: str | None = None
) -> Submission:
    """The submission of a request to a server with these limits and this sender."""
    is_now = request.date_text == "now"
    key = make_repeat_key(
        request.notebook.stem,
        "now" if is_now else to_iso_text(request.window.end_utc),
        request.window.hours,
        request.parameters,
        request.attach,
        request.recipients,
        sender,
        request.application,
    )
    return Submission(key, limits, idempotency_key)


def make_repeat_key(
    notebook: str,
    end: str,
    hours: float,
    parameters: Mapping[str, Any],
    attach: Sequence[str],
    to: Sequence[str],
    sender: str = "",
    application: str = "",
) -> str:
    """A digest that is equal for requests that mean the same report.

    Args:
        end: the interval's end. `now` stays `now`: two clicks a second apart are one request, although their intervals
            end a second apart.
    """
    whole = [notebook, end, hours, sorted(parameters.items()), sorted(attach), sorted(map(str.lower, to)), sender]
    whole += [application] if application else []
    return sha256_hex(json.dumps(whole, ensure_ascii=True))
