"""One metric's recent time in memory: sealed hours in blocks, and an open end that is probed for new samples.

What is checked against the database, when, and at what cost:

* Before an answer, unless it was done within the last FRESH_SECONDS: the end. All documents later than a minute before
  the newest known one are read (a dozen, 0.3 ms) and compared; so a sample that another process wrote is in the next
  answer, also when several collectors write a little out of order. Then whether anything else changed (`changes`,
  about 2 ms). At most twice a second and metric, whoever asks; nothing at all while nobody asks.
* When something else changed, the *generation* goes up. A block of an older generation is read again when it is next
  asked for, and kept where it is still the same. So a correction costs one cold read of what is in use.
* No answer rests on a check older than a second; MongoDB away is an error at once, memory or not.

What an answer is too long to keep is read past the memory: one answer may fill an eighth of it, counted in hours of the
mean size, and a quarter whatever their size, with the metric's newest hours; the rest streams.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pycemaker.cache.change_detector import ChangeDetector
from pycemaker.cache.hour_cache import RUN_HOURS, HourCache, TooDenseError
from pycemaker.cache.lru import HOUR_MS, CachedHour, HourLru
from pycemaker.cache.snapshot import OpenHours, Snapshot
from pycemaker.columnar.encode import encode_batch
from pycemaker.metrics import Metric
from pycemaker.mongo.reader import Reader
from pycemaker.series.batches import Batch, join_batches

FRESH_SECONDS = 0.5
STALE_SECONDS = 0.9
"""Between the two an answer does not wait for the check that another thread is at."""

SETTLE_SECONDS = 3.0
"""How long after a change all is compared once more: for a write that was counted but not to be seen yet."""

OVERLAP_MS = 60_000
"""How far behind the newest sample others may still come as new ones."""

MOST_IGNORED_AHEAD = 1_000
"""So many samples dated ahead of the present do not move the end, which is where the others end; more do."""

PROBED_BATCHES = 2
"""After more than this at once, 20,000 documents, the end is read anew."""

DENSE_SECONDS = 60.0
"""How long a metric that has such hours is read past the memory before it is tried again."""

SHARE_OF_ONE_ANSWER = 8
MOST_OF_ONE_ANSWER = 4
"""The share is counted in hours of the mean size; where they are larger, the answer ends to be kept at the latter."""


class MetricCache:
    """One metric's recent time. Threads share it.

    Args:
        metric: whose.
        reader: reads what is missing.
        blocks: where sealed hours are held.
        changes: tells whether anything but the end changed.
    """

    def __init__(self, metric: Metric, reader: Reader, lru: HourLru, detector: ChangeDetector) -> None:
        self._metric = metric
        self._reader = reader
        self._lru = lru
        self._detector = detector
        self._lock = threading.Lock()
        self._state = Snapshot()
        self._checked = float("-inf")
        self._settle_at = float("inf")
        self._is_owed = False
        self._flight: Future[None] | None = None
        self._hours = HourCache(metric, reader, lru)
        self._dense_until = float("-inf")

    @property
    def is_dense(self) -> bool:
        """Whether it is to be read past the memory for now."""
        return time.monotonic() < self._dense_until

    @property
    def most_bytes(self) -> float:
        """How much of the memory one answer may fill whatever the size of its hours."""
        return self._lru.limit_bytes / MOST_OF_ONE_ANSWER

    @property
    def state(self) -> Snapshot:
        """What is known now, checked or not."""
        return self._state

    def is_fresh(self) -> bool:
        """Whether the last check is recent enough to answer on."""
        return time.monotonic() - self._checked < FRESH_SECONDS

    def refresh(self) -> Snapshot:
        """Check against the database where that was not done lately; what is known then.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        asked = time.monotonic()
        if asked - self._checked < FRESH_SECONDS:
            return self._state
        while True:
            flight, leads = self._board()
            if leads:
                self._lead(flight, time.monotonic())
                return self._state
            if asked - self._checked > STALE_SECONDS:
                flight.result()
            if asked - self._checked <= STALE_SECONDS:  # else that check took long, and began too long ago
                return self._state

    def parts(self, state: Snapshot, from_ms: int, until_ms: int | None, most_bytes: float) -> Iterator[Batch]:
        """The kept documents with from_ms <= time < until_ms, an hour at a time.

        Args:
            state: of the last refresh.
            from_ms: milliseconds since 1970 in UTC.
            until_ms: likewise; None means without end.
            most_bytes: how much is taken before any of it goes out; 0 for an hour, or what is read with it.

        Raises:
            DatabaseUnreachable: while reading what was missing, MongoDB was away.
            TooDenseError: an hour has too many documents to be kept.
        """
        if state.open is None or from_ms == until_ms:
            return
        sealed_until_ms = state.open.start_hour * HOUR_MS
        reaches_end = until_ms is None or until_ms > sealed_until_ms
        stop_hour = state.open.start_hour if until_ms is None or reaches_end else -(-until_ms // HOUR_MS)
        hour = from_ms // HOUR_MS
        try:
            while hour < stop_hour:
                for batch in self._hours.read_sealed(hour, stop_hour, state.generation, most_bytes):
                    is_inside = from_ms <= hour * HOUR_MS and (until_ms is None or (hour + 1) * HOUR_MS <= until_ms)
                    yield batch if is_inside else batch.between(from_ms, until_ms)
                    hour += 1
        except TooDenseError:
            self._dense_until = time.monotonic() + DENSE_SECONDS
            raise
        if reaches_end:
            for piece in state.open.pieces:
                yield piece.between(from_ms, until_ms)

    def cacheable_from_ms(self, state: Snapshot, from_ms: int, until_ms: int | None) -> int:
        """Where that part of a stretch starts which one answer may keep; what is earlier streams past the memory.

        Of a stretch too long to keep that is its newest part where others ask for that too: where it reaches the end.
        """
        if state.open is None:
            return from_ms
        end_hour = state.open.start_hour if until_ms is None else min(-(-until_ms // HOUR_MS), state.open.start_hour)
        hours = int(self._lru.limit_bytes / SHARE_OF_ONE_ANSWER / self._lru.mean_bytes)
        cacheable_from_ms = max(from_ms, (end_hour - hours) * HOUR_MS)
        if cacheable_from_ms > from_ms and until_ms is not None and end_hour < state.open.start_hour:
            return until_ms
        return cacheable_from_ms if until_ms is None else min(cacheable_from_ms, until_ms)

    # The check.

    def _board(self) -> tuple[Future[None], bool]:
        """The check that is under way, else one that is ours to make; whether it is ours."""
        with self._lock:
            flight, leads = self._flight, self._flight is None
            if flight is None:
                flight = self._flight = Future()
            return flight, leads

    def _lead(self, flight: Future[None], began: float) -> None:
        try:
            self._check(began)
            self._checked = began
        except BaseException as error:
            with self._lock:
                self._flight = None
            flight.set_exception(error)
            raise
        with self._lock:
            self._flight = None
        flight.set_result(None)

    def _check(self, began: float) -> None:
        self._detector.before_probe()
        appended = self._probe()
        changed = self._detector.has_changed(appended or 0) or self._is_owed
        settles = began >= self._settle_at
        if changed or settles or appended is None:
            self._is_owed = True  # the changes are told once: a reading that fails is owed until one succeeds
            state = self._state
            self._state = Snapshot(state.generation + 1, state.version + 1, state.open)
            self._load_end()
            self._is_owed = False
        if changed or settles:
            self._settle_at = began + SETTLE_SECONDS if changed else float("inf")

    def _probe(self) -> int | None:
        """Take in what is new at the end; how many documents more that is, None where the end has to be read anew."""
        end = self._state.open
        if end is None:
            return None
        raws = list(islice(self._reader.read_batches(self._metric, end.edge_ms + 1, None), PROBED_BATCHES + 1))
        if len(raws) > PROBED_BATCHES:
            return None
        probed = b"".join(raws)
        if probed == end.probed:
            return 0
        known = end.batch.between(end.start_hour * HOUR_MS, end.edge_ms + 1)
        batch = join_batches([known, *(encode_batch(raw, self._metric) for raw in raws)])
        self._set_end(end.start_hour, end.edge_ms, batch, probed)
        return len(batch) - len(end.batch)

    def _load_end(self) -> None:
        newest_ms = self._newest_ms()
        if newest_ms is None:
            self._state = Snapshot(self._state.generation, self._state.version + 1, None)
            return
        start_hour = (newest_ms - OVERLAP_MS) // HOUR_MS
        try:
            batch = join_batches(list(self._hours.read(start_hour, None)))
        except TooDenseError:
            self._dense_until = time.monotonic() + DENSE_SECONDS
            self._state = Snapshot(self._state.generation, self._state.version + 1, None)
            return
        self._set_end(start_hour, start_hour * HOUR_MS - 1, batch, None)

    def _newest_ms(self) -> int | None:
        """When the newest sample was taken, but for a few that are dated ahead of the present."""
        newest_ms, ahead_ms = self._reader.newest_ms(self._metric), _ahead_ms()
        if (
            newest_ms is None
            or newest_ms < ahead_ms
            or self._reader.has_more_than(MOST_IGNORED_AHEAD, self._metric, ahead_ms)
        ):
            return newest_ms
        present_ms = self._reader.newest_ms(self._metric, ahead_ms)
        return newest_ms if present_ms is None else present_ms

    def _set_end(self, start_hour: int, edge_ms: int, batch: Batch, probed: bytes | None) -> None:
        """Make this the end; move the edge on, and seal the hours that it has left behind."""
        before = self._state
        newest_ms = _newest_of(batch.columns.time_ms, edge_ms)
        new_edge_ms = max(edge_ms, newest_ms - OVERLAP_MS)
        hour = max(start_hour, new_edge_ms // HOUR_MS)
        for sealed in range(start_hour, min(hour, start_hour + RUN_HOURS)):
            part = join_batches([batch.between(sealed * HOUR_MS, (sealed + 1) * HOUR_MS)])
            self._lru.put((self._metric.id, sealed), CachedHour(part, before.generation))
        rest = batch if hour == start_hour else join_batches([batch.between(hour * HOUR_MS, None)])
        is_same = before.open is not None and before.open.batch.rows == rest.rows and hour == before.open.start_hour
        end = OpenHours(hour, new_edge_ms, rest, probed if new_edge_ms == edge_ms else None)
        self._state = Snapshot(before.generation, before.version + (not is_same), end)


def _ahead_ms() -> int:
    """From when on a sample is dated ahead: a collector's clock may be a little fast."""
    return time.time_ns() // 1_000_000 + OVERLAP_MS


def _newest_of(time_ms: NDArray[np.int64], otherwise_ms: int) -> int:
    """As `MetricCache._newest_ms`, of these samples."""
    present = int(time_ms.searchsorted(_ahead_ms()))
    if len(time_ms) - present > MOST_IGNORED_AHEAD or not present:
        present = len(time_ms)
    return int(time_ms[present - 1]) if present else otherwise_ms
