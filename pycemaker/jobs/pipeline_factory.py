"""Builds the pipeline's collaborators from `Settings`, for a worker process and for previews."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from pycemaker import brand
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import HourSamples
from pycemaker.i18n import language
from pycemaker.i18n.language import _
from pycemaker.mail.compose import compose
from pycemaker.mail.outbox import OUTBOX_SENDER
from pycemaker.metrics import Metric
from pycemaker.mongo.database import open_database
from pycemaker.reports import message_lint, render
from pycemaker.reports.attachments.assemble import AttachmentBuilder
from pycemaker.reports.firebase import FirebaseFigures
from pycemaker.reports.report_model import Collaborators, Page, ReportRequest, RunNotebook
from pycemaker.series.comparable_samples import comparable
from pycemaker.series.period import MetricPeriod
from pycemaker.settings import ROOT, Settings
from pycemaker.telemetry.secret_masker import secret_parts
from pycemaker.window import Window

_SURE_CHARACTERS = 12
"""The shortest part of a secret that no report may contain: a database's password may be a common word."""


def report_collaborators(settings: Settings, run_notebook: RunNotebook) -> Collaborators:
    """The collaborators of each stage under these settings; `run_notebook` brings the kernel.

    Those that write for readers run in `REPORT_LANGUAGE`.
    """
    key, bucket = settings.firebase_key, settings.firebase_bucket
    in_language = language.speaking(settings.report_language)
    return Collaborators(
        run_notebook=run_notebook,
        render_page=in_language(partial(_render_page, settings, _links(settings))),
        store_figures=FirebaseFigures(key, bucket) if key and bucket else None,
        attach=in_language(AttachmentBuilder(partial(_read_metric, settings), settings.timezone, settings.public_url)),
        compose=in_language(
            partial(compose, sender=settings.email_from or OUTBOX_SENDER, sender_name=brand.load().sender)
        ),
        check_message=lambda message, page: message_lint.check(
            message, page.full_html, forbidden_texts(settings), page.cells
        ),
    )


def _render_page(
    settings: Settings, links: Mapping[str, str], executed: Path, request: ReportRequest, notes: Sequence[str]
) -> Page:
    """The page of a run; it says so where samples of the window are made up, whatever the notebook's cells show."""
    with closing(open_database(settings.mongo_db_url, settings.data_dir)) as database:
        demo_until = Store(database).for_application(request.application).sample_history_end()
    return render.render_page(
        *(executed, request.window, request.report_id, notes),
        application=request.application,
        zone=settings.timezone,
        links=links,
        public_url=settings.public_url,
        demo_until_utc=demo_until,
    )


def _read_metric(settings: Settings, metric: Metric, window: Window, application: str) -> MetricPeriod:
    """The samples of an application's metric for attachments, without the earlier days that these do not need."""
    with closing(open_database(settings.mongo_db_url, settings.data_dir)) as database:
        store = Store(database).for_application(application)
        samples = HourSamples(store).read_window(metric, window)
        current, previous = samples.current, samples.previous
        part = MetricPeriod(metric, window, settings.timezone, current, previous, application=application)
        return comparable(part, store.sample_history_end())


def forbidden_texts(settings: Settings) -> message_lint.ForbiddenTexts:
    """Texts that no report may contain: this installation's secrets and folders."""
    paths = [str(path) for path in (ROOT, settings.data_dir, Path.home())]
    candidates = [(part, secret) for secret in settings.secrets for part in secret_parts(secret)]
    sure = [part for part, secret in candidates if part == secret or len(part) >= _SURE_CHARACTERS]
    return message_lint.ForbiddenTexts(sure, paths)


def prepare(collaborators: Collaborators) -> None:
    """Import and compile in advance what slows a first report most. Nothing goes over the network."""
    render.warm()
    if isinstance(collaborators.store_figures, FirebaseFigures):
        collaborators.store_figures.prepare()


def _links(settings: Settings) -> dict[str, str]:
    with language.speaking(settings.report_language):
        links = {_("Abrir o painel"): settings.dashboard_url, _("Abrir o Pycemaker"): settings.public_url}
    return {label: url for label, url in links.items() if url}
