"""What reports may take: of time, of memory, of turns."""

from __future__ import annotations

from dataclasses import dataclass

from pycemaker.jobs.enqueue import LEASE_SECONDS
from pycemaker.jobs.retry import FIRST_SECONDS


@dataclass(frozen=True)
class JobLimits:
    """How much, how long and how often; see `.env.example`.

    Attributes:
        workers: reports made at a time.
        queue: reports that may be waiting for that.
        timeout_seconds: the deadline of making one.
        memory_mb: what its processes may hold, in MiB.
        repeat_seconds: for how long an accepted report stands for requests that mean the same.
        retry_seconds: for how long a report is tried.
        retention_days: for how long one is kept.
        first_retry_seconds: how long to wait after the first temporary refusal.
        lease_seconds: after how long without a word from a server its reports are anybody's.
    """

    workers: int = 1
    queue: int = 20
    timeout_seconds: float = 120.0
    memory_mb: int = 2048
    repeat_seconds: float = 60.0
    retry_seconds: float = 14_400.0
    retention_days: float = 90.0
    first_retry_seconds: float = FIRST_SECONDS
    lease_seconds: float = LEASE_SECONDS
