"""Memory between the database and the answers: the same bytes as without it, whatever is written meanwhile."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.collection import Collection

from pycemaker.cache import detector_choice, hour_cache, metric_cache, past_changes
from pycemaker.cache.cache_memory import CachedHour, HourLru
from pycemaker.cache.change_stream import ChangeStream
from pycemaker.cache.sample_store import Store
from pycemaker.cache.write_counters import CounterDetector, WriteCounts, read_write_counts
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import CPU, REQUEST_COUNT
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import APPLICATION_KEY, KEY
from pycemaker.mongo.single_flight import SingleFlight
from pycemaker.series.batches import Batch, no_batch
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.web import response_bodies
from pycemaker.web.metric_answers import prefetch
from pycemaker.window import Interval, Window, since, to_epoch_ms
from tests.services.replica import replica_set

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
CACHE_BYTES = 64 * 2**20

Write = Callable[[Any], Any]


def seconds_before(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def sample(seconds: float, value: float = 0.5, **more: Any) -> dict[str, Any]:
    return {"time_series": seconds_before(seconds), "value": value, "criticity": "low", **more}


def fill(database: Database, count: int = 3000) -> None:
    """A sample every 5 s, the newest at NOW."""
    database["cpu_usage"].insert_many([sample(5 * back, back % 97 / 97) for back in range(count)])


def tail_of(store: Store, hours_back: float) -> bytes:
    return b"".join(response_bodies.tail(store.read(CPU, since(NOW - timedelta(hours=hours_back)))))


def interval_of(store: Store, end: datetime, length: int) -> bytes:
    window = Window(end, length)
    return b"".join(response_bodies.interval(store.read(CPU, window.current), store.read(CPU, window.previous), window))


def answers(store: Store) -> list[bytes]:
    ends = [NOW, seconds_before(3600), seconds_before(9007), NOW + timedelta(days=1)]
    lengths = [0, 0.5, 1.7, 9000]
    return [tail_of(store, length) for length in lengths] + [interval_of(store, end, n) for end in ends for n in (1,)]


@pytest.fixture
def checked_always() -> Iterator[None]:
    """Every answer checks the database first, so that nobody has to wait."""
    with patch.object(metric_cache, "FRESH_SECONDS", -1.0), patch.object(metric_cache, "STALE_SECONDS", -1.0):
        yield


@pytest.fixture
def compared_once() -> Iterator[None]:
    """What was compared after a change is not compared once more some seconds later."""
    with patch.object(metric_cache, "SETTLE_SECONDS", 1e9):
        yield


@pytest.fixture
def cached(database: Database) -> Store:
    return Store(database, CACHE_BYTES)


@pytest.fixture(scope="module")
def replicated_url() -> Iterator[str]:
    with replica_set() as url:
        yield url


@pytest.fixture(scope="module")
def replicated(replicated_url: str) -> Iterator[Database]:
    database = Database(replicated_url)
    yield database
    database.close()


class RecordedStream(ChangeStream):
    """Lists the events that it has noted."""

    def __init__(self, *arguments: Any) -> None:
        self.noted = list[Any]()
        super().__init__(*arguments)

    def note(self, event: Any) -> None:
        super().note(event)
        self.noted.append(event)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[RecordedStream]:
    """The change streams that stores open, oldest first."""
    opened = list[RecordedStream]()

    def open_stream(*arguments: Any) -> RecordedStream:
        opened.append(RecordedStream(*arguments))
        return opened[-1]

    monkeypatch.setattr(detector_choice, "ChangeStream", open_stream)
    return opened


def reads_of(store: Store) -> Any:
    """Counts the runs of hours that are read."""
    return patch.object(store.reader, "read_ahead", wraps=store.reader.read_ahead)


WRITES: dict[str, Write] = {
    "a new sample": lambda c: c.insert_one(sample(-5, 0.9)),
    "a new sample a little out of order": lambda c: c.insert_one(sample(22.5)),
    "a late sample": lambda c: c.insert_one(sample(7200.5)),
    "a sample older than all": lambda c: c.insert_one(sample(10**6)),
    "a sample of the far future": lambda c: c.insert_one(sample(-(10**6))),
    "a corrected sample": lambda c: c.update_one({"time_series": seconds_before(5000)}, {"$set": {"value": 0.123}}),
    "a correction of the same length": lambda c: c.update_one({"time_series": seconds_before(0)}, {"$set": {"value": 0.75}}),
    "a sample moved in time": lambda c: c.update_one(
        {"time_series": seconds_before(5000)}, {"$set": {"time_series": seconds_before(9001)}}
    ),
    "a replaced sample": lambda c: c.replace_one({"time_series": seconds_before(100)}, sample(100, 7, note="x" * 5000)),
    "a deleted sample": lambda c: c.delete_one({"time_series": seconds_before(6000)}),
    "the newest deleted": lambda c: c.delete_one({"time_series": NOW}),
    "one deleted and another inserted": lambda c: (c.delete_one({"time_series": NOW}), c.insert_one(sample(2))),
    "everything corrected": lambda c: c.update_many({}, {"$set": {"criticity": "high"}}),
    "everything deleted": lambda c: c.delete_many({}),
    "the collection dropped": lambda c: c.drop(),
    "dropped and written anew": lambda c: (c.drop(), c.insert_many([sample(5 * n, 0.25) for n in range(2500)])),
    "another collection renamed over it": lambda c: renamed_over(c),
    "many new samples": lambda c: c.insert_many([sample(-5 * n) for n in range(1, 3000)]),
    "so many that the end is read anew": lambda c: c.insert_many([sample(-n) for n in range(1, 25_000)]),
    "samples of an instant that has one": lambda c: c.insert_many([sample(3600) for _ in range(3)]),
    "an old sample moved to the newest instant": lambda c: c.update_one(
        {"time_series": seconds_before(5000)}, {"$set": {"time_series": NOW}}
    ),
    "an old sample replaced by a new one": lambda c: c.replace_one({"time_series": seconds_before(5000)}, sample(-5, 0.9)),
    "an old sample made longer while a new one comes": lambda c: (
        c.update_one({"time_series": seconds_before(5000)}, {"$set": {"note": "x" * 5000}}),
        c.insert_one(sample(-5)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITES)
def test_what_another_process_writes_is_in_the_next_answer(
    what: str, database: Database, cached: Store, store: Store, checked_always: None
) -> None:
    fill(database)
    assert answers(cached) == answers(store)
    WRITES[what](database["cpu_usage"])
    assert answers(cached) == answers(store)


def eventually(holds: Callable[[], bool], within_seconds: float = 10.0) -> bool:
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "what", [*[*WRITES][:11], "dropped and written anew", "an old sample moved to the newest instant"]
)
def test_a_replica_set_tells_by_its_change_stream(what: str, replicated: Database, checked_always: None) -> None:
    collection = replicated["cpu_usage"]
    collection.delete_many({})
    fill(replicated)
    with (
        patch.object(past_changes, "INVALIDATE_SECONDS", 1e9),
        patch("pycemaker.cache.detector_choice.read_write_counts", side_effect=AssertionError),
    ):
        cached, plain = Store(replicated, CACHE_BYTES), Store(replicated)
        assert eventually(lambda: answers(cached) == answers(plain))
        time.sleep(0.3)  # the stream is open by now, and says that it is
        assert answers(cached) == answers(plain)
        WRITES[what](collection)
        assert eventually(lambda: answers(cached) == answers(plain))


def renamed_over(collection: Any) -> None:
    """Another collection takes the place of this one, as when a restored copy is swapped in."""
    other = collection.database["restored"]
    other.drop()
    other.insert_many([sample(5 * back, 0.75) for back in range(2000)])
    other.create_index(KEY)
    other.rename(collection.name, dropTarget=True)


def test_a_collection_that_takes_the_place_of_a_metric_s_is_noticed(
    replicated: Database, streams: list[RecordedStream], checked_always: None, compared_once: None
) -> None:
    replicated["cpu_usage"].delete_many({})
    fill(replicated)
    with patch.object(past_changes, "INVALIDATE_SECONDS", 1e9):
        cached, plain = Store(replicated, CACHE_BYTES), Store(replicated)
        assert eventually(lambda: answers(cached) == answers(plain))
        assert eventually(streams[-1].keeps_up)
        assert eventually(lambda: answers(cached) == answers(plain))
        renamed_over(replicated["cpu_usage"])
        assert eventually(lambda: answers(cached) == answers(plain))


def test_a_stream_keeps_up_with_writes_that_never_pause(replicated: Database) -> None:
    collection, stop = replicated["cpu_usage"], threading.Event()
    collection.delete_many({})
    stream, began = (
        ChangeStream(replicated.handle, {"cpu_usage": lambda _application: None}, await_ms=3000),
        time.monotonic(),
    )

    def keep_writing() -> None:
        while not stop.is_set():
            collection.insert_one(sample(-5))
            time.sleep(0.02)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(keep_writing)
        caught_up = eventually(lambda: stream.caught_up_at > began + 3.5)
        stop.set()
    assert caught_up


def test_a_sample_behind_an_end_that_is_just_moving_on_is_not_missed(
    replicated: Database,
    streams: list[RecordedStream],
    checked_always: None,
    compared_once: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stream tells of it while the probe, which has read already, is about to move the end past it."""
    collection = replicated["cpu_usage"]
    collection.delete_many({})
    fill(replicated)
    monkeypatch.setattr(past_changes, "INVALIDATE_SECONDS", 1e9)
    cached, plain = Store(replicated, CACHE_BYTES), Store(replicated)
    assert eventually(lambda: tail_of(cached, 6) == tail_of(plain, 6))
    stream = streams[-1]
    assert eventually(stream.keeps_up)
    stream.noted.clear()
    collection.insert_one(sample(-1))
    assert eventually(lambda: bool(stream.noted))
    assert eventually(lambda: tail_of(cached, 6) == tail_of(plain, 6))
    batches = cached.reader.read_batches

    def late(*args: Any) -> Iterator[bytes]:
        yield from batches(*args)
        collection.insert_one(sample(-30))
        assert eventually(lambda: len(stream.noted) == 3)

    collection.insert_one(sample(-120))
    with patch.object(cached.reader, "read_batches", late):
        tail_of(cached, 6)
    assert eventually(lambda: tail_of(cached, 6) == tail_of(plain, 6), 3)


