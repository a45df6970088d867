"""The settings of reports: workers, queue, deadline, memory, lease, retries, retention."""

from dataclasses import dataclass

LEASE_SECONDS = 15.0  # The lease of a claim; a heartbeat renews it three times in that


@dataclass(frozen=True)
class ReportSettings:
    """The settings of reports under their own names (see `.env.example`), and two times that only tests change.

    Attributes:
        report_workers: reports rendered at a time.
        report_queue: reports that may be waiting for that.
        report_timeout_seconds: the deadline of rendering one.
        report_memory_mb: memory of its processes together, in MiB.
        report_repeat_seconds: how long an accepted report stands for requests that mean the same.
        report_retry_seconds: how long its mails are tried.
        report_retention_days: how long an ended report is kept.
        first_retry_seconds: the wait after the first temporary refusal.
        lease_seconds: the lease of a claim.
    """

    report_workers: int
    report_queue: int
    report_timeout_seconds: float
    report_memory_mb: int
    report_repeat_seconds: float
    report_retry_seconds: float
    report_retention_days: float
    first_retry_seconds: float = 15.0
    lease_seconds: float = LEASE_SECONDS
