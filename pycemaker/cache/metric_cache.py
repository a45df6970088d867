"""Cache of the recent time of an application's metric.

Terms:

* An hour of UTC is *sealed* once the newest sample is a minute past it. A sealed hour is cached as it is.
* The *open hours* are the others. Up to their *edge*, a minute before the newest sample, they are known.
* A *probe* reads the documents past the edge (`new_samples`; a dozen, 0.3 ms), so that a sample of another process is
  in the next answer, also when several collectors write a little out of order.
* The *generation* is the count of all other changes. A sealed hour of an older generation is read again when it is next
  asked for, and stays cached where it is still the same: a correction costs one cold read of what is in use.

An answer rests on a *check* at most a second old: a probe, and the change detector (`past_changes`, 2 ms). Checks
are made before an answer, at most twice a second and metric, and none while nobody asks. MongoDB away is an error at
once, memory or not.

The open hours of the default application are always there. Those of another application are in the memory like a sealed
hour, and leave it where they are the least recently used; then its cache is dropped (`metric_caches`).

One answer may fill an eighth of the memory, counted in hours of the mean size, and a quarter whatever their size, with
the metric's newest hours; the rest of a longer one is read past the memory.
"""

import time
from collections.abc import Iterator

from pycemaker.cache.cache_memory import OPEN, CachedHour, HourLru, series_name
from pycemaker.cache.hour_cache import RUN_HOURS, HourCache, TooDenseError
from pycemaker.cache.new_samples import OVERLAP_MS, newest_of, read_new_samples, read_newest_ms
from pycemaker.cache.past_changes import SETTLE_SECONDS, ChangeDetector
from pycemaker.cache.snapshot import OpenHours, Snapshot, split_hours
from pycemaker.metrics import Metric
from pycemaker.mongo.reader import Reader
from pycemaker.mongo.single_flight import SingleFlight
from pycemaker.series.batches import Batch, join_batches, no_batch
from pycemaker.series.hour_summaries import HOUR_MS

FRESH_SECONDS = 0.5
STALE_SECONDS = 0.9
"""While the last check is of an age between the two, no answer waits for the check that another thread makes."""

DENSE_SECONDS = 60.0
"""Time for which a metric with an hour of too many documents is read past the memory."""

ANSWER_SHARE = 8
LARGEST_ANSWER_SHARE = 4
"""An answer may fill one eighth of the memory, counted in hours of the mean size; one quarter where they are larger."""


