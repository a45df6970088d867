"""Builds the real collaborators out of `Settings`."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from pycemaker import brand, language
from pycemaker.data.database import Database, open_database
from pycemaker.data.ends import absence
from pycemaker.data.hour_samples import HourSamples
from pycemaker.data.hour_store import HourStore
from pycemaker.data.store import Store
from pycemaker.language import _
from pycemaker.logs import parts
from pycemaker.metrics import METRICS, Metric
from pycemaker.parameters_cell import check_injected
from pycemaker.period import HISTORY_DAYS, MetricPeriod, Period
from pycemaker.report import lint, render
from pycemaker.report.attachments.make import Attacher
from pycemaker.report.mail import OUTBOX_SENDER, compose
from pycemaker.report.pipeline import Collaborators, Page, RunNotebook, StoreFigures
from pycemaker.report.storage import FirebaseFigures
from pycemaker.settings import ROOT, Settings, load
from pycemaker.window import Window, days_before, parse_window

_SURE_CHARACTERS = 12
"""Of a part of a secret that no report tells: a database's password may be a word, which a report may well have."""

_READERS = 3
"""Metrics read at a time: MongoDB works on one while another is taken apart here."""


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


def read_period(date_now: str = "now", time_range: int | str = 6, settings: Settings | None = None) -> Period:
    """Every metric's samples of an interval, and of the one before it. What a notebook starts with.

    From here on this process speaks `REPORT_LANGUAGE`.

    Args:
        date_now: where the interval ends: `dd-mm-yyyy-HH-MM-SS` in `TIMEZONE`, `now`, or ISO 8601 with an offset.
        time_range: its length in whole hours, 1 to `MAX_RANGE_HOURS`.
        settings: this process's own by default.

    Raises:
        InvalidDate, InvalidRange: before anything is read.
        InvalidParameter: papermill put something into this notebook that its parameters cell does not have or take.
        DatabaseUnreachable, DatabaseNotStarted: MongoDB is away, or the embedded one does not start.
        InvalidSettings: see `settings.load`.
    """
    check_injected(_cells_so_far())
    settings = settings or load()
    language.speak(settings.report_language)
    window = parse_window(
        str(date_now),
        str(time_range),
        zone=settings.timezone,
        now_utc=datetime.now(UTC),
        limit=settings.max_range_hours,
    )
    database = open_database(settings.mongo_db_url, settings.data_dir)
    try:
        return _read(database, window, settings)
    finally:
        database.close()


def _cells_so_far() -> list[str]:
    """The sources of the cells that ran in this kernel; none outside of one."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return list(shell.user_ns.get("In", [])) if shell else []


def _read(database: Database, window: Window, settings: Settings) -> Period:
    store = Store(database)
    kept, hours = HourSamples(store), HourStore(store)
    sample_end = store.sample_history_end()
    made_up = sample_end is not None and sample_end > window.previous_start_utc
    has_real_arrivals = sample_end is None or sample_end <= window.start_utc

    def read(metric: Metric) -> MetricPeriod:
        samples = kept.read_window(metric, window)
        return MetricPeriod(
            metric,
            window,
            settings.timezone,
            samples.current,
            samples.previous,
            samples.arrivals if has_real_arrivals else None,
            hours.read(metric, days_before(window, HISTORY_DAYS)),
            None if len(samples.current) else absence(store, metric, window.end_utc),
        )

    with ThreadPoolExecutor(_READERS) as pool:
        parts = list(pool.map(read, METRICS))
    return Period(window, settings.timezone, tuple(parts), sample_end if made_up else None)
