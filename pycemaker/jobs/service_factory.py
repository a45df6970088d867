"""Builds the report service from `Settings`.

It is apart from `pipeline_factory`, which only a worker process loads: a server needs neither nbconvert nor Google's
libraries.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial

from pycemaker.jobs.dask_cluster import DaskCluster
from pycemaker.jobs.deliver_job import MailTransport
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.jobs.worker_template import WorkerTemplate
from pycemaker.mail.outbox import OUTBOX_SENDER, Outbox
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.smtp import SmtpSender
from pycemaker.mail.suppressions import Suppressions
from pycemaker.mail.unsubscribe import unsubscribe_headers
from pycemaker.mongo.database import Database
from pycemaker.settings import Settings
from pycemaker.telemetry.secret_masker import Masker


def make_report_service(
    settings: Settings,
    database: Database,
    environment: Mapping[str, str],
    *,
    keep_spare: bool,
    report_settings: ReportSettings | None = None,
    owner: str = "",
    template: WorkerTemplate | None = None,
) -> ReportService:
    """The report service over this database; its threads are not started.

    Args:
        report_settings: others than those in `settings`.
        owner: the name of a Dask worker, which hands nothing to the cluster; empty for a server's or worker's own name.
        template: see `ReportService`.
    """
    transport = mail_transport(settings, database)
    report_settings = report_settings or report_settings_of(settings)
    remove = Outbox(settings.outbox_dir).remove  # also where a mail account was set since
    scheduler = None if owner else settings.dask_scheduler
    return ReportService(
        database,
        {name: text for name, text in environment.items() if not name.startswith("DASK_")},  # no business of cells
        settings.data_dir,
        transport,
        report_settings,
        keep_spare=keep_spare,
        remove_message=remove,
        cluster=DaskCluster(scheduler, report_settings.lease_seconds / 3) if scheduler else None,
        owner=owner,
        template=template,
    )


def report_settings_of(settings: Settings) -> ReportSettings:
    """The settings of reports."""
    shared = {each.name for each in fields(ReportSettings)} & {each.name for each in fields(settings)}
    return ReportSettings(**{name: getattr(settings, name) for name in shared})


def mail_transport(settings: Settings, database: Database) -> MailTransport:
    """The transport to the mail server of the settings; to the outbox where none is set."""
    smtp = smtp_sender(settings)
    return MailTransport(
        smtp or Outbox(settings.outbox_dir),
        settings.email_from or OUTBOX_SENDER,
        is_repeatable=not settings.mails,
        is_suppressed=Suppressions(database).is_suppressed,
        allows_recipient=settings.allows_recipient,
        headers=partial(unsubscribe_headers, SigningKeys(database), settings.public_url),
        prepare=smtp.prepare if smtp else lambda: None,
    )


def smtp_sender(settings: Settings) -> SmtpSender | None:
    """The sender to the mail server of the settings; None where none is set."""
    if settings.email_from is None:
        return None
    return SmtpSender(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.email_from,
        settings.password,
        mask=Masker(settings.secrets),
    )
