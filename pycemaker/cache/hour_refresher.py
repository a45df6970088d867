"""Thread of a server that refreshes the stored hours of the last two months, so that reports find them current."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError

from pycemaker.cache.fleet_hours import UPDATE_HOURS, update_hours
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import RECENT_HOURS, SPAN_HOURS, HourSamples
from pycemaker.cache.stored_hour_summaries import COLLECTION, RefreshBudget, SummaryStore
from pycemaker.cache.stored_hours import whole_hours
from pycemaker.errors import PycemakerError
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.series.period import HISTORY_DAYS
from pycemaker.window import Interval

PASS_SECONDS = 1800.0
FIRST_SECONDS = 30.0  # The seconds between passes, and from a server's start to its first one
SUMMARY_DAYS = HISTORY_DAYS + 31
"""The days of summaries that a report of a month until now reads: the history before it, and the month itself."""

PASS_BUDGET = RefreshBudget(
    seconds=30.0, days_compared=SUMMARY_DAYS, hours_recomputed=SUMMARY_DAYS * 24 // 48 + 1, recheck_seconds=0
)
"""A pass's work on one metric: all days are compared, and a day's 48 passes compute all hours again."""

SAMPLE_DAYS = 62
"""The days of samples that a report of a month reads: the month and the previous one."""

_SPAN_REREAD = SPAN_HOURS // 48 + 1
_PASS_ID = {"application": DEFAULT_APPLICATION, "metric": "", "hour": None}
_log = logging.getLogger(__name__)


class SummaryRefresher:
    """Thread that computes and compares stored hours, in one server at a time."""

    def __init__(self, store: Store, first_seconds: float = FIRST_SECONDS) -> None:
        self._store = store
        self._first_seconds = first_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hours")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait until it is done with its metric."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait_seconds = self._first_seconds
        while not self._stopping.wait(wait_seconds):
            wait_seconds = PASS_SECONDS
            try:
                if claim_pass(self._store.database, PASS_SECONDS):
                    self._refresh()
            except PycemakerError as error:
                _log.warning("hours not brought up to date: %s", error)
            except Exception:  # noqa: BLE001 - a document that is none of ours must not end this thread for good
                _log.exception("hours not brought up to date")

    def _refresh(self) -> None:
        summaries, samples, end_utc = SummaryStore(self._store), HourSamples(self._store), datetime.now(UTC)
        for metric in METRICS:
            if self._stopping.is_set():
                return
            summaries.read(metric, Interval(end_utc - timedelta(days=SUMMARY_DAYS), end_utc), PASS_BUDGET)
            self._refresh_samples(samples, metric, end_utc)
        if self._store.reader.applications.indexes.has_applications:
            update_hours(self._store.database, end_utc, UPDATE_HOURS)

    def _refresh_samples(self, samples: HourSamples, metric: Metric, end_utc: datetime) -> None:
        """Read and store one metric's hours until the pass's seconds are over; later passes do the rest."""
        if not self._store.reader.has_pages(metric):
            return
        until = time.monotonic() + PASS_BUDGET.seconds
        days, recent = timedelta(days=SAMPLE_DAYS), timedelta(hours=RECENT_HOURS)
        for _span in samples.spans(metric, whole_hours(Interval(end_utc - days, end_utc - recent)), _SPAN_REREAD):
            if self._stopping.is_set() or time.monotonic() >= until:
                return


def claim_pass(database: Database, pass_seconds: float) -> bool:
    """Claim the next pass; False where a server has begun one within nine tenths of `pass_seconds`.

    Raises:
        DatabaseUnreachable: MongoDB is away, or this user may not write.
    """
    now = datetime.now(UTC)
    is_due = {"_id": _PASS_ID, "passed_at": {"$lt": now - timedelta(seconds=pass_seconds * 0.9)}}
    with one_exchange():
        try:
            database[COLLECTION].update_one(is_due, {"$set": {"passed_at": now}}, upsert=True)
        except DuplicateKeyError:
            return False
    return True
