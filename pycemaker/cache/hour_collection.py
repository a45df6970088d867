"""A collection of documents about hours, one a metric and hour of UTC, that are kept for whoever needs them next.

Where nothing can be written (a user who may only read, or a MongoDB that is too slow) nothing is kept from there on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bson.codec_options import CodecOptions
from pymongo import ReplaceOne

from pycemaker.cache.summary_documents import Document, id_of
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

DEFAULT_APPLICATION = ""

RETENTION_DAYS = 90
"""For so long after the time in its `ages_by` MongoDB leaves a document there."""

_MOST_DOCUMENTS = 10_000
_NAIVE: CodecOptions[Document] = CodecOptions(tz_aware=False)  # half the time; none of these dates goes out
_log = logging.getLogger(__name__)


class HourCollection:
    """One such collection. Threads share it.

    Args:
        database: where it is.
        name: the collection's.
        ages_by: the documents' field by which MongoDB removes them.
        application: whose samples.
    """

    def __init__(self, database: Database, name: str, ages_by: str, application: str = DEFAULT_APPLICATION) -> None:
        self._database = database
        self._name = name
        self._ages_by = ages_by
        self.application = application
        self._keeps = True
        self._preparing = threading.Lock()
        self._is_prepared = False

    def find(self, metric: Metric, hours: range) -> list[Document]:
        """The documents of these hours, dates naive; none where the collection cannot be read."""
        with self._or_without():
            collection = self._database[self._name].with_options(_NAIVE)
            return list(collection.find({"_id": self._ids(metric, hours)}, batch_size=_MOST_DOCUMENTS))
        return []

    def write(self, documents: Sequence[Document]) -> None:
        """Keep these, each in place of the one of its hour."""
        writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
        if writes and self._keeps:
            with self._or_without():
                self._prepare()
                self._database[self._name].bulk_write(writes, ordered=False)

    def note(self, metric: Metric, hours: range, fields: Document) -> None:
        """Set these fields of the documents of these hours."""
        if self._keeps:
            with self._or_without():
                self._database[self._name].update_many({"_id": self._ids(metric, hours)}, {"$set": fields})

    def remove(self, metric: Metric, hours: range) -> None:
        """Of hours that have no sample any more."""
        if self._keeps:
            with self._or_without():
                self._database[self._name].delete_many({"_id": self._ids(metric, hours)})

    def _prepare(self) -> None:
        """See to the index by which MongoDB removes what is older than KEPT_DAYS."""
        with self._preparing:
            if not self._is_prepared:
                after = int(timedelta(days=RETENTION_DAYS).total_seconds())
                self._database[self._name].create_index(self._ages_by, expireAfterSeconds=after)
                self._is_prepared = True

    @contextmanager
    def _or_without(self) -> Iterator[None]:
        """What is inside is one exchange; where it fails nothing is kept from here on."""
        try:
            with one_exchange():
                yield
        except DatabaseUnreachable as error:
            self._keeps = False
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
    """UTC, naive, as the documents are read."""
    return datetime.now(UTC).replace(tzinfo=None)
