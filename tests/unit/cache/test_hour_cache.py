"""Runs of hours: claimed together, fetched ahead, read to the end or given up."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from unittest.mock import patch

import bson
import pytest

from pycemaker.cache import hour_cache
from pycemaker.cache.cache_memory import CachedHour, HourLru
from pycemaker.cache.hour_cache import RUN_HOURS, RUNS_AT_ONCE, HourCache, TooDenseError
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import CPU
from pycemaker.series.batches import Batch, no_batch
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import from_epoch_ms

FIRST, GENERATION = 500_000, 3
ALL = 1e9


class FakeReader:
    """Has a document each ten minutes; notes which hours were begun, and waits or fails where a test says so."""

    application = ""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.taken: list[int] = []
        self.begun_before_first_taken = 0
        self.gates: dict[int, threading.Event] = {}
        self.fails: set[int] = set()
        self.refuses_to_begin = False

    def prefetch(self, _metric: object, from_ms: int, until_ms: int) -> Future[None]:
        if self.refuses_to_begin:
            raise RuntimeError("can't start new thread")
        self.begun.append((from_ms // HOUR_MS, until_ms // HOUR_MS))
        return Future()

    def read_ahead(
        self, _metric: object, from_ms: int, until_ms: int, first_page: Future[None] | None = None
    ) -> Iterator[bytes]:
        first, stop = from_ms // HOUR_MS, until_ms // HOUR_MS
        if first_page is None:
            self.begun.append((first, stop))
        return self._documents(first, stop)

    def _documents(self, first: int, stop: int) -> Iterator[bytes]:
        if not self.taken:
            self.begun_before_first_taken = len(self.begun)
        self.taken.append(first)
        if first in self.gates:
            self.gates[first].wait(10)
        if first in self.fails:
            raise DatabaseUnreachable(reason="it went away")
        yield b"".join(document(ms) for ms in range(first * HOUR_MS, stop * HOUR_MS, HOUR_MS // 6))


def document(ms: int) -> bytes:
    return bson.encode({"time_series": from_epoch_ms(ms), "value": ms % 7.0})


def hours_of(batches: list[Batch]) -> list[int]:
    return [int(batch.columns.time_ms[0]) // HOUR_MS for batch in batches]


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def lru() -> HourLru:
    return HourLru(2**26)


@pytest.fixture
def cache(reader: FakeReader, lru: HourLru) -> HourCache:
    return HourCache(CPU, reader, lru)  # type: ignore[arg-type]


def test_the_next_runs_are_on_their_way_before_the_first_is_worked_on(reader: FakeReader, cache: HourCache) -> None:
    stop = FIRST + 5 * RUN_HOURS
    batches = cache.read_sealed(FIRST, stop, GENERATION, ALL)
    assert hours_of(batches) == list(range(FIRST, stop))
    assert all(len(batch) == 6 for batch in batches)
    assert sorted(reader.begun) == [(first, first + RUN_HOURS) for first in range(FIRST, stop, RUN_HOURS)]
    assert reader.begun_before_first_taken == RUNS_AT_ONCE


def test_cached_hours_are_not_read_and_part_the_runs(reader: FakeReader, lru: HourLru, cache: HourCache) -> None:
    cached = no_batch()
    lru.put(("cpu", FIRST + 2), CachedHour(cached, GENERATION))
    lru.put(("cpu", FIRST + 3), CachedHour(cached, GENERATION - 1))
    batches = cache.read_sealed(FIRST, FIRST + 5, GENERATION, ALL)
    assert batches[2] is cached
    assert sorted(reader.begun) == [(FIRST, FIRST + 2), (FIRST + 3, FIRST + 5)]


def test_of_many_who_ask_for_overlapping_hours_each_hour_is_read_by_one(reader: FakeReader, cache: HourCache) -> None:
    starts = [FIRST + 7 * place for place in range(8)]
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda start: cache.read_sealed(start, FIRST + 100, GENERATION, ALL), starts))
    assert [hours_of(batches) for batches in batches] == [list(range(start, FIRST + 100)) for start in starts]
    read = sorted(hour for first, stop in reader.begun for hour in range(first, stop))
    assert read == list(range(FIRST, FIRST + 100))


def test_a_thread_that_waits_for_one_that_gives_up_reads_the_hours_itself(reader: FakeReader, cache: HourCache) -> None:
    """The first one claims two runs and fails in the first; the other has claimed what comes after them."""
    gate = reader.gates[FIRST] = threading.Event()
    reader.fails.add(FIRST)
    with patch.object(hour_cache, "RUNS_AT_ONCE", 2), ThreadPoolExecutor(2) as pool:
        failing = pool.submit(cache.read_sealed, FIRST, FIRST + 2 * RUN_HOURS, GENERATION, ALL)
        until(lambda: reader.taken == [FIRST])
        waiting = pool.submit(cache.read_sealed, FIRST + RUN_HOURS, FIRST + 4 * RUN_HOURS, GENERATION, ALL)
        until(lambda: len(reader.begun) == 4)
        gate.set()
        with pytest.raises(DatabaseUnreachable):
            failing.result(10)
        assert hours_of(waiting.result(10)) == list(range(FIRST + RUN_HOURS, FIRST + 4 * RUN_HOURS))


def test_a_failure_reaches_all_that_wait_and_the_next_read_tries_again(reader: FakeReader, cache: HourCache) -> None:
    gate = reader.gates[FIRST] = threading.Event()
    reader.fails.add(FIRST)
    with ThreadPoolExecutor(3) as pool:
        reads = [pool.submit(cache.read_sealed, FIRST, FIRST + 2, GENERATION, ALL) for _ in range(3)]
        until(lambda: reader.taken == [FIRST])
        gate.set()
        failed = [isinstance(each.exception(10), DatabaseUnreachable) for each in reads]
    assert any(failed)
    reader.fails.clear()
    assert len(cache.read_sealed(FIRST, FIRST + 2, GENERATION, ALL)) == 2


def test_a_run_of_too_many_documents_is_read_hour_by_hour(reader: FakeReader, cache: HourCache) -> None:
    with patch.object(hour_cache, "MOST_DOCUMENTS", 10):
        assert hours_of(cache.read_sealed(FIRST, FIRST + 4, GENERATION, ALL)) == list(range(FIRST, FIRST + 4))
        assert {(hour, hour + 1) for hour in range(FIRST, FIRST + 4)} <= set(reader.begun)
        with patch.object(hour_cache, "MOST_DOCUMENTS", 5), pytest.raises(TooDenseError):
            cache.read_sealed(FIRST + 10, FIRST + 12, GENERATION, ALL)


def test_a_run_of_one_s_own_is_read_though_a_later_generation_has_its_first_hour(
    reader: FakeReader, cache: HourCache
) -> None:
    """Else who has claimed the rest of the run would wait for himself."""
    gate = reader.gates[FIRST] = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        reads = pool.submit(cache.read_sealed, FIRST, FIRST + 3 * RUN_HOURS, GENERATION, ALL)
        until(lambda: reader.taken == [FIRST])
        assert len(cache.read_sealed(FIRST + RUN_HOURS, FIRST + RUN_HOURS + 1, GENERATION + 1, ALL)) == 1
        gate.set()
        assert hours_of(reads.result(10)) == list(range(FIRST, FIRST + 3 * RUN_HOURS))
    assert not cache.is_reading


def test_readers_of_many_generations_all_get_their_hours_and_leave_no_claim(
    reader: FakeReader, cache: HourCache
) -> None:
    dice = random.Random(11)
    reads = [(FIRST + dice.randrange(60), GENERATION + number // 6) for number in range(120)]
    with ThreadPoolExecutor(12) as pool:
        batches = list(
            pool.map(lambda one: hours_of(cache.read_sealed(one[0], FIRST + 72, one[1], ALL)), reads, timeout=30)
        )
    assert batches == [list(range(first, FIRST + 72)) for first, _ in reads]
    assert not cache.is_reading


def test_claims_are_given_up_where_a_page_cannot_be_fetched(reader: FakeReader, cache: HourCache) -> None:
    reader.refuses_to_begin = True
    with pytest.raises(RuntimeError):
        cache.read_sealed(FIRST, FIRST + 2 * RUN_HOURS, GENERATION, ALL)
    assert not cache.is_reading


def test_runs_that_overflow_together_are_all_read_hour_by_hour(reader: FakeReader, cache: HourCache) -> None:
    with patch.object(hour_cache, "MOST_DOCUMENTS", 60):  # six an hour, twelve hours a run
        assert hours_of(cache.read_sealed(FIRST, FIRST + 48, GENERATION, ALL)) == list(range(FIRST, FIRST + 48))


def test_no_more_than_so_many_bytes_are_taken_and_what_was_begun_is_left_to_others(
    reader: FakeReader, cache: HourCache
) -> None:
    a_run = sum(batch.size_bytes for batch in cache.read_sealed(FIRST, FIRST + RUN_HOURS, GENERATION, ALL))
    batches = cache.read_sealed(FIRST, FIRST + 9 * RUN_HOURS, GENERATION, 2 * a_run)
    assert hours_of(batches) == list(range(FIRST, FIRST + 3 * RUN_HOURS))
    assert len(cache.read_sealed(FIRST, FIRST + 9 * RUN_HOURS, GENERATION, ALL)) == 9 * RUN_HOURS


def test_of_what_a_slow_client_takes_one_run_is_read_at_a_time(reader: FakeReader, cache: HourCache) -> None:
    assert len(cache.read_sealed(FIRST, FIRST + 4 * RUN_HOURS, GENERATION, 0)) == RUN_HOURS
    assert reader.begun == [(FIRST, FIRST + RUN_HOURS)]
    assert len(cache.read_sealed(FIRST, FIRST + 4 * RUN_HOURS, GENERATION, 0)) == 1


def test_of_hours_that_are_held_in_turn_each_missing_one_is_asked_for_once(
    reader: FakeReader, lru: HourLru, cache: HourCache
) -> None:
    for odd in range(1, 24, 2):
        lru.put(("cpu", FIRST + odd), CachedHour(no_batch(), GENERATION))
    hour = FIRST
    while hour < FIRST + 24:
        hour += len(cache.read_sealed(hour, FIRST + 24, GENERATION, 0))
    assert len(reader.begun) == 12


def until(holds: object) -> None:
    moment = threading.Event()
    for _ in range(2000):
        if holds():  # type: ignore[operator]
            return
        moment.wait(0.005)
    raise AssertionError("it never came to that")
