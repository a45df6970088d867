"""Submissions and limits as a server without settings has them, with what a test changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pycemaker.jobs.job_limits import JobLimits
from pycemaker.jobs.service_factory import job_limits
from pycemaker.jobs.submission_keys import Submission
from pycemaker.settings import from_mapping


def limits_with(**changes: Any) -> JobLimits:
    """The default limits, some of them changed."""
    return replace(job_limits(from_mapping({})), **changes)


def submit(repeat_key: str, idempotency_key: str | None = None, **changes: Any) -> Submission:
    """A submission under the default limits, some of them changed."""
    return Submission(repeat_key, limits_with(**changes), idempotency_key)
