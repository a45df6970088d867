"""One metric's sealed hours: held in blocks, read where they are missing or of an older generation (see `shelf`).

However many ask for a missing hour, one reads it and the others wait. Hours are read in runs, a page of MongoDB's each,
and the next runs are on their way while one is encoded: a cold week takes as long as two processors need for
MongoDB's part and ours together. Whoever claims a run sees it through before anything goes out, in the order of
time: so nobody waits for somebody else's slow client, and no two wait for each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from pycemaker.cache.lru import HOUR_MS, CachedHour, HourLru
from pycemaker.columnar.encode import encode_batch
from pycemaker.columnar.split import Documents
from pycemaker.errors import PycemakerError
from pycemaker.metrics import Metric
from pycemaker.mongo.pages import DocumentPage
from pycemaker.mongo.reader import Reader
from pycemaker.series.batches import Batch, join_batches

RUN_HOURS = 12
RUN_DOCUMENTS = 10_000
MOST_DOCUMENTS = 200_000
"""How many hours and documents are read together at most; an hour of more documents than the last is not kept."""

RUNS_AT_ONCE = 4
"""One is encoded, three are on their way. With one chain of pages MongoDB and we take turns: 178 ms a week, not 125."""


class TooDenseError(Exception):
    """More documents in an hour than are kept."""


class AbandonedError(Exception):
    """Who was to read an hour did not."""


@dataclass
class _Run:
    """Hours that somebody is to read; and their first page where it is on its way."""

    hours: range
    coming: Future[DocumentPage | None] | None = None


class HourCache:
    """One metric's sealed hours. Threads share it.

    Args:
        metric: whose.
        reader: reads what is missing.
        blocks: where they are held.
    """

    def __init__(self, metric: Metric, reader: Reader, lru: HourLru) -> None:
        self._metric = metric
        self._reader = reader
        self._lru = lru
        self._lock = threading.Lock()
        self._reading: dict[tuple[int, int], Future[Batch]] = {}
        self._run_hours = RUN_HOURS

    def read_sealed(self, first_hour: int, stop_hour: int, generation: int, most_bytes: float) -> list[Batch]:
        """The batches of these hours, out of memory where they are of this generation or a later one.

        Args:
            first_hour: the first of them, hours since 1970.
            stop_hour: the first one past them.
            generation: see `shelf`.
            most_bytes: once the batches take more than this, those of the hours left are not among them. 0 gives the
                first hour, or the run that it is read with, and begins no other.

        Raises:
            DatabaseUnreachable: while reading, MongoDB was away.
            TooDenseError: an hour has too many documents to be kept.
        """
        found: list[Batch] = []
        mine: deque[_Run] = deque()
        size = 0
        try:
            while (hour := first_hour + len(found)) < stop_hour and size <= most_bytes:
                more = self._held(mine, hour, generation)
                if not more:
                    self._begin(mine, hour, stop_hour, generation, RUNS_AT_ONCE if most_bytes else 1)
                    more = self._find(mine, hour, generation)
                found += more
                size += sum(batch.size_bytes for batch in more)
        finally:
            for run in mine:
                self._tell(run, generation, AbandonedError())
        return found

    def read(self, first_hour: int, stop_hour: int | None) -> Iterator[Batch]:
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

    def _held(self, mine: deque[_Run], hour: int, generation: int) -> list[Batch]:
        """The hour's batch out of memory; not where a run of one's own begins, which others may wait for.

        Somebody may have read such an hour for a later generation; it is read for this one all the same.
        """
        if mine and mine[0].hours.start == hour:
            return []
        block = self._lru.find((self._metric.id, hour), generation)
        return [block.batch] if block else []

    def _begin(self, mine: deque[_Run], hour: int, stop_hour: int, generation: int, runs: int) -> None:
        """Claim runs, one that begins with this hour first of all, and have the pages of the others come."""
        if not mine or mine[0].hours.start > hour:
            hours = self._claim(hour, mine[0].hours.start if mine else stop_hour, generation)
            mine.extendleft([_Run(hours)] if hours else [])
        hour = mine[-1].hours.stop if mine else hour + 1
        while len(mine) < runs and hour < stop_hour:
            hours = self._claim(hour, stop_hour, generation)
            if hours:
                mine.append(_Run(hours))
                mine[-1].coming = self._reader.prefetch(self._metric, hours.start * HOUR_MS, hours.stop * HOUR_MS)
            hour = max(hour + 1, hours.stop)

    def _claim(self, hour: int, stop_hour: int, generation: int) -> range:
        """The hours from this one on that nobody holds or reads, a run at most; from now on, the caller does."""
        with self._lock:
            stop = hour
            while stop < min(stop_hour, hour + self._run_hours) and self._is_missing(stop, generation):
                self._reading[stop, generation] = Future()
                stop += 1
        return range(hour, stop)

    def _is_missing(self, hour: int, generation: int) -> bool:
        block = self._lru.get((self._metric.id, hour))
        return (hour, generation) not in self._reading and (block is None or block.generation < generation)

    def _find(self, mine: deque[_Run], hour: int, generation: int) -> list[Batch]:
        """The batches of the run that begins with this hour; or of the hour, by waiting for who reads it.

        Nothing where the hour has to be looked for anew: somebody has just read it, or gave up.
        """
        is_alone = bool(mine) and mine[0].hours == range(hour, hour + 1)
        try:
            if mine and mine[0].hours.start == hour:
                return self._fill(mine.popleft(), generation)
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

    def _fill(self, run: _Run, generation: int) -> list[Batch]:
        """Keep a claimed run's hours, and tell who waits for them."""
        told: list[Batch] | BaseException = AbandonedError()
        try:
            told = [
                self._keep(hour, batch, generation) for hour, batch in zip(run.hours, self._split(run), strict=True)
            ]
        except (PycemakerError, TooDenseError) as error:
            told = error
            raise
        finally:
            self._tell(run, generation, told)
        return told

    def _tell(self, run: _Run, generation: int, told: list[Batch] | BaseException) -> None:
        if run.coming:
            run.coming.cancel()
        with self._lock:
            claims = [self._reading.pop((hour, generation)) for hour in run.hours]
        for place, claim in enumerate(claims):
            if isinstance(told, BaseException):
                claim.set_exception(told)
            else:
                claim.set_result(told[place])

    def _keep(self, hour: int, batch: Batch, generation: int) -> Batch:
        before = self._lru.get((self._metric.id, hour))
        kept = before.batch if before is not None and before.batch.digest == batch.digest else batch
        if before is None or before.generation < generation:
            self._lru.put((self._metric.id, hour), CachedHour(kept, generation))
        return kept

    def _split(self, run: _Run) -> list[Batch]:
        """The run's documents hour by hour."""
        pieces: dict[int, list[Batch]] = {hour: [] for hour in run.hours}
        count = 0
        ends = run.hours.start * HOUR_MS, run.hours.stop * HOUR_MS
        for batch in self._encode(self._reader.read_ahead(self._metric, *ends, run.coming)):
            count += len(batch)
            times = batch.columns.time_ms
            for hour in range(int(times[0]) // HOUR_MS, int(times[-1]) // HOUR_MS + 1):
                pieces[hour].append(batch.between(hour * HOUR_MS, (hour + 1) * HOUR_MS))
        self._run_hours = max(1, min(RUN_HOURS, RUN_DOCUMENTS * len(run.hours) // max(1, count)))
        return [join_batches(pieces[hour]) for hour in run.hours]