@pytest.mark.parametrize(("preference", "is_read_again"), [("primary", False), ("secondaryPreferred", True)])
def test_what_may_come_from_a_secondary_that_lags_is_read_again(
    replicated: Database,
    replicated_url: str,
    streams: list[RecordedStream],
    compared_once: None,
    preference: str,
    is_read_again: bool,
) -> None:
    replicated["cpu_usage"].delete_many({})
    fill(replicated)
    database = Database(f"{replicated_url}&readPreference={preference}")
    with patch.object(past_changes, "INVALIDATE_SECONDS", 0.5), patch.object(metric_cache, "FRESH_SECONDS", 0.0):
        cached = Store(database, CACHE_BYTES)
        tail_of(cached, 6)
        assert is_read_again or eventually(streams[-1].keeps_up)
        tail_of(cached, 6)
        time.sleep(0.6)
        with reads_of(cached) as reads:
            tail_of(cached, 6)
    database.close()
    assert (reads.call_count > 0) is is_read_again


@pytest.fixture(params=["replicated", "database"])
def deployment(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    found["cpu_usage"].drop()
    return found


@pytest.mark.parametrize("what", ["a late sample", "a corrected sample", "a deleted sample", "a new sample"])
def test_what_is_written_to_the_collection_of_a_view_is_seen_in_the_view(
    what: str, deployment: Database, streams: list[RecordedStream], checked_always: None, compared_once: None
) -> None:
    source = deployment["measured"]
    source.drop()
    source.insert_many([sample(5 * back, back % 97 / 97) for back in range(3000)])
    deployment.handle.create_collection("cpu_usage", viewOn="measured", pipeline=[])
    with patch.object(past_changes, "INVALIDATE_SECONDS", 0.2):
        cached, plain = Store(deployment, CACHE_BYTES), Store(deployment)
        assert eventually(lambda: answers(cached) == answers(plain))
        if streams:
            assert eventually(streams[-1].keeps_up)
            assert answers(cached) == answers(plain)
        WRITES[what](source)
        assert eventually(lambda: answers(cached) == answers(plain))
    deployment["cpu_usage"].drop()


def test_a_time_series_collection_is_answered_with_and_without_memory(
    deployment: Database, checked_always: None, compared_once: None
) -> None:
    deployment.handle.create_collection("cpu_usage", timeseries={"timeField": "time_series"})
    fill(deployment)
    with patch.object(past_changes, "INVALIDATE_SECONDS", 0.2):
        cached, plain = Store(deployment, CACHE_BYTES), Store(deployment)
        assert tail_of(plain, 6).count(b'"_id"') == 3000
        assert eventually(lambda: answers(cached) == answers(plain))
        WRITES["a late sample"](deployment["cpu_usage"])
        WRITES["a new sample"](deployment["cpu_usage"])
        assert eventually(lambda: answers(cached) == answers(plain))
    deployment["cpu_usage"].drop()


@pytest.mark.parametrize("what", ["a late sample", "a corrected sample", "a deleted sample", "a new sample"])
def test_without_either_all_is_read_again(what: str, database: Database, store: Store, checked_always: None) -> None:
    fill(database)
    with (
        patch("pycemaker.cache.detector_choice.read_write_counts", lambda *_: None),
        patch.object(past_changes, "INVALIDATE_SECONDS", 0.2),
    ):
        cached = Store(database, CACHE_BYTES)
        assert answers(cached) == answers(store)
        WRITES[what](database["cpu_usage"])
        time.sleep(0.25)
        assert answers(cached) == answers(store)


AT = st.integers(-400, 11_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(AT, min_size=1, max_size=4)),
        st.tuples(st.just("append"), st.integers(1, 40)),
        st.tuples(st.just("correct"), AT),
        st.tuples(st.just("move"), st.tuples(AT, AT)),
        st.tuples(st.just("delete"), AT),
        st.tuples(st.just("read"), st.tuples(AT, st.integers(1, 3))),
    ),
    min_size=1,
    max_size=12,
)


