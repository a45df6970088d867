"""Reads a notebook's period: every metric's samples of an interval and the previous one, and their history."""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pycemaker.cache.index_ends import absence
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import HourSamples
from pycemaker.cache.stored_hour_summaries import SummaryStore
from pycemaker.errors import InvalidParameter
from pycemaker.i18n import language
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import open_database
from pycemaker.reports.parameters import APPLICATION
from pycemaker.reports.parameters_cell import check_injected
from pycemaker.series.comparable_samples import one_kind
from pycemaker.series.period import HISTORY_DAYS, MetricPeriod, Period
from pycemaker.settings import Settings, load
from pycemaker.window import Window, checked_window, days_before, parse_calendar_hours

_READERS = 3  # Metrics read at a time: MongoDB reads one while another is decoded in this process


def read_period(
    date_now: str = "now", time_range: float | str = 6, application: str = "", settings: Settings | None = None
) -> Period:
    """Every metric's samples of an interval and of the previous one, of one application. The first call of a notebook.

    It also sets this process's language to `REPORT_LANGUAGE`.

    Args:
        date_now: the interval's end: `dd-mm-yyyy-HH-MM-SS` in `TIMEZONE`, `now`, or ISO 8601 with an offset.
        time_range: its length in hours, up to `MAX_RANGE_HOURS`; a schedule's calendar period may, by a clock change,
            have half an hour, or one hour more.
        application: whose samples; the empty text means those that name no application.
        settings: the environment's by default.

    Raises:
        UnknownApplication: no sample names it; InvalidDate, InvalidRange: a text that is no date or no such range;
            nothing has been read; InvalidParameter: papermill injected a parameter that the parameters cell does not
            declare or allow, or the notebook's `application` is another one; DatabaseUnreachable, DatabaseNotStarted:
            MongoDB is away, or the embedded one does not start; InvalidSettings: see `settings.load`.
    """
    check_injected(list(_notebook_names().get("In", [])))  # the cells that this kernel has executed
    _check_handed_over(application)
    settings = settings or load()
    language.speak(settings.report_language)
    window = read_window(date_now, time_range, settings)
    with closing(open_database(settings.mongo_db_url, settings.data_dir)) as database:
        return _read(Store(database).for_application(application), window, settings)


def read_window(date_now: str, time_range: float | str, settings: Settings) -> Window:
    """The window of a notebook's parameters. Raises InvalidDate, InvalidRange: see `read_period`."""
    hours = parse_calendar_hours(str(time_range), limit=settings.max_range_hours)
    return checked_window(str(date_now), hours, zone=settings.timezone, now_utc=datetime.now(UTC))


def _notebook_names() -> Mapping[str, Any]:
    """The names of the notebook that runs in this kernel; empty outside of a kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell.user_ns if shell else {}


def _check_handed_over(application: str) -> None:
    """Refuse to read one application's samples in a report about another: in a notebook older than the parameter."""
    about = _notebook_names().get(APPLICATION, "")
    if isinstance(about, str) and about not in ("", application):
        raise InvalidParameter(field=APPLICATION, reason=f"it is {about[:64]!r}, and read_period got {application!r}")


def _read(store: Store, window: Window, settings: Settings) -> Period:
    hour_samples, summaries = HourSamples(store), SummaryStore(store)
    sample_end = store.sample_history_end()
    has_demo_data = sample_end is not None and sample_end > window.previous_start_utc
    has_real_arrivals = sample_end is None or sample_end <= window.start_utc

    def read(metric: Metric) -> MetricPeriod:
        samples = hour_samples.read_window(metric, window)
        part = MetricPeriod(
            metric,
            window,
            settings.timezone,
            samples.current,
            samples.previous,
            samples.arrivals if has_real_arrivals else None,
            summaries.read(metric, days_before(window, HISTORY_DAYS)),
            None if len(samples.current) else absence(store, metric, window.end_utc),
            store.application,
        )
        return one_kind(part, sample_end)

    with ThreadPoolExecutor(_READERS) as pool:
        parts = list(pool.map(read, METRICS))
    return Period(window, settings.timezone, tuple(parts), sample_end if has_demo_data else None, store.application)
