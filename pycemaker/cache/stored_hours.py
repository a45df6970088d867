"""MongoDB collections of hour documents: one document a metric and hour of UTC.

After a failed read or write (a user who may only read, or a MongoDB that is too slow) nothing more is written.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bson.codec_options import CodecOptions
from pymongo import ReplaceOne

from pycemaker.cache.hour_summary_documents import Document, id_of
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

RETENTION_DAYS = 90
"""MongoDB removes a document so many days after the date in its collection's `ages_by` field."""

_MOST_DOCUMENTS = 10_000
_NAIVE: CodecOptions[Document] = CodecOptions(tz_aware=False)  # read in half the time; none of these dates goes out
_log = logging.getLogger(__name__)


class HourCollection:
    """One collection of hour documents. Threads share it. `ages_by`: the date field of its TTL index."""

    def __init__(self, database: Database, name: str, ages_by: str, application: str = DEFAULT_APPLICATION) -> None:
        self._database = database
        self._name = name
        self._ages_by = ages_by
        self.application = application
        self._is_writable = True
        self._indexing = threading.Lock()
        self._is_indexed = False

    def find(self, metric: Metric, hours: range) -> list[Document]:
        """The documents of these hours, dates naive; none where the collection cannot be read."""
        with self._disabling_writes():
            collection = self._database[self._name].with_options(_NAIVE)
            return list(collection.find({"_id": self._ids(metric, hours)}, batch_size=_MOST_DOCUMENTS))
        return []

    def write(self, documents: Sequence[Document]) -> None:
        """Insert these documents, or replace those of the same hours."""
        writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
        if writes and self._is_writable:
            with self._disabling_writes():
                self._ensure_index()
                self._database[self._name].bulk_write(writes, ordered=False)

    def set_fields(self, metric: Metric, hours: range, fields: Document) -> None:
        """Set these fields of the documents of these hours."""
        if self._is_writable:
            with self._disabling_writes():
                self._database[self._name].update_many({"_id": self._ids(metric, hours)}, {"$set": fields})

    def delete(self, metric: Metric, hours: range) -> None:
        """Delete the documents of these hours."""
        if self._is_writable:
            with self._disabling_writes():
                self._database[self._name].delete_many({"_id": self._ids(metric, hours)})

    def _ensure_index(self) -> None:
        """Make the TTL index before this process's first write."""
        with self._indexing:
            if not self._is_indexed:
                after = int(timedelta(days=RETENTION_DAYS).total_seconds())
                self._database[self._name].create_index(self._ages_by, expireAfterSeconds=after)
                self._is_indexed = True

    @contextmanager
    def _disabling_writes(self) -> Iterator[None]:
        """Run the block as one exchange with MongoDB; where that fails, end it quietly and write no more."""
        try:
            with one_exchange():
                yield
        except DatabaseUnreachable as error:
            self._is_writable = False
            _log.info("%s are not kept: %s", self._name.replace("_", " "), error.facts.get("reason"))

    def _ids(self, metric: Metric, hours: range) -> Document:
        start, stop = (id_of(self.application, metric.id, hour) for hour in (hours.start, hours.stop))
        return {"$gte": start, "$lt": stop}


def whole_hours(interval: Interval) -> range:
    """The whole UTC hours within an interval that has an end, hours since 1970."""
    assert interval.end_utc is not None  # noqa: S101 - an open end is in no hour
    return range(-(-to_epoch_ms(interval.start_utc) // HOUR_MS), to_epoch_ms(interval.end_utc) // HOUR_MS)


def interval_of(hours: range) -> Interval:
    """The interval that these hours make up."""
    return Interval(from_epoch_ms(hours.start * HOUR_MS), from_epoch_ms(hours.stop * HOUR_MS))


def naive_now() -> datetime:
    """The present in UTC, naive as the dates of documents that `HourCollection.find` returns."""
    return datetime.now(UTC).replace(tzinfo=None)
