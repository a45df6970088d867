"""Bounded reads of samples: documents in, batches of columns and encoded rows out, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from pycemaker.data.database import Database, Document, one_exchange
from pycemaker.data.encode import encode_batch, encode_columns
from pycemaker.data.indexes import KEY, Indexes
from pycemaker.data.lags import lags_seconds
from pycemaker.metrics import Metric
from pycemaker.period import Arrivals
from pycemaker.samples import Batch, Columns, join_columns, no_columns
from pycemaker.window import Interval

BATCH_DOCUMENTS = 10_000
"""Documents a batch: about 1.5 MB on the wire, which bounds what one read holds at a time."""

UNPUNCTUAL_SECONDS = 60
"""A sample stored later than this after the time it carries is late; collectors store every 5 s."""

SAMPLE_COLLECTION = "pycemaker_sample"
"""Where a made-up history is declared: one document, `_id` "history", with `start`, `end` and `state`."""


class Store:
    """Reads of one database. Threads share it.

    Args:
        database: where the samples are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._indexes = Indexes(database)

    def prepare(self, metric: Metric) -> None:
        """See to the index that bounds the metric's reads.

        Raises:
            IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`.
        """
        self._indexes.ensure(metric.collection)

    def read(self, metric: Metric, interval: Interval) -> Iterator[Batch]:
        """The interval's documents, oldest first, in batches; none where there is no document.

        Raises:
            DatabaseUnreachable: while reading, MongoDB was away or did not answer in time.
        """
        for raw in self._batches(metric, _within(interval), projection=None):
            yield encode_batch(raw, metric)

    def read_columns(self, metric: Metric, interval: Interval) -> Columns:
        """The interval's samples without their documents, oldest first.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        batches = self._batches(metric, _within(interval), _projection(metric))
        return join_columns(encode_columns(raw, metric) for raw in batches)

    def read_slices(self, metric: Metric, intervals: Sequence[Interval]) -> Columns:
        """The samples of several short intervals without their documents, oldest first, in one exchange or few.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        if not intervals:
            return no_columns()
        anywhere = {"$or": [_within(interval) for interval in intervals]}
        batches = self._batches(metric, anywhere, _projection(metric))
        return join_columns(encode_columns(raw, metric) for raw in batches)

    def read_arrivals(self, metric: Metric, interval: Interval) -> Arrivals | None:
        """When the interval's samples were stored against their times; None where an `_id` is no ObjectId.

        The index alone answers this: no document is fetched.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        late = ahead = 0
        for raw in self._batches(metric, _within(interval), {"_id": 1, "time_series": 1}):
            lags = lags_seconds(raw)
            if lags is None:
                return None
            late += int((lags > UNPUNCTUAL_SECONDS).sum())
            ahead += int((lags < -UNPUNCTUAL_SECONDS).sum())
        return Arrivals(late, ahead)

    def newest(self, metric: Metric) -> datetime | None:
        """When the metric's newest sample was taken, aware UTC; None where there is no sample.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        self.prepare(metric)
        with one_exchange():
            found = self._database[metric.collection].find_one(
                {"time_series": {"$type": "date"}}, {"time_series": 1}, sort=[("time_series", DESCENDING)]
            )
        return found["time_series"] if found else None

    def sample_history_end(self) -> datetime | None:
        """Where the made-up history ends, aware UTC; None where there is none in this database.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        with one_exchange():
            found = self._database[SAMPLE_COLLECTION].find_one({"_id": "history"})
        return found["end"] if found else None

    def _batches(self, metric: Metric, wanted: Document, projection: dict[str, int] | None) -> Iterator[bytes]:
        self.prepare(metric)
        with one_exchange():
            cursor = self._database[metric.collection].find_raw_batches(
                wanted, projection, sort=KEY, batch_size=BATCH_DOCUMENTS
            )
        try:
            while True:
                with one_exchange():
                    raw: Any = next(cursor, None)  # bytes, which PyMongo's types do not say
                if raw is None:
                    return
                if raw:
                    yield raw
        finally:
            cursor.close()


def _projection(metric: Metric) -> dict[str, int]:
    return {"_id": 0, "time_series": 1, "criticity": 1, **dict.fromkeys(metric.fields, 1)}


def _within(interval: Interval) -> Document:
    bounds: dict[str, Any] = {"$gt": interval.start_utc}
    if interval.end_utc is not None:
        bounds["$lte"] = interval.end_utc
    return {"time_series": bounds}