def write(collection: Any, step: tuple[str, Any], newest: list[float]) -> None:
    kind, given_ = step
    match kind:
        case "insert":
            collection.insert_many([sample(at) for at in given_])
        case "append":
            newest[0] -= 5 * given_
            collection.insert_many([sample(newest[0] + 5 * n) for n in range(given_)])
        case "correct":
            collection.update_one({"time_series": {"$lte": seconds_before(given_)}}, {"$set": {"value": given_ / 7}})
        case "move":
            there = {"$set": {"time_series": seconds_before(given_[1])}}
            collection.update_one({"time_series": {"$lte": seconds_before(given_[0])}}, there)
        case "delete":
            collection.delete_one({"time_series": {"$lte": seconds_before(given_)}})


def test_a_change_whose_reading_fails_is_read_by_the_next_answer(
    database: Database, cached: Store, store: Store, checked_always: None, compared_once: None
) -> None:
    fill(database)
    assert answers(cached) == answers(store)
    WRITES["a late sample"](database["cpu_usage"])
    database["cpu_usage"].update_one({"time_series": seconds_before(100)}, {"$set": {"value": 7}})
    away = patch.object(cached.reader, "newest_ms", side_effect=DatabaseUnreachable(reason="away"))
    with away, pytest.raises(DatabaseUnreachable):
        answers(cached)
    assert answers(cached) == answers(store)


