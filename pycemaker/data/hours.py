"""One metric's sealed hours: held in blocks, read where they are missing or of an older generation (see `shelf`).

However many ask for a missing hour, one reads it and the others wait. Hours are read whole, a run of them with one
cursor, before any of them goes out: so nobody waits for somebody else's slow client.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

from pycemaker.data.blocks import HOUR_MS, Block, Blocks
from pycemaker.data.encode import encode_batch
from pycemaker.data.reader import Reader
from pycemaker.errors import PycemakerError
from pycemaker.metrics import Metric
from pycemaker.samples import Batch, join_batches

RUN_HOURS = 24
RUN_DOCUMENTS = 20_000
MOST_DOCUMENTS = 200_000
"""How many hours and documents are read together at most; an hour of more documents than the last is not kept."""


class TooDenseError(Exception):
    """More documents in an hour than are kept."""


class AbandonedError(Exception):
    """Who was to read an hour did not."""


class Hours:
    """One metric's sealed hours. Threads share it.

    Args:
        metric: whose.
        reader: reads what is missing.
        blocks: where they are held.
    """

    def __init__(self, metric: Metric, reader: Reader, blocks: Blocks) -> None:
        self._metric = metric
        self._reader = reader
        self._blocks = blocks
        self._lock = threading.Lock()
        self._reading: dict[tuple[int, int], Future[Batch]] = {}
        self._run_hours = RUN_HOURS

    def sealed(self, first_hour: int, stop_hour: int, generation: int) -> Iterator[Batch]:
        """The batches of these hours, out of memory where they are of this generation or a later one.

        Raises:
            DatabaseUnreachable: while reading, MongoDB was away.
            TooDenseError: an hour has too many documents to be kept.
        """
        hour = first_hour
        while hour < stop_hour:
            block = self._blocks.find((self._metric.id, hour), generation)
            if block is not None:
                yield block.batch
                hour += 1
                continue
            found = self._find(hour, stop_hour, generation)
            yield from found
            hour += len(found)

    def read(self, first_hour: int, stop_hour: int | None) -> Iterator[Batch]:
        """The documents of these hours as MongoDB has them; None means without end. Raises as `sealed`."""
        count = 0
        until_ms = None if stop_hour is None else stop_hour * HOUR_MS
        for raw in self._reader.at_once(self._metric, first_hour * HOUR_MS, until_ms):
            batch = encode_batch(raw, self._metric)
            count += len(batch)
            if count > MOST_DOCUMENTS:
                raise TooDenseError
            if len(batch):
                yield batch

    def _find(self, hour: int, stop_hour: int, generation: int) -> list[Batch]:
        """The hour's batch, by waiting for who reads it; else that and those after it, by reading them."""
        with self._lock:
            other = self._reading.get((hour, generation))
            run = [] if other else self._claim(hour, stop_hour, generation)
        try:
            return self._fill(run, generation) if other is None else [other.result()]
        except AbandonedError:
            return []
        except TooDenseError:
            if self._run_hours == 1:
                raise
            self._run_hours = 1
            return []

    def _claim(self, hour: int, stop_hour: int, generation: int) -> list[int]:
        run = []
        for mine in range(hour, min(stop_hour, hour + self._run_hours)):
            block = self._blocks.get((self._metric.id, mine))
            if (mine, generation) in self._reading or (block is not None and block.generation >= generation):
                break
            self._reading[mine, generation] = Future()
            run.append(mine)
        return run

    def _fill(self, run: list[int], generation: int) -> list[Batch]:
        """Read the claimed hours, keep them, and tell who waits for them."""
        failure: BaseException = AbandonedError()
        batches: list[Batch] = []
        try:
            batches = [self._keep(hour, batch, generation) for hour, batch in zip(run, self._hours(run), strict=True)]
        except (PycemakerError, TooDenseError) as error:
            failure = error
            raise
        finally:
            with self._lock:
                claims = [self._reading.pop((hour, generation)) for hour in run]
            for place, claim in enumerate(claims):
                if len(batches) == len(run):
                    claim.set_result(batches[place])
                else:
                    claim.set_exception(failure)
        return batches

    def _keep(self, hour: int, batch: Batch, generation: int) -> Batch:
        before = self._blocks.get((self._metric.id, hour))
        kept = before.batch if before is not None and before.batch.digest == batch.digest else batch
        if before is None or before.generation < generation:
            self._blocks.put((self._metric.id, hour), Block(kept, generation))
        return kept

    def _hours(self, run: list[int]) -> list[Batch]:
        pieces: dict[int, list[Batch]] = {hour: [] for hour in run}
        count = 0
        for batch in self.read(run[0], run[-1] + 1):
            count += len(batch)
            times = batch.columns.time_ms
            for hour in range(int(times[0]) // HOUR_MS, int(times[-1]) // HOUR_MS + 1):
                pieces[hour].append(batch.between(hour * HOUR_MS, (hour + 1) * HOUR_MS))
        self._run_hours = max(1, min(RUN_HOURS, RUN_DOCUMENTS * len(run) // max(1, count)))
        return [join_batches(pieces[hour]) for hour in run]
