"""Samples of whole hours kept as columns in MongoDB, for intervals that are too long to read document by document.

A metric's collection is only read. What an hour held is kept in `hour_samples`, a document an hour, whoever read it;
744 hours and as many before them are 1,488 documents of a metric instead of a million. Where nothing can be written
every sample is read.

* **The last day of an interval** (`RECENT_HOURS`) is always read as it stands.
* **Late, deleted and replaced samples** of the hours before it are noticed at each use: each hour's count in the index
  and its last sample are compared, and hours that differ are read again. A million keys are some 0.3 s of MongoDB's
  time. Where the index cannot be counted (a view, lists of times) every sample is read.
* **Corrected ones**, which no count tells, within a day where a server runs: hours kept for over a day are read again,
  one at each use, in a pass of it (`hour_keeper`) as many as let all have their turn.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from pycemaker.cache.hour_collection import DEFAULT_APPLICATION, HourCollection, interval_of, naive_now, whole_hours
from pycemaker.cache.packed_hours import VERSION, from_documents, hour_of, is_valid, to_documents
from pycemaker.cache.store import Store, WindowSamples, in_window
from pycemaker.cache.summary_documents import Document
from pycemaker.columnar.ingestion_delay import StoredSamples, join_stored
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import Interval, Window, from_epoch_ms

COLLECTION = "hour_samples"

RECENT_HOURS = 24
SPAN_HOURS = 168
"""Hours that are worked on together: 120,960 samples at 5 s, some 1.5 MB."""

_log = logging.getLogger(__name__)
_A_DAY = timedelta(days=1)


class HourSamples:
    """The samples of one database, whole hours of them out of what is kept. Threads share it.

    Args:
        store: where the samples are.
        application: whose samples.
    """

    def __init__(self, store: Store, application: str = DEFAULT_APPLICATION) -> None:
        self._store = store
        self._collection = HourCollection(store.database, COLLECTION, "made_at", application)

    def read_window(self, metric: Metric, window: Window) -> WindowSamples:
        """What `Store.read_window` gives. Raises DatabaseUnreachable, as it does."""
        return in_window(self.read(metric, Interval(window.previous_start_utc, window.end_utc)), window)

    def read(self, metric: Metric, interval: Interval) -> StoredSamples:
        """The samples of an interval that has an end, oldest first.

        Raises:
            DatabaseUnreachable: MongoDB is away, or did not answer in time.
        """
        assert interval.end_utc is not None  # noqa: S101 - an open end has no last day
        hours = whole_hours(Interval(interval.start_utc, interval.end_utc - timedelta(hours=RECENT_HOURS)))
        if not hours or not self._store.counts_by_index(metric):
            return self._store.read_stored(metric, interval)
        start_utc, stop_utc = from_epoch_ms(hours.start * HOUR_MS), from_epoch_ms(hours.stop * HOUR_MS)
        edge = [Interval(interval.start_utc, start_utc)] if interval.start_utc < start_utc else []
        first = [self._store.read_stored(metric, each) for each in edge]
        last = self._store.read_stored(metric, Interval(stop_utc, interval.end_utc))
        return join_stored([*first, *self.spans(metric, hours), last])

    def spans(self, metric: Metric, hours: range, renewed: int = 1) -> Iterator[StoredSamples]:
        """The samples of these hours, oldest first, up to SPAN_HOURS at a time; what was not kept is from then on.

        Only where `Store.counts_by_index`.

        Args:
            metric: whose.
            hours: hours since 1970.
            renewed: how many hours of each span that were kept over a day ago are read again.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        for start in range(hours.start, hours.stop, SPAN_HOURS):
            yield self._span(metric, range(start, min(start + SPAN_HOURS, hours.stop)), renewed)

    def _span(self, metric: Metric, hours: range, renewed: int) -> StoredSamples:
        found = {hour_of(document): document for document in self._collection.find(metric, hours)}
        kept, empty = self._true(metric, {h: d for h, d in found.items() if d["version"] == VERSION})
        for hour in _oldest(kept, renewed):
            kept.pop(hour)
        parts = []
        for is_known, run in groupby(hours, lambda hour: hour in kept or hour in empty):
            if is_known:
                parts.append(from_documents([kept[hour] for hour in run if hour in kept]))
            else:
                some = list(run)
                parts.append(self._read_and_keep(metric, range(some[0], some[-1] + 1)))
        for hour in empty & found.keys():
            self._collection.remove(metric, range(hour, hour + 1))
        return join_stored(parts)

    def _true(self, metric: Metric, known: dict[int, Document]) -> tuple[dict[int, Document], set[int]]:
        """Those that hold what is there, and hours in which nothing is."""
        if not known:
            return {}, set()
        looked_at = range(min(known), max(known) + 1)
        try:
            ends = self._store.hour_fingerprints(metric, looked_at)
        except DatabaseUnreachable as error:
            _log.warning("hours of %s not compared, and so read: %s", metric.id, error.facts.get("reason"))
            return {}, set()
        kept = {hour: document for hour, document in known.items() if is_valid(document, ends.get(hour))}
        return kept, set(looked_at) - ends.keys()

    def _read_and_keep(self, metric: Metric, hours: range) -> StoredSamples:
        samples = self._store.read_stored(metric, interval_of(hours))
        documents = to_documents(samples, self._collection.application, metric.id, naive_now())
        self._collection.write(list(documents.values()))
        return samples


def _oldest(kept: dict[int, Document], count: int) -> list[int]:
    """Those that were kept longest ago, over a day ago."""
    before = naive_now() - _A_DAY
    return sorted((hour for hour in kept if kept[hour]["made_at"] < before), key=lambda h: kept[h]["made_at"])[:count]
