"""Samples of whole hours, stored as columns in MongoDB for intervals that are too long to read document by document.

A metric's collection is only read. The collection `hour_samples` has a document for each hour that a report or a server
has read: 1,488 documents for 744 hours and as many before them, instead of a million. Where it cannot be written every
sample is read.

* **The last day of an interval** (`RECENT_HOURS`) is always read from the metric's collection.
* **Late, deleted and replaced samples** of earlier hours are noticed at each use: the index's count of each hour and
  its last sample are compared with the document, and hours that differ are read again. For a million keys MongoDB takes
  0.3 s. Where the index cannot be counted (a view, lists of times) every sample is read.
* **Corrected samples** leave the count as it is. Hours stored over a day ago are read again: one at each use, and in
  each pass of a server (`hour_refresher`) enough to have read all of them within a day.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from pycemaker.cache.hour_sample_documents import from_documents, hour_of, is_valid, is_whole, to_documents
from pycemaker.cache.hour_summary_documents import Document
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hours import HourCollection, interval_of, naive_now, whole_hours
from pycemaker.cache.window_samples import WindowSamples, in_window
from pycemaker.columnar.ingestion_delay import StoredSamples, join_stored
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import Interval, Window, from_epoch_ms

COLLECTION = "hour_samples"

RECENT_HOURS = 24
SPAN_HOURS = 168  # Hours that are read together: 120,960 samples at 5 s, some 1.5 MB

_log = logging.getLogger(__name__)
_A_DAY = timedelta(days=1)


class HourSamples:
    """Reads one database's samples, whole hours of them from `hour_samples`. Threads share it.

    Args:
        store: one application's samples.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._collection = HourCollection(store.database, COLLECTION, "made_at", store.application)

    def read_window(self, metric: Metric, window: Window) -> WindowSamples:
        """The same samples as `Store.read_window`. Raises DatabaseUnreachable, as it does."""
        return in_window(self.read(metric, Interval(window.previous_start_utc, window.end_utc)), window)

    def read(self, metric: Metric, interval: Interval) -> StoredSamples:
        """The samples of an interval that has an end, oldest first.

        Raises:
            DatabaseUnreachable: MongoDB is away, or did not answer in time.
        """
        assert interval.end_utc is not None  # noqa: S101 - an open end has no last day
        hours = whole_hours(Interval(interval.start_utc, interval.end_utc - timedelta(hours=RECENT_HOURS)))
        if not hours or not self._store.reader.has_pages(metric):
            return self._store.read_stored(metric, interval)
        start_utc, stop_utc = from_epoch_ms(hours.start * HOUR_MS), from_epoch_ms(hours.stop * HOUR_MS)
        edge = [Interval(interval.start_utc, start_utc)] if interval.start_utc < start_utc else []
        first = [self._store.read_stored(metric, each) for each in edge]
        last = self._store.read_stored(metric, Interval(stop_utc, interval.end_utc))
        return join_stored([*first, *self.spans(metric, hours), last])

    def spans(self, metric: Metric, hours: range, reread: int = 1) -> Iterator[StoredSamples]:
        """The samples of these hours, oldest first, up to SPAN_HOURS at a time; hours without a document get one.

        Call it only where `Reader.has_pages`.

        Args:
            reread: the number of hours of each span, stored over a day ago, that are read again.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        for start in range(hours.start, hours.stop, SPAN_HOURS):
            yield self._span(metric, range(start, min(start + SPAN_HOURS, hours.stop)), reread)

    def _span(self, metric: Metric, hours: range, reread: int) -> StoredSamples:
        whole = filter(is_whole, self._collection.find(metric, hours))
        documents = {hour_of(document): document for document in whole}
        valid, empty = self._compare(metric, documents)
        for hour in _oldest(valid, reread):
            valid.pop(hour)
        parts = []
        for is_known, run in groupby(hours, lambda hour: hour in valid or hour in empty):
            if is_known:
                parts.append(from_documents([valid[hour] for hour in run if hour in valid]))
            else:
                missing = list(run)
                parts.append(self._read_and_store(metric, range(missing[0], missing[-1] + 1)))
        for hour in empty & documents.keys():
            self._collection.delete(metric, range(hour, hour + 1))
        return join_stored(parts)

    def _compare(self, metric: Metric, documents: dict[int, Document]) -> tuple[dict[int, Document], set[int]]:
        """The documents that agree with the index, and the hours that have no sample."""
        if not documents:
            return {}, set()
        compared = range(min(documents), max(documents) + 1)
        try:
            fingerprints = self._store.reader.hour_fingerprints(metric, compared)
        except DatabaseUnreachable as error:
            _log.warning("hours of %s not compared, and so read: %s", metric.id, error.facts.get("reason"))
            return {}, set()
        valid = {hour: each for hour, each in documents.items() if is_valid(each, fingerprints.get(hour))}
        return valid, set(compared) - fingerprints.keys()

    def _read_and_store(self, metric: Metric, hours: range) -> StoredSamples:
        samples = self._store.read_stored(metric, interval_of(hours))
        documents = to_documents(samples, self._collection.application, metric.id, naive_now())
        self._collection.write(list(documents.values()))
        return samples


def _oldest(documents: dict[int, Document], count: int) -> list[int]:
    """The hours that were stored longest ago, over a day ago."""
    before = naive_now() - _A_DAY
    stored_at = {hour: document["made_at"] for hour, document in documents.items() if document["made_at"] < before}
    return sorted(stored_at, key=stored_at.__getitem__)[:count]