def test_who_waited_for_a_check_that_began_long_ago_has_it_made_again(
    database: Database, cached: Store, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database)
    monkeypatch.setattr(metric_cache, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(metric_cache, "STALE_SECONDS", 0.1)
    tail_of(cached, 6)
    batches, join = cached.reader.read_batches, SingleFlight.join
    slow, waits, go_on = threading.Event(), threading.Event(), threading.Event()

    def slowly(*args: Any) -> Iterator[bytes]:
        monkeypatch.setattr(cached.reader, "read_batches", batches)
        yield from batches(*args)
        slow.set()
        go_on.wait(10)

    def joined(checks: SingleFlight[None]) -> Any:
        flight, leads = join(checks)
        if not leads:
            waits.set()
        return flight, leads

    monkeypatch.setattr(cached.reader, "read_batches", slowly)
    monkeypatch.setattr(SingleFlight, "join", joined)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(tail_of, cached, 6)
        assert slow.wait(10)
        database["cpu_usage"].insert_one(sample(-5))
        time.sleep(0.15)  # from here on the check that is under way is too old
        answer = pool.submit(tail_of, cached, 6)
        assert waits.wait(10)
        go_on.set()
        assert answer.result() == tail_of(store, 6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, limit=st.sampled_from([300_000, CACHE_BYTES]))
def test_answers_are_the_same_bytes_with_and_without_memory_after_any_writes(
    steps: list[tuple[str, Any]], limit: int, database: Database, store: Store, checked_always: None
) -> None:
    collection = database["cpu_usage"]
    collection.delete_many({})
    fill(database, 2200)
    cached, newest = Store(database, limit), [0.0]
    for step in steps:
        write(collection, step, newest)
        ago, length = step[1] if step[0] == "read" else (0, 1)
        end = seconds_before(ago)
        assert interval_of(cached, end, length) == interval_of(store, end, length)
        assert tail_of(cached, 2.5) == tail_of(store, 2.5)


def test_answers_under_concurrent_writes_are_those_of_some_moment_and_end_up_the_same(
    database: Database, store: Store
) -> None:
    """Writers and readers at once, at the real pace of checks."""
    collection, stop, faults = database["cpu_usage"], threading.Event(), list[str]()
    fill(database)
    cached = Store(database, CACHE_BYTES)

    def keep_writing(seed: int) -> None:
        dice, newest = random.Random(seed), [-float(seed)]
        while not stop.is_set():
            at = dice.uniform(0, 20_000)
            steps = [("append", 1), ("insert", [at]), ("correct", at), ("delete", at)]
            write(collection, dice.choices(steps, (6, 1, 1, 1))[0], newest)
            time.sleep(dice.uniform(0, 0.02))

    def keep_reading(_seed: int) -> None:
        while not stop.is_set():
            for batch in cached.read(CPU, since(NOW - timedelta(hours=5))):
                if (batch.columns.time_ms[1:] < batch.columns.time_ms[:-1]).any():
                    faults.append("out of order")

    with ThreadPoolExecutor(5) as pool:
        working = [pool.submit(keep_writing, seed) for seed in (1, 2)]
        working += [pool.submit(keep_reading, seed) for seed in (3, 4, 5)]
        time.sleep(3)
        stop.set()
        [work.result() for work in working]
    assert faults == []
    assert eventually(lambda: answers(cached) == answers(store))
    time.sleep(1)
    assert answers(cached) == answers(store)


def test_what_is_in_memory_is_not_read_again(database: Database, cached: Store, compared_once: None) -> None:
    fill(database)
    first = tail_of(cached, 6), interval_of(cached, NOW, 3)
    with reads_of(cached) as reads:
        assert (tail_of(cached, 6), interval_of(cached, NOW, 3)) == first
    assert reads.call_count == 0


def test_however_many_ask_a_missing_hour_is_read_once(
    database: Database, cached: Store, store: Store, compared_once: None
) -> None:
    fill(database)
    expected = tail_of(store, 6)
    with reads_of(cached) as reads, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: tail_of(cached, 6), range(16)))
    assert set(found) == {expected}
    assert reads.call_count == 2  # the end, and the hours before it


