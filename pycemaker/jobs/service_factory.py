"""Builds the desk out of `Settings`: what a server needs to take reports in and to see them through.

It is apart from `wiring`, whose collaborators make a report: a server does not load what only a report's process needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from pycemaker.jobs.delivery_worker import MailTransport
from pycemaker.jobs.limits import JobLimits
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail.outbox import OUTBOX_SENDER, Outbox
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.smtp import SmtpSender
from pycemaker.mail.suppressions import Suppressions
from pycemaker.mail.unsubscribe import UnsubscribeHeaders
from pycemaker.mongo.database import Database
from pycemaker.settings import Settings
from pycemaker.telemetry.logs import Masker


def make_report_service(
    settings: Settings,
    database: Database,
    environment: Mapping[str, str],
    *,
    keep_spare: bool,
    limits: JobLimits | None = None,
) -> ReportService:
    """Where reports are asked for, over this database; its threads are not started.

    Args:
        settings: how messages leave, and the bounds where none are given.
        database: where the ledger is.
        environment: the variables of the processes that make reports.
        keep_spare: whether one stands ready for the next report.
        limits: limits other than those of the settings.
    """
    transport = mail_transport(settings, database)
    limits = limits or job_limits(settings)
    remove = Outbox(settings.data_dir / "outbox").remove  # of days without a mail account, though there is one by now
    return ReportService(
        database, environment, settings.data_dir, transport, limits, keep_spare=keep_spare, remove_message=remove
    )


def job_limits(settings: Settings) -> JobLimits:
    """How much, how long and how often, as the settings say."""
    return JobLimits(
        workers=settings.report_workers,
        queue=settings.report_queue,
        timeout_seconds=settings.report_timeout_seconds,
        memory_mb=settings.report_memory_mb,
        repeat_seconds=settings.report_repeat_seconds,
        retry_seconds=settings.report_retry_seconds,
        retention_days=settings.report_retention_days,
    )


def mail_transport(settings: Settings, database: Database) -> MailTransport:
    """The transport to the mail server of the settings; to the outbox where none is set."""
    send = _sender(settings)
    return MailTransport(
        send,
        settings.email_from or OUTBOX_SENDER,
        is_repeatable=not settings.mails,
        is_suppressed=Suppressions(database).is_suppressed,
        allows_recipient=settings.allows_recipient,
        headers=UnsubscribeHeaders(SigningKeys(database), settings.public_url).for_recipient,
        prepare=send.prepare if isinstance(send, SmtpSender) else lambda: None,
    )


def _sender(settings: Settings) -> Outbox | SmtpSender:
    if settings.email_from is None:
        return Outbox(settings.data_dir / "outbox")
    return SmtpSender(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.email_from,
        settings.password,
        mask=Masker(settings.secrets),
    )
