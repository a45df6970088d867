"""Reads the period that a notebook works on: every metric's samples, those before them, and what there is of history.

It knows nothing of reports, whose libraries take a kernel a second to import.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pycemaker import language
from pycemaker.data.database import Database, open_database
from pycemaker.data.ends import absence
from pycemaker.data.hour_samples import HourSamples
from pycemaker.data.hour_store import HourStore
from pycemaker.data.store import Store
from pycemaker.metrics import METRICS, Metric
from pycemaker.parameters_cell import check_injected
from pycemaker.period import HISTORY_DAYS, MetricPeriod, Period
from pycemaker.settings import Settings, load
from pycemaker.window import Window, days_before, parse_window

_READERS = 3
"""Metrics read at a time: MongoDB works on one while another is taken apart here."""


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