def test_a_new_sample_does_not_make_anything_else_be_read(
    database: Database, cached: Store, store: Store, checked_always: None, compared_once: None
) -> None:
    fill(database)
    answers(cached)
    answers(cached)
    with reads_of(cached) as reads:
        for ahead in range(1, 900):  # over an hour's end
            database["cpu_usage"].insert_one(sample(-5 * ahead))
            if ahead % 50 == 0:
                assert tail_of(cached, 6) == tail_of(store, 6)
    assert reads.call_count == 0


@pytest.mark.parametrize("comes", ["before", "after"])
def test_a_sample_dated_years_ahead_does_not_make_anything_else_be_read(
    database: Database, cached: Store, store: Store, checked_always: None, compared_once: None, comes: str
) -> None:
    collection, ahead = database["cpu_usage"], {"time_series": datetime(2099, 1, 1, tzinfo=UTC), "value": 1}
    fill(database)
    if comes == "before":
        collection.insert_one(ahead)
    answers(cached)
    answers(cached)
    if comes == "after":
        collection.insert_one(ahead)
    with reads_of(cached) as reads:
        for newer in range(1, 900):
            collection.insert_one(sample(-5 * newer))
            if newer % 50 == 0:
                assert tail_of(cached, 6) == tail_of(store, 6)
    assert reads.call_count == 0
    collection.update_one({"time_series": ahead["time_series"]}, {"$set": {"value": 2}})
    assert answers(cached) == answers(store)


