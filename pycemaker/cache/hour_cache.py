"""Sealed hours of an application's metric: cached, and read where missing or outdated (`metric_cache` has the terms).

However many threads ask for a missing hour, one reads it and the others wait. Hours are read in runs of one page of
MongoDB's each, and the next runs are on their way while one is encoded: a cold week takes as long as two processors
need for MongoDB's part and ours together. A thread that claims a run reads it before anything is yielded, in the order
of time: so no thread waits for another's slow client, and no two wait for each other.
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from pycemaker.cache.cache_memory import CachedHour, HourLru, series_name
from pycemaker.columnar.encode import encode_batch
from pycemaker.columnar.split import Documents
from pycemaker.errors import PycemakerError
from pycemaker.metrics import Metric
from pycemaker.mongo.document_pages import DocumentPage
from pycemaker.mongo.reader import Reader
from pycemaker.series.batches import Batch, join_batches
from pycemaker.series.hour_summaries import HOUR_MS

RUN_HOURS = 12
RUN_DOCUMENTS = 10_000
MOST_DOCUMENTS = 200_000
"""The most hours and documents that are read together; an hour of more documents than the last is not cached."""

RUNS_AT_ONCE = 4
"""One is encoded, three are on their way. With one chain of pages MongoDB and we take turns: 178 ms a week, not 125."""


class TooDenseError(Exception):
    """An hour has more documents than are cached."""


class AbandonedError(Exception):
    """The thread that had claimed an hour did not read it."""


@dataclass
class _Run:
    """Hours that a thread has claimed; and their first page where it is on its way."""

    hours: range
    first_page: Future[DocumentPage | None] | None = None


class HourCache:
    """The sealed hours of an application's metric. Threads share it."""

    def __init__(self, metric: Metric, reader: Reader, lru: HourLru) -> None:
        self._metric = metric
        self._reader = reader
        self._lru = lru
        self._name = series_name(reader.application, metric)
        self._lock = threading.Lock()
        self._reading: dict[tuple[int, int], Future[Batch]] = {}
        self._run_hours = RUN_HOURS

    @property
    def is_reading(self) -> bool:
        """True while a thread has claimed hours and not read them yet."""
        return bool(self._reading)

    def read_sealed(self, first_hour: int, stop_hour: int, generation: int, limit_bytes: float) -> list[Batch]:
        """The batches of these hours, out of memory where they are of this generation or a later one.

        Args:
            limit_bytes: once the batches take more than this, those of the hours left are not among them. 0 gives the
                first hour, or the run that it is read with, and begins no other.

        Raises:
            DatabaseUnreachable: while reading, MongoDB was away; TooDenseError: an hour has too many documents to be
                cached.
        """
        batches: list[Batch] = []
        claimed: deque[_Run] = deque()
        size_bytes = 0
        try:
            while (hour := first_hour + len(batches)) < stop_hour and size_bytes <= limit_bytes:
                following = self._cached(claimed, hour, generation)
                if not following:
                    self._claim_runs(claimed, hour, stop_hour, generation, RUNS_AT_ONCE if limit_bytes else 1)
                    following = self._read_or_wait(claimed, hour, generation)
                batches += following
                size_bytes += sum(batch.size_bytes for batch in following)
        finally:
            for run in claimed:
                self._resolve(run, generation, AbandonedError())
        return batches

    def read_uncached(self, first_hour: int, stop_hour: int | None) -> Iterator[Batch]:
        """The documents of these hours as MongoDB has them; None means without end. Raises as `read_sealed`."""
        until_ms = None if stop_hour is None else stop_hour * HOUR_MS
        return self._encode(self._reader.read_ahead(self._metric, first_hour * HOUR_MS, until_ms))

    def _encode(self, documents: Iterator[bytes | Documents]) -> Iterator[Batch]:
        count = 0
        for raw in documents:
            batch = encode_batch(raw, self._metric)
            count += len(batch)
            if count > MOST_DOCUMENTS:
                raise TooDenseError
            if len(batch):
                yield batch

    def _cached(self, claimed: deque[_Run], hour: int, generation: int) -> list[Batch]:
        """The hour's batch out of memory; none where a claimed run begins, which others may wait for.

        Another thread may have read such an hour for a later generation; it is read for this one all the same.
        """
        if claimed and claimed[0].hours.start == hour:
            return []
        cached = self._lru.find((self._name, hour), generation)
        return [cached.batch] if cached else []

    def _claim_runs(self, claimed: deque[_Run], hour: int, stop_hour: int, generation: int, runs: int) -> None:
        """Claim runs, one that begins with this hour first of all, and have the pages of the others come."""
        if not claimed or claimed[0].hours.start > hour:
            hours = self._claim(hour, claimed[0].hours.start if claimed else stop_hour, generation)
            claimed.extendleft([_Run(hours)] if hours else [])
        hour = claimed[-1].hours.stop if claimed else hour + 1
        while len(claimed) < runs and hour < stop_hour:
            hours = self._claim(hour, stop_hour, generation)
            if hours:
                claimed.append(_Run(hours))
                first_page = self._reader.prefetch(self._metric, hours.start * HOUR_MS, hours.stop * HOUR_MS)
                claimed[-1].first_page = first_page
            hour = max(hour + 1, hours.stop)

    def _claim(self, hour: int, stop_hour: int, generation: int) -> range:
        """Claim the hours from this one on that are missing and that nobody reads, a run at most."""
        with self._lock:
            stop = hour
            while stop < min(stop_hour, hour + self._run_hours) and self._is_missing(stop, generation):
                self._reading[stop, generation] = Future()
                stop += 1
        return range(hour, stop)

    def _is_missing(self, hour: int, generation: int) -> bool:
        cached = self._lru.get((self._name, hour))
        return (hour, generation) not in self._reading and (cached is None or cached.generation < generation)

    def _read_or_wait(self, claimed: deque[_Run], hour: int, generation: int) -> list[Batch]:
        """The batches of the claimed run that begins with this hour; or the hour's, from the thread that reads it.

        None where the hour has to be looked up anew: another thread has just read it, or gave up.
        """
        is_alone = bool(claimed) and claimed[0].hours == range(hour, hour + 1)
        try:
            if claimed and claimed[0].hours.start == hour:
                return self._read_run(claimed.popleft(), generation)
            with self._lock:
                other = self._reading.get((hour, generation))
            return [other.result()] if other else []
        except AbandonedError:
            return []
        except TooDenseError:
            if is_alone:
                raise
            self._run_hours = 1
            return []

    def _read_run(self, run: _Run, generation: int) -> list[Batch]:
        """Read and cache a claimed run's hours, and give the threads that wait their batches or the failure."""
        outcome: list[Batch] | BaseException = AbandonedError()
        try:
            hours = zip(run.hours, self._read_hours(run), strict=True)
            outcome = [self._cache(hour, batch, generation) for hour, batch in hours]
        except (PycemakerError, TooDenseError) as error:
            outcome = error
            raise
        finally:
            self._resolve(run, generation, outcome)
        return outcome

    def _resolve(self, run: _Run, generation: int, outcome: list[Batch] | BaseException) -> None:
        """Give up the claims; the threads that wait for them get a batch each, or the exception."""
        if run.first_page:
            run.first_page.cancel()
        with self._lock:
            claims = [self._reading.pop((hour, generation)) for hour in run.hours]
        for index, claim in enumerate(claims):
            if isinstance(outcome, BaseException):
                claim.set_exception(outcome)
            else:
                claim.set_result(outcome[index])

    def _cache(self, hour: int, batch: Batch, generation: int) -> Batch:
        """The batch, cached; the one of an older generation where it is the same, so that its digest is known."""
        before = self._lru.get((self._name, hour))
        cached = before.batch if before is not None and before.batch.digest == batch.digest else batch
        if before is None or before.generation < generation:
            self._lru.put((self._name, hour), CachedHour(cached, generation))
        return cached

    def _read_hours(self, run: _Run) -> list[Batch]:
        """The run's documents hour by hour."""
        pieces: dict[int, list[Batch]] = {hour: [] for hour in run.hours}
        count = 0
        ends = run.hours.start * HOUR_MS, run.hours.stop * HOUR_MS
        for batch in self._encode(self._reader.read_ahead(self._metric, *ends, run.first_page)):
            count += len(batch)
            times = batch.columns.time_ms
            for hour in range(int(times[0]) // HOUR_MS, int(times[-1]) // HOUR_MS + 1):
                pieces[hour].append(batch.between(hour * HOUR_MS, (hour + 1) * HOUR_MS))
        self._run_hours = max(1, min(RUN_HOURS, RUN_DOCUMENTS * len(run.hours) // max(1, count)))
        return [join_batches(pieces[hour]) for hour in run.hours]
