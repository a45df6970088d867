"""Store of samples: bounded reads of columns and JSON rows, out of memory where that is valid, else out of MongoDB."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pycemaker.cache.cache_memory import LruUsage
from pycemaker.cache.hour_cache import TooDenseError
from pycemaker.cache.metric_cache import MetricCache
from pycemaker.cache.metric_caches import MetricCaches
from pycemaker.cache.new_samples import read_newest_ms
from pycemaker.cache.snapshot import Snapshot
from pycemaker.cache.window_samples import WindowSamples, in_window
from pycemaker.columnar.encode import encode_batch, encode_columns
from pycemaker.columnar.ingestion_delay import StoredSamples, join_stored, stored_seconds
from pycemaker.columnar.split import split
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.reader import BATCH_DOCUMENTS, Reader
from pycemaker.series.batches import Batch, Columns, join_columns, no_columns
from pycemaker.window import Interval, Window, from_epoch_ms, since, to_epoch_ms

_MILLISECOND = timedelta(milliseconds=1)
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)  # The last year that a text of ISO 8601 has

SAMPLE_COLLECTION = "pycemaker_sample"
"""Collection that declares demo data: a document an application (`history_id`) with `start`, `end` and `state`."""

__all__ = ["BATCH_DOCUMENTS", "END_OF_TIME", "SAMPLE_COLLECTION", "SampleRead", "Store"]


@dataclass(frozen=True)
class SampleRead:
    """A read that has begun: its documents come as they are taken.

    Attributes:
        fits_cache: whether all of them are in memory, so that taking them does not wait for MongoDB.
        is_valid: whether the same read would give the same documents; False where only MongoDB knows.
        newest_ms: gives the time of the metric's newest sample, within the interval or not, milliseconds since 1970 in
            UTC; None where there is none.
        buffer_limit_bytes: how much is taken of one that fits before it counts as longer than it seemed.
    """

    batches: Iterator[Batch]
    fits_cache: bool
    is_valid: Callable[[], bool]
    newest_ms: Callable[[], int | None]
    buffer_limit_bytes: float = 0.0


class Store:
    """Reads of one application's samples in one database. Threads share it.

    Args:
        cache_bytes: how much memory recent time may take, of all applications together; 0 for none. An eighth is left
            to the cache of responses.
    """

    def __init__(self, database: Database, cache_bytes: int = 0) -> None:
        self.database = database
        self.reader = Reader(database)
        self.cache_bytes, self.response_cache_bytes = cache_bytes, cache_bytes // 8
        self._metric_caches = MetricCaches(7 * self.response_cache_bytes)

    def for_application(self, application: str) -> Store:
        """The reads of another application's samples, out of the same memory.

        Raises:
            UnknownApplication: no sample names it; IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`.
        """
        if application == self.application:
            return self  # every poll of the default application comes this way
        store = copy.copy(self)
        store.reader = self.reader.for_application(self.reader.applications.check(application))
        return store

    @property
    def application(self) -> str:
        """Whose samples it reads; the empty text is the default application."""
        return self.reader.application

    def prepare_all(self, wait_seconds: float) -> bool:
        """Make the indexes that bound the metrics' reads, where they are missing; whether all have theirs.

        Raises:
            IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`, after `wait_seconds` in all.
        """
        return self.reader.applications.indexes.ensure(
            *(each.collection for each in METRICS), wait_seconds=wait_seconds
        )

    @property
    def cache_usage(self) -> LruUsage:
        """The usage of the memory for recent time."""
        return self._metric_caches.lru.usage

    @property
    def caches_count(self) -> int:
        """The number of metrics, of all applications together, whose recent time is in memory."""
        return len(self._metric_caches)

    def ping(self) -> None:
        """Ask MongoDB whether it is there. Raises DatabaseUnreachable: it is away or did not answer in time."""
        with one_exchange():
            self.database.handle.command("ping")

    def read(self, metric: Metric, interval: Interval) -> Iterator[Batch]:
        """The interval's documents, oldest first, in batches; none where there is no document.

        Raises:
            DatabaseUnreachable: while reading, MongoDB was away or did not answer in time.
        """
        return self.start_read(metric, interval).batches

    def start_read(self, metric: Metric, interval: Interval) -> SampleRead:
        """Begin to read the interval's documents. Raises DatabaseUnreachable: as `read`."""
        from_ms, until_ms = _bounds(interval)
        metric_cache = self._metric_caches.get(self.reader, metric)
        snapshot = metric_cache.refresh() if metric_cache and not metric_cache.is_dense else None
        if metric_cache is None or snapshot is None or metric_cache.is_dense:
            uncached = self._read_uncached(metric, from_ms, until_ms)
            return SampleRead(uncached, False, lambda: False, lambda: read_newest_ms(self.reader, metric))
        version = snapshot.version(until_ms)
        cacheable_from_ms = metric_cache.cacheable_from_ms(snapshot, from_ms, until_ms)
        return SampleRead(
            self._read_cached(metric, metric_cache, snapshot, (from_ms, cacheable_from_ms, until_ms)),
            cacheable_from_ms == from_ms,
            lambda: metric_cache.is_fresh() and metric_cache.snapshot.version(until_ms) == version,
            lambda: metric_cache.snapshot.newest_ms,
            metric_cache.answer_limit_bytes,
        )

    def newest_sample(self, metric: Metric) -> Columns:
        """The metric's newest sample, but for a few that are dated ahead of the present; empty where there is none.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        newest_ms = self.start_read(metric, since(END_OF_TIME)).newest_ms()
        if newest_ms is None:
            return no_columns()
        newest = from_epoch_ms(newest_ms)
        columns = join_columns(batch.columns for batch in self.read(metric, Interval(newest - _MILLISECOND, newest)))
        return columns.part(max(0, len(columns) - 1), len(columns))

    def read_columns(self, metric: Metric, interval: Interval) -> Columns:
        """The interval's samples without their documents, oldest first. Raises DatabaseUnreachable: as `read`."""
        return join_columns(self.columns_by_page(metric, interval))

    def columns_by_page(self, metric: Metric, interval: Interval) -> Iterator[Columns]:
        """The same, a page of documents at a time; raises while it is taken."""
        raws = self.reader.read_ahead(metric, *_bounds(interval), fields=("criticity", *metric.fields))
        return (encode_columns(raw, metric) for raw in raws)

    def read_stored(self, metric: Metric, interval: Interval) -> StoredSamples:
        """The same, and when each was stored. Raises DatabaseUnreachable: as `read`."""
        parts = list[StoredSamples]()
        for raw in self.reader.read_ahead(metric, *_bounds(interval), fields=("criticity", *metric.fields)):
            documents = split(raw)
            columns = encode_columns(documents, metric)
            parts.append(StoredSamples(columns, stored_seconds(documents) if len(columns) == len(documents) else None))
        return join_stored(parts)

    def read_window(self, metric: Metric, window: Window) -> WindowSamples:
        """The samples of both intervals of a window, in one read. Raises DatabaseUnreachable: as `read`."""
        return in_window(self.read_stored(metric, Interval(window.previous_start_utc, window.end_utc)), window)

    def newest(self, metric: Metric) -> datetime | None:
        """The time of the metric's newest sample, aware UTC; None where there is no sample.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        newest_ms = self.reader.newest_ms(metric)
        return None if newest_ms is None else from_epoch_ms(newest_ms)

    def count(self, metric: Metric, interval: Interval) -> int:
        """The number of documents of an interval that has an end, by the index, whatever their times are.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        from_ms, until_ms = _bounds(interval)
        assert until_ms is not None  # noqa: S101 - an open end has no count
        return self.reader.count(metric, from_ms, until_ms)

    def sample_history_end(self) -> datetime | None:
        """The end of the application's demo data, aware UTC; None where it has none.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        with one_exchange():
            history = self.database[SAMPLE_COLLECTION].find_one({"_id": history_id(self.application)})
        return history["end"] if history else None

    def _read_cached(
        self, metric: Metric, metric_cache: MetricCache, snapshot: Snapshot, bounds: tuple[int, int, int | None]
    ) -> Iterator[Batch]:
        from_ms, cacheable_from_ms, until_ms = bounds
        if cacheable_from_ms > from_ms:
            yield from self._read_uncached(metric, from_ms, cacheable_from_ms)
        size_bytes, reached_ms = 0, cacheable_from_ms
        # A slow client would pin all that is read at once of an answer that is too long to cache.
        at_once_bytes = metric_cache.answer_limit_bytes if cacheable_from_ms == from_ms else 0
        try:
            for part in metric_cache.parts(snapshot, cacheable_from_ms, until_ms, at_once_bytes):
                yield part
                size_bytes += part.size_bytes
                reached_ms = int(part.columns.time_ms[-1]) + 1 if len(part) else reached_ms
                if size_bytes > metric_cache.answer_limit_bytes:
                    break
            else:
                return
        except TooDenseError:
            pass  # the rest is read past the memory
        if until_ms is None or reached_ms < until_ms:
            yield from self._read_uncached(metric, reached_ms, until_ms)

    def _read_uncached(self, metric: Metric, from_ms: int, until_ms: int | None) -> Iterator[Batch]:
        encoded = (encode_batch(raw, metric) for raw in self.reader.read_ahead(metric, from_ms, until_ms))
        return (batch for batch in encoded if len(batch))


def history_id(application: str) -> str:
    """The `_id` of the document that declares an application's demo data."""
    return f"history:{application}" if application else "history"


def _bounds(interval: Interval) -> tuple[int, int | None]:
    """The interval's first millisecond, and the first one past it."""
    until_ms = None if interval.end_utc is None else to_epoch_ms(interval.end_utc) + 1
    return to_epoch_ms(interval.start_utc) + 1, until_ms
