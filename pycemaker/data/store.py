"""Bounded reads of samples: batches of columns and encoded rows, out of memory where that is sure to be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pycemaker.data.blocks import Blocks, Use
from pycemaker.data.database import Database, one_exchange
from pycemaker.data.encode import encode_batch, encode_columns
from pycemaker.data.gather import split
from pycemaker.data.hours import TooDenseError
from pycemaker.data.known import State
from pycemaker.data.lags import Stored, join_stored, made_seconds
from pycemaker.data.reader import BATCH_DOCUMENTS, HourEnd, Reader
from pycemaker.data.rights import Rights, look_at_rights
from pycemaker.data.shelf import Shelf
from pycemaker.data.single_flight import SingleFlight
from pycemaker.data.watch import watch
from pycemaker.metrics import METRICS, Metric
from pycemaker.period import Arrivals
from pycemaker.samples import Batch, Columns, join_columns
from pycemaker.window import Interval, Window, from_epoch_ms, to_epoch_ms

UNPUNCTUAL_SECONDS = 60
"""A sample stored later than this after the time it carries is late; collectors store every 5 s."""

_AGREEING_SHARE = 0.9

SAMPLE_COLLECTION = "pycemaker_sample"
"""Where a made-up history is declared: one document, `_id` "history", with `start`, `end` and `state`."""

__all__ = ["BATCH_DOCUMENTS", "SAMPLE_COLLECTION", "Reading", "Store", "WindowSamples", "in_window"]


@dataclass(frozen=True)
class Reading:
    """What a read found.

    Attributes:
        batches: the documents, oldest first.
        is_short: whether all of them are in memory, so that taking them does not wait for MongoDB.
        most_bytes: how much is taken of one that is short before it is known to be longer than it seemed.
        still_holds: whether the same read would give the same documents; False where that is not known without asking.
    """

    batches: Iterator[Batch]
    is_short: bool
    still_holds: Callable[[], bool]
    most_bytes: float = 0.0


@dataclass(frozen=True)
class WindowSamples:
    """One metric's samples of both intervals of a window, oldest first.

    Attributes:
        current, previous: without their documents.
        arrivals: when those of the current interval were stored; None where a document has no time or an `_id` that is
            no ObjectId.
    """

    current: Columns
    previous: Columns
    arrivals: Arrivals | None


class Store:
    """Reads of one database. Threads share it.

    Args:
        database: where the samples are.
        cache_bytes: how much memory recent time may take; 0 for none. An eighth is left to whoever keeps answers.
    """

    def __init__(self, database: Database, cache_bytes: int = 0) -> None:
        self._database = database
        self._reader = Reader(database)
        self.cache_bytes = cache_bytes
        self._blocks = Blocks(cache_bytes // 8 * 7)
        self._shelves: dict[str, Shelf] = {}
        self._making = SingleFlight[dict[str, Shelf]]()

    @property
    def database(self) -> Database:
        """Where it reads."""
        return self._database

    def prepare(self, metric: Metric) -> None:
        """See to the index that bounds the metric's reads.

        Raises:
            IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`.
        """
        self._reader.prepare(metric)

    def prepare_all(self, wait_seconds: float) -> bool:
        """The same for every metric, their making begun for all before any is waited for; whether all have theirs.

        Raises:
            IndexesNotReady, DatabaseUnreachable: as `prepare`, after `wait_seconds` in all.
        """
        return self._reader.prepare_all([metric.collection for metric in METRICS], wait_seconds)

    @property
    def cache_use(self) -> Use:
        """How the memory for recent time is used."""
        return self._blocks.use

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the one under `DATA_DIR`."""
        return self._database.is_embedded

    def rights(self) -> Rights:
        """What the database's user may do. Raises DatabaseUnreachable, as `ping`."""
        return look_at_rights(self._database)

    def ping(self) -> None:
        """Ask MongoDB whether it is there.

        Raises:
            DatabaseUnreachable: it is away or did not answer in time.
        """
        with one_exchange():
            self._database.handle.command("ping")

    def read(self, metric: Metric, interval: Interval) -> Iterator[Batch]:
        """The interval's documents, oldest first, in batches; none where there is no document.

        Raises:
            DatabaseUnreachable: while reading, MongoDB was away or did not answer in time.
        """
        return self.look(metric, interval).batches

    def look(self, metric: Metric, interval: Interval) -> Reading:
        """The interval's documents, and what is known of them.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        from_ms, until_ms = _bounds(interval)
        shelf = self._shelf(metric)
        state = shelf.refresh() if shelf and not shelf.is_dense else None
        if shelf is None or state is None or shelf.is_dense:
            return Reading(self._past_memory(metric, from_ms, until_ms), False, lambda: False)
        mark = state.mark(until_ms)
        kept_from_ms = shelf.kept_from_ms(state, from_ms, until_ms)
        return Reading(
            self._batches(metric, shelf, state, (from_ms, kept_from_ms, until_ms)),
            kept_from_ms == from_ms,
            lambda: shelf.is_fresh() and shelf.state.mark(until_ms) == mark,
            shelf.most_bytes,
        )

    def read_columns(self, metric: Metric, interval: Interval) -> Columns:
        """The interval's samples without their documents, oldest first.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        raws = self._reader.fields_at_once(metric, *_bounds(interval), ("criticity", *metric.fields))
        return join_columns(encode_columns(raw, metric) for raw in raws)

    def read_stored(self, metric: Metric, interval: Interval) -> Stored:
        """The same, and when each was stored.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        parts = list[Stored]()
        for raw in self._reader.fields_at_once(metric, *_bounds(interval), ("criticity", *metric.fields)):
            documents = split(raw) if isinstance(raw, bytes) else raw
            columns = encode_columns(documents, metric)
            parts.append(Stored(columns, made_seconds(documents) if len(columns) == len(documents) else None))
        return join_stored(parts)

    def read_window(self, metric: Metric, window: Window) -> WindowSamples:
        """The samples of both intervals of a window, in one read.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        return in_window(self.read_stored(metric, Interval(window.previous_start_utc, window.end_utc)), window)

    def newest(self, metric: Metric) -> datetime | None:
        """When the metric's newest sample was taken, aware UTC; None where there is no sample.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        newest_ms = self._reader.newest_ms(metric)
        return None if newest_ms is None else from_epoch_ms(newest_ms)

    def newest_ms(self, metric: Metric, until_ms: int) -> int | None:
        """When the newest sample before an instant was taken, milliseconds since 1970; None where there is none.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        return self._reader.newest_ms(metric, until_ms)

    def count(self, metric: Metric, interval: Interval) -> int:
        """How many documents an interval that has an end has by the index, whatever their times are.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        from_ms, until_ms = _bounds(interval)
        assert until_ms is not None  # noqa: S101 - an open end has no count
        return self._reader.count(metric, from_ms, until_ms)

    def counts_by_index(self, metric: Metric) -> bool:
        """As `Reader.counts_by_index`."""
        return self._reader.counts_by_index(metric)

    def hour_ends(self, metric: Metric, hours: range) -> dict[int, HourEnd]:
        """As `Reader.hour_ends`."""
        return self._reader.hour_ends(metric, hours)

    def sample_history_end(self) -> datetime | None:
        """Where the made-up history ends, aware UTC; None where there is none in this database.

        Raises:
            DatabaseUnreachable: as `read`.
        """
        with one_exchange():
            found = self._database[SAMPLE_COLLECTION].find_one({"_id": "history"})
        return found["end"] if found else None

    def _batches(
        self, metric: Metric, shelf: Shelf, state: State, bounds: tuple[int, int, int | None]
    ) -> Iterator[Batch]:
        from_ms, kept_from_ms, until_ms = bounds
        if kept_from_ms > from_ms:
            yield from self._past_memory(metric, from_ms, kept_from_ms)
        size, reached_ms = 0, kept_from_ms
        at_once = shelf.most_bytes if kept_from_ms == from_ms else 0  # else a slow client would pin all of it
        try:
            for part in shelf.parts(state, kept_from_ms, until_ms, at_once):
                yield part
                size += part.size_bytes
                reached_ms = int(part.columns.time_ms[-1]) + 1 if len(part) else reached_ms
                if size > shelf.most_bytes:
                    break
            else:
                return
        except TooDenseError:
            pass  # from where it was found on
        if until_ms is None or reached_ms < until_ms:
            yield from self._past_memory(metric, reached_ms, until_ms)

    def _past_memory(self, metric: Metric, from_ms: int, until_ms: int | None) -> Iterator[Batch]:
        encoded = (encode_batch(raw, metric) for raw in self._reader.at_once(metric, from_ms, until_ms))
        return (batch for batch in encoded if len(batch))

    def _shelf(self, metric: Metric) -> Shelf | None:
        if not self._blocks.limit_bytes:
            return None
        shelf = self._shelves.get(metric.id)
        if shelf is None:
            shelf = self._making.run(self._make_shelves).get(metric.id)
        return shelf

    def _make_shelves(self) -> dict[str, Shelf]:
        if self._shelves:
            return self._shelves
        shelves = dict[str, Shelf]()
        edges = {metric.collection: partial(_edge_ms, shelves, metric) for metric in METRICS}
        told = watch(self._database, edges)
        for metric in METRICS:
            shelves[metric.id] = Shelf(metric, self._reader, self._blocks, told[metric.collection])
        self._shelves = shelves
        return shelves


def in_window(samples: Stored, window: Window) -> WindowSamples:
    """The samples by the two intervals of a window, of which they are all."""
    columns, lags = samples.columns, samples.lags_seconds
    arrivals = None if lags is None else _arrivals(lags[columns.time_ms > to_epoch_ms(window.start_utc)])
    return WindowSamples(columns.within(window.current), columns.within(window.previous), arrivals)


def _arrivals(lags: NDArray[np.float64]) -> Arrivals:
    """What the seconds from samples' times to their storing come to."""
    typical = float(np.median(lags)) if len(lags) else 0.0
    agree = np.abs(lags - typical) <= UNPUNCTUAL_SECONDS
    late, ahead = int((lags > UNPUNCTUAL_SECONDS).sum()), int((lags < -UNPUNCTUAL_SECONDS).sum())
    return Arrivals(late, ahead, typical if len(lags) and agree.mean() >= _AGREEING_SHARE else 0.0)


def _edge_ms(shelves: dict[str, Shelf], metric: Metric) -> int | None:
    shelf = shelves.get(metric.id)
    return shelf.state.edge_ms if shelf else None


def _bounds(interval: Interval) -> tuple[int, int | None]:
    """The interval's milliseconds: from the first one inside to before the first one past it."""
    until_ms = None if interval.end_utc is None else to_epoch_ms(interval.end_utc) + 1
    return to_epoch_ms(interval.start_utc) + 1, until_ms
