"""Samples of whole hours kept as columns in MongoDB, for intervals that are too long to read document by document.

A metric's collection is only read. What an hour held is kept in `hour_samples`, a document an hour, whoever read it;
744 hours and as many before them are 1,488 documents of a metric instead of a million. Where nothing can be written
every sample is read.

* **The last day of an interval** (`RECENT_HOURS`) is always read as it stands.
* **Late and deleted samples** of the hours before it are noticed at each use: their count in the index is compared,
  day by day, and hours that differ are read again. A million keys are some 0.2 s of MongoDB's time.
* **Replaced ones**, as many as there were, at once where they are a day or more: the day's last sample is another one.
* **Corrected ones**, which no count tells, within a day where a server runs: hours kept for over a day are read again,
  one at each use, in a pass of it (`hour_keeper`) as many as let all have their turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import groupby

from pycemaker.data.hour_collection import (
    DEFAULT_APPLICATION,
    HourCollection,
    differing,
    interval_of,
    naive_now,
    whole_hours,
)
from pycemaker.data.hour_documents import Document
from pycemaker.data.lags import Stored, join_stored
from pycemaker.data.packed import VERSION, from_documents, hour_of, last_key, to_documents
from pycemaker.data.store import Store, WindowSamples, in_window
from pycemaker.hour_summaries import HOUR_MS
from pycemaker.metrics import Metric
from pycemaker.window import Interval, Window, from_epoch_ms

COLLECTION = "hour_samples"

RECENT_HOURS = 24
SPAN_HOURS = 168
"""Hours that are worked on together: 120,960 samples at 5 s, some 1.5 MB."""

_COUNTED_HOURS = 24
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

    def read(self, metric: Metric, interval: Interval) -> Stored:
        """The samples of an interval that has an end, oldest first.

        Raises:
            DatabaseUnreachable: MongoDB is away, or did not answer in time.
        """
        assert interval.end_utc is not None  # noqa: S101 - an open end has no last day
        hours = whole_hours(Interval(interval.start_utc, interval.end_utc - timedelta(hours=RECENT_HOURS)))
        if not hours:
            return self._store.read_stored(metric, interval)
        start_utc, stop_utc = from_epoch_ms(hours.start * HOUR_MS), from_epoch_ms(hours.stop * HOUR_MS)
        edge = [Interval(interval.start_utc, start_utc)] if interval.start_utc < start_utc else []
        first = [self._store.read_stored(metric, each) for each in edge]
        last = self._store.read_stored(metric, Interval(stop_utc, interval.end_utc))
        return join_stored([*first, *self.spans(metric, hours), last])

    def spans(self, metric: Metric, hours: range, renewed: int = 1) -> Iterator[Stored]:
        """The samples of these hours, oldest first, up to SPAN_HOURS at a time; what was not kept is from then on.

        Args:
            metric: whose.
            hours: hours since 1970.
            renewed: how many hours of each span that were kept over a day ago are read again.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        for start in range(hours.start, hours.stop, SPAN_HOURS):
            yield self._span(metric, range(start, min(start + SPAN_HOURS, hours.stop)), renewed)

    def _span(self, metric: Metric, hours: range, renewed: int) -> Stored:
        found = {hour_of(document): document for document in self._collection.find(metric, hours)}
        kept = {hour: document for hour, document in found.items() if document["version"] == VERSION}
        changed = self._changed(metric, kept, hours)
        for hour in [*changed, *_oldest(kept, renewed)]:
            kept.pop(hour, None)
        parts = []
        for is_kept, run in groupby(hours, kept.__contains__):
            if is_kept:
                parts.append(from_documents([kept[hour] for hour in run]))
            else:
                some = list(run)
                parts.append(self._read_and_keep(metric, range(some[0], some[-1] + 1), changed, found))
        return join_stored(parts)

    def _changed(self, metric: Metric, kept: dict[int, Document], hours: range) -> dict[int, int]:
        """Hours that have more or fewer documents than they had, and how many."""
        known = {hour: document["documents"] for hour, document in kept.items()}
        changed: dict[int, int] = {}
        for start in range(hours.start, hours.stop, _COUNTED_HOURS):
            day = range(start, min(start + _COUNTED_HOURS, hours.stop))
            changed |= differing(partial(self._store.count, metric), known, day) or self._replaced(metric, kept, day)
        return changed

    def _replaced(self, metric: Metric, kept: dict[int, Document], day: range) -> dict[int, int]:
        """The day's hours where its last sample is another one than the last that is kept."""
        hours = [hour for hour in day if hour in kept]
        if not hours:
            return {}
        newest_ms, stored_s = self._store.newest_key(metric, (hours[-1] + 1) * HOUR_MS + 1) or (0, None)
        last_ms, last_s = last_key(kept[hours[-1]])
        is_same = newest_ms == last_ms and (stored_s == last_s or None in (stored_s, last_s))
        return {} if is_same else {hour: kept[hour]["documents"] for hour in hours}

    def _read_and_keep(
        self, metric: Metric, hours: range, counted: dict[int, int], known: dict[int, Document]
    ) -> Stored:
        """The samples of these hours, of which some have so many documents by the index, and some are `known`."""
        samples = self._store.read_stored(metric, interval_of(hours))
        made = to_documents(samples, self._collection.application, metric.id, naive_now())
        for hour, document in made.items():
            document["documents"] = counted.get(hour, document["documents"])
        self._collection.write(list(made.values()))
        for hour in hours:
            if hour in known and hour not in made:
                self._collection.remove(metric, range(hour, hour + 1))
        return samples


def _oldest(kept: dict[int, Document], count: int) -> list[int]:
    """Those that were kept longest ago, over a day ago."""
    before = naive_now() - _A_DAY
    return sorted((hour for hour in kept if kept[hour]["made_at"] < before), key=lambda h: kept[h]["made_at"])[:count]