class MetricCache:
    """The recent time of an application's metric. Threads share it.

    Args:
        detector: detects changes of anything but the open hours.
    """

    def __init__(self, metric: Metric, reader: Reader, lru: HourLru, detector: ChangeDetector) -> None:
        self._metric = metric
        self._reader = reader
        self._lru = lru
        self._detector = detector
        self._name = series_name(reader.application, metric)
        # Hours that an earlier cache of this metric left in memory are of lower generations, and so are read again.
        self._snapshot = Snapshot(generation=int(time.monotonic() * 1000) if reader.application else 0)
        self._checked_at = float("-inf")
        self._settle_at = float("inf")
        self._must_reload = False
        self._checks = SingleFlight[None]()
        self._hours = HourCache(metric, reader, lru)
        self._dense_until = float("-inf")

    @property
    def is_dense(self) -> bool:
        """True where it is to be read past the memory for now."""
        return time.monotonic() < self._dense_until

    @property
    def answer_limit_bytes(self) -> float:
        """The part of the memory that one answer may fill."""
        return self._lru.limit_bytes / LARGEST_ANSWER_SHARE

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot, checked or not."""
        return self._snapshot

    def is_fresh(self) -> bool:
        """True where the last check is recent enough for an answer."""
        return time.monotonic() - self._checked_at < FRESH_SECONDS

    def refresh(self) -> Snapshot:
        """The latest snapshot, checked against the database where the last check is not recent enough.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        began = time.monotonic()
        if self._reader.application:
            self._lru.get((self._name, OPEN))
        if began - self._checked_at < FRESH_SECONDS:
            return self._snapshot
        while True:
            flight, leads = self._checks.join()
            if leads:
                self._checks.lead(flight, self._check)
                return self._snapshot
            if began - self._checked_at > STALE_SECONDS:
                self._checks.wait(flight)
            if began - self._checked_at <= STALE_SECONDS:  # else that check took long, and began too long ago
                return self._snapshot

    def parts(self, snapshot: Snapshot, from_ms: int, until_ms: int | None, at_once_bytes: float) -> Iterator[Batch]:
        """The documents with from_ms <= time < until_ms, an hour at a time; what was missing is cached.

        Args:
            from_ms: milliseconds since 1970 in UTC.
            at_once_bytes: how much is read before any of it is yielded; 0 for an hour, or what is read with it.

        Raises:
            DatabaseUnreachable: while reading what was missing, MongoDB was away; TooDenseError: an hour has too many
                documents to be cached.
        """
        if snapshot.open is None or from_ms == until_ms:
            return
        open_from_ms = snapshot.open.start_hour * HOUR_MS
        reaches_open_hours = until_ms is None or until_ms > open_from_ms
        stop_hour = snapshot.open.start_hour if until_ms is None or reaches_open_hours else -(-until_ms // HOUR_MS)
        hour = from_ms // HOUR_MS
        try:
            while hour < stop_hour:
                for batch in self._hours.read_sealed(hour, stop_hour, snapshot.generation, at_once_bytes):
                    is_inside = from_ms <= hour * HOUR_MS and (until_ms is None or (hour + 1) * HOUR_MS <= until_ms)
                    yield batch if is_inside else batch.between(from_ms, until_ms)
                    hour += 1
        except TooDenseError:
            self._dense_until = time.monotonic() + DENSE_SECONDS
            raise
        if reaches_open_hours:
            for piece in snapshot.open.pieces:
                yield piece.between(from_ms, until_ms)

    def cacheable_from_ms(self, snapshot: Snapshot, from_ms: int, until_ms: int | None) -> int:
        """The start of that part of a stretch which is read by way of the memory; what is earlier streams past it.

        Of a stretch that is too long it is the newest part where that reaches the open hours, which others ask for too;
        else nothing.
        """
        if snapshot.open is None:
            return from_ms
        open_hour = snapshot.open.start_hour
        end_hour = open_hour if until_ms is None else min(-(-until_ms // HOUR_MS), open_hour)
        hours = int(self._lru.limit_bytes / ANSWER_SHARE / self._lru.mean_bytes)
        cacheable_from_ms = max(from_ms, (end_hour - hours) * HOUR_MS)
        if cacheable_from_ms > from_ms and until_ms is not None and end_hour < open_hour:
            return until_ms
        return cacheable_from_ms if until_ms is None else min(cacheable_from_ms, until_ms)

    # The check.

    def _check(self) -> None:
        """Check against the database, and make the snapshot that follows."""
        began = time.monotonic()
        self._reader.prepare(self._metric)  # the counters of the index are compared from the first check on
        self._detector.before_probe()
        appended = self._probe()
        has_changed = self._detector.has_changed(appended or 0) or self._must_reload
        is_settling = began >= self._settle_at
        if has_changed or is_settling or appended is None:
            self._must_reload = True  # a detector reports a change once: where the reload fails, the next check owes it
            before = self._snapshot
            self._snapshot = Snapshot(before.generation + 1, before.open_version + 1, before.open)
            self._load_open_hours()
            self._must_reload = False
        if has_changed or is_settling:
            self._settle_at = began + SETTLE_SECONDS if has_changed else float("inf")
        self._checked_at = began
        if self._reader.application:
            known = self._snapshot.open
            self._lru.put((self._name, OPEN), CachedHour(known.batch if known else no_batch(), 0))

    def _probe(self) -> int | None:
        """Take in the new samples; how many there were, None where the open hours have to be read anew."""
        known = self._snapshot.open
        probed = read_new_samples(self._reader, self._metric, known) if known is not None else None
        if known is None or probed is None:
            return None
        if probed.batch is not known.batch:
            self._set_open_hours(known.start_hour, known.edge_ms, probed.batch, probed.raw)
        return len(probed.batch) - len(known.batch)

    def _load_open_hours(self) -> None:
        newest_ms = read_newest_ms(self._reader, self._metric)
        if newest_ms is None:
            self._drop_open_hours()
            return
        start_hour = (newest_ms - OVERLAP_MS) // HOUR_MS
        try:
            batch = join_batches(list(self._hours.read_uncached(start_hour, None)))
        except TooDenseError:
            self._dense_until = time.monotonic() + DENSE_SECONDS
            self._drop_open_hours()
            return
        self._set_open_hours(start_hour, start_hour * HOUR_MS - 1, batch, None)

    def _drop_open_hours(self) -> None:
        self._snapshot = Snapshot(self._snapshot.generation, self._snapshot.open_version + 1, None)

    def _set_open_hours(self, start_hour: int, edge_ms: int, batch: Batch, probed: bytes | None) -> None:
        """Move the edge on, seal the hours that it has passed, and make the rest the open hours."""
        before = self._snapshot
        newest_ms = newest_of(batch.columns.time_ms, edge_ms)
        new_edge_ms = max(edge_ms, newest_ms - OVERLAP_MS)
        hour = max(start_hour, new_edge_ms // HOUR_MS)
        for sealed in range(start_hour, min(hour, start_hour + RUN_HOURS)):
            part = join_batches([batch.between(sealed * HOUR_MS, (sealed + 1) * HOUR_MS)])
            self._lru.put((self._name, sealed), CachedHour(part, before.generation))
        rest = batch if hour == start_hour else join_batches([batch.between(hour * HOUR_MS, None)])
        is_same = before.open is not None and before.open.batch.rows == rest.rows and hour == before.open.start_hour
        still_probed = probed if new_edge_ms == edge_ms else None
        open_hours = OpenHours(hour, new_edge_ms, newest_ms, rest, still_probed, split_hours(rest))
        self._snapshot = Snapshot(before.generation, before.open_version + (not is_same), open_hours)