def test_a_metric_whose_clock_is_ahead_is_cached_up_to_its_own_end(
    database: Database, cached: Store, store: Store, checked_always: None, compared_once: None
) -> None:
    """As of a collector that takes local time for UTC."""
    now = datetime.now(UTC)
    times = [now + timedelta(hours=3, seconds=5 * n) for n in range(-5000, 0)]
    database["cpu_usage"].insert_many([{"time_series": at, "value": 1} for at in times])
    for _ in range(2):
        database["cpu_usage"].insert_one({"time_series": now + timedelta(hours=3), "value": 2})
        with_memory, plain = (
            b"".join(response_bodies.tail(each.read(CPU, since(now - timedelta(hours=2))))) for each in (cached, store)
        )
        assert with_memory == plain
    with reads_of(cached) as reads:
        cached.start_read(CPU, since(now + timedelta(hours=2)))
    assert reads.call_count == 0


def test_memory_stays_within_its_bound_and_the_least_used_leaves_first() -> None:
    lru = HourLru(2000)
    for hour in range(3):
        lru.put(("cpu", hour), CachedHour(no_batch(), 0))
        assert lru.size_bytes <= 2000
    assert lru.get(("cpu", 0)) is not None
    lru.put(("cpu", 3), CachedHour(no_batch(), 0))
    assert lru.get(("cpu", 1)) is None
    assert lru.get(("cpu", 0)) is not None


def test_an_answer_too_long_to_keep_streams_past_the_memory(database: Database, store: Store) -> None:
    fill(database, 20_000)
    cached = Store(database, 2**20)
    reading = cached.start_read(CPU, since(NOW - timedelta(days=2)))
    assert not reading.fits_cache
    assert b"".join(response_bodies.tail(reading.batches)) == tail_of(store, 48)
    assert cached.cache_usage.size_bytes <= 2**20


def test_of_a_stretch_too_long_to_keep_that_ends_in_the_past_nothing_is_cached(
    database: Database, store: Store
) -> None:
    fill(database, 20_000)
    cached = Store(database, 2**23)
    past = Interval(NOW - timedelta(hours=26), NOW - timedelta(hours=3))
    assert b"".join(response_bodies.tail(cached.start_read(CPU, past).batches)) == b"".join(
        response_bodies.tail(store.read(CPU, past))
    )
    assert cached.cache_usage.hours == 0
    assert b"".join(response_bodies.tail(cached.start_read(CPU, since(past.start_utc)).batches)) == tail_of(store, 26)
    assert cached.cache_usage.hours > 3


def test_an_answer_of_hours_larger_than_they_seemed_is_cached_up_to_its_bound(database: Database, store: Store) -> None:
    database["cpu_usage"].insert_many([sample(5 * back, note="x" * 1500) for back in range(5000)])
    cached = Store(database, 2**23)
    reading = cached.start_read(CPU, since(NOW - timedelta(hours=6.5)))
    assert reading.fits_cache  # going by the usual size of an hour
    gathered = prefetch(reading)
    assert not gathered.is_whole
    assert sum(len(batch.rows) for batch in gathered.head) < 2**23 / 8 * 7 / 4 + 1_300_000
    assert b"".join(response_bodies.tail(gathered.take())) == tail_of(store, 6.5)


def too_large(hour_lru: HourLru) -> Batch:
    """A batch in whose place nothing is cached."""
    return replace(no_batch(), rows=bytes(hour_lru.limit_bytes))


