"""Builds the real collaborators out of `Settings`."""

from __future__ import annotations

from email.message import EmailMessage
from functools import partial
from pathlib import Path

from pycemaker import brand, language
from pycemaker.data.database import open_database
from pycemaker.data.hour_samples import HourSamples
from pycemaker.data.store import Store
from pycemaker.language import _
from pycemaker.logs import parts
from pycemaker.metrics import Metric
from pycemaker.period import MetricPeriod
from pycemaker.report import lint, render
from pycemaker.report.attachments.make import Attacher
from pycemaker.report.mail import OUTBOX_SENDER, compose
from pycemaker.report.pipeline import Collaborators, Page, RunNotebook, StoreFigures
from pycemaker.report.storage import FirebaseFigures
from pycemaker.settings import ROOT, Settings
from pycemaker.window import Window

_SURE_CHARACTERS = 12
"""Of a part of a secret that no report tells: a database's password may be a word, which a report may well have."""


def report_collaborators(settings: Settings, run_notebook: RunNotebook) -> Collaborators:
    """Who does each stage of a report under these settings; the notebook's runner is handed in, kernel and all.

    Those who write something for readers speak their language meanwhile.
    """
    in_language = language.speaking(settings.report_language)
    return Collaborators(
        run_notebook=run_notebook,
        render_page=in_language(
            partial(render.render_page, zone=settings.timezone, links=_links(settings), public_url=settings.public_url)
        ),
        store_figures=_figure_storage(settings),
        attach=in_language(Attacher(partial(_read_part, settings), settings.timezone, settings.public_url)),
        compose=in_language(
            partial(compose, sender=settings.email_from or OUTBOX_SENDER, sender_name=brand.load().sender)
        ),
        check_message=partial(_check_message, settings=settings),
    )


def _read_part(settings: Settings, metric: Metric, window: Window) -> MetricPeriod:
    """One metric's samples, for what is attached: no earlier days, which the summary does not compare with."""
    database = open_database(settings.mongo_db_url, settings.data_dir)
    try:
        samples = HourSamples(Store(database)).read_window(metric, window)
        return MetricPeriod(metric, window, settings.timezone, samples.current, samples.previous)
    finally:
        database.close()


def _check_message(message: EmailMessage, page: Page, *, settings: Settings) -> None:
    lint.check(message, page.full_html, withheld(settings), page.cells)


def withheld(settings: Settings) -> lint.Withheld:
    """What no report tells: this installation's secrets and folders."""
    paths = [str(path) for path in (ROOT, settings.data_dir, Path.home())]
    every = [(part, secret) for secret in settings.secrets for part in parts(secret)]
    sure = [part for part, secret in every if part == secret or len(part) >= _SURE_CHARACTERS]
    return lint.Withheld(sure, paths)


def prepare(collaborators: Collaborators) -> None:
    """Import and compile beforehand what a first report takes longest to load. Nothing goes over the network."""
    render.warm()
    if isinstance(collaborators.store_figures, FirebaseFigures):
        collaborators.store_figures.prepare()


def _links(settings: Settings) -> dict[str, str]:
    with language.speaking(settings.report_language):
        found = {_("Abrir o painel"): settings.dashboard_url, _("Abrir o Pycemaker"): settings.public_url}
    return {label: url for label, url in found.items() if url}


def _figure_storage(settings: Settings) -> StoreFigures | None:
    if settings.firebase_key is None or settings.firebase_bucket is None:
        return None
    return FirebaseFigures(settings.firebase_key, settings.firebase_bucket)
