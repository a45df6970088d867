"""Submissions and settings of reports as a server without settings has them, with what a test changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.jobs.service_factory import report_settings_of
from pycemaker.jobs.submission_keys import Submission
from pycemaker.settings import from_mapping


def report_settings_with(**changes: Any) -> ReportSettings:
    """The default settings of reports, some of them changed."""
    return replace(report_settings_of(from_mapping({})), **changes)


def submit(repeat_key: str, idempotency_key: str | None = None, **changes: Any) -> Submission:
    """A submission under the default settings, some of them changed."""
    return Submission(repeat_key, report_settings_with(**changes), idempotency_key)