def test_a_long_answer_that_nobody_takes_pins_no_hours_of_the_memory(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, 20_000)
    hour_lru = HourLru(2**23 // 8 * 7)
    monkeypatch.setattr("pycemaker.cache.metric_caches.HourLru", lambda *_: hour_lru)
    cached = Store(database, 2**23)
    tail_of(cached, 6)
    newest_hour = to_epoch_ms(NOW) // HOUR_MS
    keys = [("cpu", newest_hour - back) for back in range(24)]
    held = [weakref.ref(hour.batch) for hour in map(hour_lru.get, keys) if hour]
    assert len(held) > 5
    reading = cached.start_read(CPU, since(NOW - timedelta(hours=24)))
    assert not reading.fits_cache
    seen = 0
    while seen < 17_280 - 5 * 720:  # into what the memory holds
        batch = next(reading.batches)
        seen += len(batch)
    for key in keys:
        hour_lru.put(key, CachedHour(too_large(hour_lru), 0))
    assert hour_lru.size_bytes == 0
    del batch
    gc.collect()
    assert sum(each() is not None for each in held) <= 1
    assert seen + sum(map(len, reading.batches)) == 17_281


def test_a_long_answer_goes_from_page_to_page_without_losing_or_doubling_a_sample(
    database: Database, store: Store
) -> None:
    documents = [{"_id": n, "time_series": seconds_before(n // 7), "value": 1} for n in range(9000)]
    database["cpu_usage"].insert_many(documents)
    whole = tail_of(store, 2)
    with patch("pycemaker.mongo.document_pages.PAGE_DOCUMENTS", 300):
        assert tail_of(store, 2) == whole
    assert whole.count(b'"_id"') == 9000


def test_hours_of_too_many_samples_are_read_past_the_memory(database: Database, cached: Store, store: Store) -> None:
    fill(database)
    with patch.object(hour_cache, "MOST_DOCUMENTS", 700):
        assert answers(cached) == answers(store)
        database["cpu_usage"].insert_one(sample(5000.5))
        assert answers(cached) == answers(store)


def test_whether_an_answer_still_holds_is_known_without_asking(
    database: Database, cached: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database)
    monkeypatch.setattr(metric_cache, "FRESH_SECONDS", 0.2)
    past = cached.start_read(CPU, Interval(seconds_before(7200), seconds_before(3600)))
    tail = cached.start_read(CPU, since(seconds_before(60)))
    assert past.is_valid()
    assert tail.is_valid()
    database["cpu_usage"].insert_one(sample(-5))
    time.sleep(0.25)
    assert not past.is_valid()  # nobody has checked lately
    cached.start_read(CPU, since(NOW))
    assert past.is_valid()
    assert not tail.is_valid()


def test_every_kind_of_write_moves_the_counters(database: Database) -> None:
    collection, counts = database["cpu_usage"], list[WriteCounts | None]()
    collection.insert_one({"_id": 1, "value": 0.5})
    steps: list[Callable[[], Any]] = [
        lambda: collection.find_one(),
        lambda: collection.insert_one({"_id": 2}),
        lambda: collection.insert_many([{} for _ in range(1000)]),
        lambda: collection.update_one({"_id": 1}, {"$set": {"value": 0.7}}),
        lambda: collection.update_one({"_id": 1}, {"$set": {"note": "x" * 5000}}),
        lambda: collection.update_one({"_id": 1}, {"$set": {"value": 0.8}}),
        lambda: collection.replace_one({"_id": 1}, {"value": 1}),
        lambda: collection.delete_one({"_id": 1}),
        lambda: collection.find_one_and_update({"_id": 2}, {"$inc": {"n": 1}}),
        lambda: collection.delete_many({}),
        lambda: (collection.drop(), collection.insert_one({})),
    ]
    counts.append(read_write_counts(database, "cpu_usage"))
    for step in steps:
        step()
        counts.append(read_write_counts(database, "cpu_usage"))
    assert all(counts)
    assert counts[0] == counts[1]
    assert len(set(counts[1:])) == len(steps)


@pytest.mark.parametrize("name", ["insert calls", "modify", "update calls", "remove calls"])
def test_counters_without_a_name_that_every_write_needs_are_none(database: Database, name: str) -> None:
    """As another version of MongoDB may have them."""
    database["cpu_usage"].insert_one({})
    assert read_write_counts(database, "cpu_usage") is not None
    renamed = {"$project": {"uri": "$uri", "cursor": {"$unsetField": {"field": name, "input": "$cursor"}}}}
    aggregate = Collection.aggregate
    with patch.object(Collection, "aggregate", lambda self, stages: aggregate(self, [*stages, renamed])):
        assert read_write_counts(database, "cpu_usage") is None


def test_counters_owe_a_sample_that_came_between_look_and_probe_for_one_look() -> None:
    counts = iter(
        [
            WriteCounts((1,), 10, 0),
            WriteCounts((1,), 10, 0),
            WriteCounts((1,), 10, 0),
            WriteCounts((1,), 11, 0),
            WriteCounts((1,), 12, 0),
            WriteCounts((1,), 12, 0),
        ]
    )
    seconds = iter(range(0, 100, 4))
    counters = CounterDetector(lambda: next(counts), clock=lambda: next(seconds))
    found = list[bool]()
    for appended in (0, 0, 1, 0, 1, 0):
        counters.before_probe()
        found.append(counters.has_changed(appended))
    assert found == [True, False, False, False, False, False]


def test_a_sample_that_was_counted_before_it_was_visible_hides_no_late_one() -> None:
    """Its insert is a change of the first look; the second one finds it; the third counts a late sample's."""
    counts = iter([10, 11, 11, 12])
    counters = CounterDetector(lambda: WriteCounts((1,), next(counts), 0), clock=lambda: 0.0)
    found = list[bool]()
    for appended in (0, 0, 1, 0):
        counters.before_probe()
        found.append(counters.has_changed(appended))
    assert found == [True, True, False, True]


@pytest.mark.parametrize("key", [KEY, APPLICATION_KEY])
def test_a_new_sample_and_an_old_one_moved_to_the_end_differ_by_an_index(database: Database, key: Any) -> None:
    collection, counts = database["cpu_usage"], list[WriteCounts | None]()
    fill(database)
    collection.create_index(key)
    collection.create_index("time_series", unique=True)  # each insert removes a key from it
    for write_one in (lambda _: None, WRITES["a new sample"], WRITES["a sample moved in time"]):
        write_one(collection)
        counts.append(read_write_counts(database, "cpu_usage"))
    before, appended, moved = (each.others for each in counts if each)
    assert before == appended < moved


def test_without_such_an_index_every_insert_may_be_a_sample_that_was_moved(database: Database) -> None:
    fill(database)
    before = read_write_counts(database, "cpu_usage")
    WRITES["a new sample"](database["cpu_usage"])
    after = read_write_counts(database, "cpu_usage")
    assert before
    assert after
    assert before.others < after.others


@pytest.mark.parametrize(
    ("counts", "appended"),
    [([(1, 5, 0), (1, 6, 0)], 0), ([(1, 5, 0), (1, 5, 1)], 0), ([(1, 5, 0), (2, 5, 0)], 0), ([(1, 5, 0), (1, 7, 0)], 1)],
)  # fmt: skip
def test_counters_that_moved_by_more_than_was_found_are_a_change(
    counts: list[tuple[int, int, int]], appended: int
) -> None:
    looks = iter([WriteCounts((which,), inserts, others) for which, inserts, others in counts])
    counters = CounterDetector(lambda: next(looks))
    counters.before_probe()
    counters.has_changed(0)
    counters.before_probe()
    assert counters.has_changed(appended)


def test_a_metric_of_two_fields_is_cached_with_its_sum(database: Database, cached: Store, store: Store) -> None:
    documents = [
        {"_id": ObjectId(), "time_series": seconds_before(5 * n), "value_success": n, "value_fail": 1}
        for n in range(2000)
    ]
    database["request_count"].insert_many(documents)
    some = since(seconds_before(9000))
    for _ in range(2):
        found = b"".join(response_bodies.tail(cached.read(REQUEST_COUNT, some)))
        assert found == b"".join(response_bodies.tail(store.read(REQUEST_COUNT, some)))
