"""Raw reads of samples: BSON of a stretch of time as MongoDB sends it, bounded by the index.

A stretch is given to MongoDB as two ends in that index (`min` and `max`) and not as a filter. Once a document has held
a list of times, which makes the index a multikey one for good, MongoDB bounds a filter on one side only and reads
everything on the other: an hour in the middle of 14 days takes 475 ms then, and 4 ms between two ends.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure

from pycemaker.columnar.default_application import Raw, without_others
from pycemaker.columnar.encode import encode_columns
from pycemaker.columnar.parse import first_key
from pycemaker.columnar.split import Documents, split
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.mongo.database import Database, Document, one_exchange, tracked_exchange
from pycemaker.mongo.document_pages import DocumentPage, fetch_first_page, iterate_pages
from pycemaker.mongo.indexes import APPLICATION_KEY
from pycemaker.mongo.known_applications import Applications
from pycemaker.mongo.sample_bounds import ALL_SAMPLES, SampleBounds
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import to_epoch_ms

BATCH_DOCUMENTS = 10_000
"""Documents a batch: about 1.5 MB on the wire, which bounds what one read holds at a time."""

PAGES_SECONDS = 30.0  # Time for which a collection counts as one that can be read by pages, or not
_PREFETCHED_PAGES = 8
_ATTEMPTS = 2
_NO_SUCH_INDEX = (2, 168, 291)
"""MongoDB's codes where the index that a read names is not there (BadValue, NoQueryExecutionPlans), and where it takes
no ends in an index, as of a time-series collection (InvalidPipelineOperator)."""


@dataclass(frozen=True)
class HourFingerprint:
    """Count and last document of an hour, by the index.

    Attributes:
        hour: hours since 1970.
        stored_s: the second in that document's `_id`, since 1970; None where the `_id` is no ObjectId.
    """

    hour: int
    documents: int
    last_ms: int
    stored_s: int | None


class Reader:
    """Raw reads of one application's samples in one database. Threads share it.

    Args:
        application: whose samples are read; see `for_application`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.application = DEFAULT_APPLICATION
        self.applications = Applications(database)
        self._indexes = self.applications.indexes
        self._pool = ThreadPoolExecutor(_PREFETCHED_PAGES, "page")
        self._pages: dict[tuple[str, bool], tuple[bool, float]] = {}

    def for_application(self, application: str) -> Reader:
        """The reader of another application's samples; all of them share what they know of indexes."""
        reader = copy.copy(self)
        reader.application = application
        return reader

    def bounds(self, metric: Metric) -> SampleBounds:
        """The bounds of the reader's application in the metric's collection.

        While the index that begins with the application is made, the default application's samples are read by the
        other one: nobody waits who did not have to before.

        Raises:
            IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`.
        """
        if self.application:
            return SampleBounds(self.application, True, self._indexes.ensure(metric.collection, key=APPLICATION_KEY))
        if not self._indexes.has_applications:
            return ALL_SAMPLES
        return SampleBounds(is_filtered=True, by_application=self._indexes.has_application_index(metric.collection))

    def prepare(self, metric: Metric) -> None:
        """Make the index that bounds the metric's reads, where it is missing.

        Raises:
            IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`.
        """
        self._indexes.ensure(metric.collection, key=self.bounds(metric).key)

    def read_batches(
        self, metric: Metric, from_ms: int, until_ms: int | None, projection: dict[str, int] | None = None
    ) -> Iterator[bytes]:
        """The documents with from_ms <= time < until_ms, oldest first, as BSON, by a cursor, batch by batch.

        Args:
            from_ms: milliseconds since 1970 in UTC.
            until_ms: likewise; None means without end.

        Raises:
            DatabaseUnreachable: MongoDB is away or did not answer in time.
        """
        stretch = from_ms, until_ms
        cursor, raw = self._open_cursor(metric, stretch, {"projection": projection, "batch_size": BATCH_DOCUMENTS})
        try:
            while raw is not None:
                if own := self._own(raw):
                    yield own
                with tracked_exchange():
                    raw = next(cursor, None)
        finally:
            cursor.close()

    def prefetch(self, metric: Metric, from_ms: int, until_ms: int | None) -> Future[DocumentPage | None]:
        """Begin to fetch the first page of a stretch, for a later `read_ahead`."""
        return self._pool.submit(self._first_page, metric, from_ms, until_ms)

    def read_ahead(
        self,
        metric: Metric,
        from_ms: int,
        until_ms: int | None,
        first_page: Future[DocumentPage | None] | None = None,
        fields: Sequence[str] | None = None,
    ) -> Iterator[bytes | Documents]:
        """The same documents, the next page of them on its way while this one is worked on (see `document_pages`).

        Where the index cannot bound a page, or reads may go to different servers, it is as `read_batches`.

        Args:
            first_page: as `prefetch` gave it.
            fields: those that are read, beside the ones by which pages follow one another; None means all.
        """
        projection = None if fields is None else dict.fromkeys(("_id", "time_series", FIELD, *fields), 1)
        page = first_page.result() if first_page else self._first_page(metric, from_ms, until_ms, projection)
        if page is None:
            yield from self.read_batches(metric, from_ms, until_ms, projection)
        else:
            for documents in iterate_pages(page, self._pool):
                yield self._own(documents)

    def _own(self, documents: Raw) -> Raw:
        """The documents without other applications', which only a read without a filter meets; such are noted."""
        own = documents if self.application else without_others(documents)
        if own is not documents:
            self._indexes.note_applications()
        return own

    def _first_page(
        self, metric: Metric, from_ms: int, until_ms: int | None, projection: dict[str, int] | None = None
    ) -> DocumentPage | None:
        """The first page of a stretch; None where it cannot be read by pages, or the index is gone."""
        if not self.has_pages(metric):
            return None
        bounds = self.bounds(metric)
        ends, key = bounds.between_keys(from_ms, until_ms), dict(bounds.key)
        command = {"find": metric.collection, "filter": ends["filter"], "max": ends["max"], "hint": key, "sort": key}
        if projection is not None:
            command["projection"] = projection
        try:
            return fetch_first_page(self.database, command, first_key(from_ms, bounds.prefix), bounds.prefix)
        except DatabaseUnreachable as error:
            if getattr(error.__cause__, "code", None) not in _NO_SUCH_INDEX:
                raise
            self._pages.pop((metric.collection, bounds.by_application), None)
            return None

    def has_pages(self, metric: Metric) -> bool:
        """True where MongoDB can take a page straight from the index; asked anew after PAGES_SECONDS.

        Not of a view, nor where documents hold lists of times. Raises as `read_batches`.
        """
        bounds = self.bounds(metric)
        known = self._pages.get((metric.collection, bounds.by_application))
        if known is not None and known[1] > time.monotonic():
            return known[0]
        has_index = self._indexes.ensure(metric.collection, key=bounds.key)
        is_primary = self.database.handle.read_preference == ReadPreference.PRIMARY
        has_pages = has_index and is_primary and not self._is_multikey(metric, bounds)
        self._pages[metric.collection, bounds.by_application] = has_pages, time.monotonic() + PAGES_SECONDS
        return has_pages

    def newest_ms(self, metric: Metric, until_ms: int | None = None) -> int | None:
        """The time of the metric's newest sample, milliseconds since 1970 in UTC; None where there is no sample.

        Args:
            until_ms: only samples before that instant; None means all.

        Raises:
            DatabaseUnreachable: as `read_batches`.
        """
        self.prepare(metric)
        bounds = self.bounds(metric)
        bound = {} if until_ms is None else {"$lt": DatetimeMS(until_ms)}
        dated = {"time_series": {"$type": "date", "$not": {"$type": "array"}, **bound}}
        order = bounds.latest_first if bounds.by_application else {"time_series": -1}
        with one_exchange():
            newest: Any = next(
                self.database[metric.collection].find_raw_batches(
                    bounds.own | dated, {"_id": 0, "time_series": 1}, sort=order, limit=1
                ),
                b"",
            )
        return int(encode_columns(newest, metric).time_ms[0]) if newest else None

    def count(self, metric: Metric, from_ms: int, until_ms: int) -> int:
        """The number of documents with from_ms <= time < until_ms, by the index. Raises as `read_batches`."""
        if not self.has_pages(metric):  # a filter may have to look at every document, two ends in the index do not
            raws = self.read_batches(metric, from_ms, until_ms, {"_id": 1, "time_series": 1})
            return sum(len(split(raw)) for raw in raws)
        with one_exchange():
            return self.database[metric.collection].count_documents(self.bounds(metric).between(from_ms, until_ms))

    def hour_fingerprints(self, metric: Metric, hours: range) -> dict[int, HourFingerprint]:
        """The fingerprint of each of these hours, by the index alone; in one exchange.

        Hours without a document are left out. Ask only where `has_pages`.

        Args:
            hours: hours since 1970; a sample at `t` is in the hour `(t - 1) // HOUR_MS`.

        Raises:
            DatabaseUnreachable: as `read_batches`.
        """
        bounds = self.bounds(metric)
        first, *others = (pipeline for hour in hours for pipeline in _fingerprint_pipelines(hour, bounds))
        united = [{"$unionWith": {"coll": metric.collection, "pipeline": pipeline}} for pipeline in others]
        with one_exchange():
            rows = list(self.database[metric.collection].aggregate([*first, *united], batchSize=2 * len(hours)))
        counts = {row["_id"]: row["count"] for row in rows if "count" in row}
        fingerprints = [_fingerprint_of(row, counts) for row in rows if "time_series" in row]
        return {fingerprint.hour: fingerprint for fingerprint in fingerprints}

    def has_more_than(self, count: int, metric: Metric, from_ms: int) -> bool:
        """True where there are more than so many samples from that instant on. Raises as `read_batches`."""
        later = self.bounds(metric).between(from_ms, None)
        with one_exchange():
            return self.database[metric.collection].count_documents(later, limit=count + 1) > count

    def _open_cursor(
        self, metric: Metric, stretch: tuple[int, int | None], options: Document, attempts: int = _ATTEMPTS
    ) -> tuple[Any, Any]:
        """A cursor and its first batch; asked for once more where the connection turns out to be an old one.

        Where somebody dropped the index, or the collection, it is made again; where it still cannot be named (it is
        hidden, or there are several), the stretch is a filter.
        """
        bounds = self.bounds(metric)
        names_index = self._indexes.ensure(metric.collection, key=bounds.key) and attempts > 0
        ends = bounds.between_keys(*stretch) if names_index else {"filter": bounds.between(*stretch)}
        cursor: Any = self.database.find_raw_batches(metric.collection, **ends, **options, sort=bounds.key)
        with tracked_exchange():
            try:
                return cursor, next(cursor, None)
            except NetworkTimeout:
                raise
            except AutoReconnect:
                if attempts < _ATTEMPTS:
                    raise
            except OperationFailure as error:
                if not names_index or error.code not in _NO_SUCH_INDEX:
                    raise
                self._indexes.forget(metric.collection, bounds.key)
        return self._open_cursor(metric, stretch, options, attempts - 1)

    def _is_multikey(self, metric: Metric, bounds: SampleBounds) -> bool:
        """True where a document holds, or held, a list of times: the index then bounds a filter on one side only."""
        with one_exchange():
            plan = self.database[metric.collection].find(bounds.filter, sort=bounds.key, limit=1).explain()
        return "'isMultiKey': True" in str(plan.get("queryPlanner"))


def _fingerprint_pipelines(hour: int, bounds: SampleBounds) -> tuple[list[Document], list[Document]]:
    """The pipelines that count an hour's documents and that find its last."""
    inside: Document = {"$match": bounds.between(hour * HOUR_MS + 1, (hour + 1) * HOUR_MS + 1)}
    latest: list[Document] = [{"$sort": bounds.latest_first}, {"$limit": 1}, {"$project": {"time_series": 1}}]
    return [inside, {"$group": {"_id": hour, "count": {"$sum": 1}}}], [inside, *latest]


def _fingerprint_of(row: Document, counts: dict[int, int]) -> HourFingerprint:
    time_ms, key = to_epoch_ms(row["time_series"]), row["_id"]
    hour = (time_ms - 1) // HOUR_MS
    stored_s = int(key.generation_time.timestamp()) if isinstance(key, ObjectId) else None
    return HourFingerprint(hour, counts.get(hour, 0), time_ms, stored_s)
