"""Samples of several applications in one database: each read has its own application's alone, by the index."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import HourSamples
from pycemaker.errors import UnknownApplication
from pycemaker.metrics import CPU, METRICS
from pycemaker.mongo import known_applications
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import APPLICATION_KEY, KEY
from pycemaker.window import Interval, Window
from tests.services.replica import replica_set

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
HOUR = Interval(NOW - timedelta(hours=1), NOW)
TAIL = Interval(NOW - timedelta(days=3), None)
NAMES = ("", "loja", "loja.eu")


def fill(database: Database, application: str, value: float, count: int = 2_000) -> None:
    named = {"application": application} if application else {}
    times = [NOW - timedelta(seconds=5 * back) for back in range(count)]
    database["cpu_usage"].insert_many([{"time_series": time, "value": value, **named} for time in times])


def readings(store: Store, interval: Interval = TAIL) -> set[float]:
    return {float(value) for batch in store.read(CPU, interval) for value in batch.columns.reading}


def index_keys(database: Database, collection: str = "cpu_usage") -> list[list[tuple[str, int]]]:
    return [list(index["key"].items()) for index in database[collection].list_indexes()]


@pytest.fixture(autouse=True)
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_applications, "LOOK_SECONDS", 0.0)


@pytest.fixture
def several(database: Database) -> Database:
    for number, name in enumerate(NAMES):
        fill(database, name, float(number))
    return database


def test_an_installation_without_applications_gets_no_other_index(database: Database, store: Store) -> None:
    fill(database, "", 0.0)
    assert readings(store) == {0.0}
    with pytest.raises(UnknownApplication):
        store.for_application("loja")
    assert index_keys(database) == [[("_id", 1)], KEY]


@pytest.mark.parametrize("cache_bytes", [0, 2**26])
def test_each_application_s_samples_are_its_own_from_the_first_read_on(several: Database, cache_bytes: int) -> None:
    store = Store(several, cache_bytes)
    for _ in range(3):
        assert readings(store) == {0.0}
        assert len(store.read_columns(CPU, HOUR)) == 720
        for number, name in enumerate(NAMES):
            assert readings(store.for_application(name)) == {float(number)}
            assert store.for_application(name).count(CPU, HOUR) == 720
    assert APPLICATION_KEY in index_keys(several)


def test_the_index_is_made_when_a_sample_of_another_application_is_read(database: Database) -> None:
    fill(database, "", 0.0)
    store = Store(database, 2**26)
    assert readings(store) == {0.0}
    fill(database, "loja", 1.0, 10)
    assert readings(store) == {0.0}
    until = time.monotonic() + 10
    while APPLICATION_KEY not in index_keys(database) and time.monotonic() < until:
        assert readings(store) == {0.0}
    assert APPLICATION_KEY in index_keys(database)


def test_an_application_is_known_as_soon_as_it_is_asked_for(database: Database, store: Store) -> None:
    fill(database, "", 0.0)
    readings(store)
    with pytest.raises(UnknownApplication):
        store.for_application("loja")
    fill(database, "loja", 1.0, 3)
    assert readings(store.for_application("loja")) == {1.0}


@pytest.mark.parametrize("name", ["..", "a/b", "Loja", "-loja", "x" * 65, "x" * 10_000, "loja\n", "ação", " "])
def test_what_no_application_can_be_called_is_unknown(several: Database, name: str) -> None:
    with pytest.raises(UnknownApplication):
        Store(several).for_application(name)


def test_labels_that_only_hold_the_word_are_no_application(database: Database, store: Store) -> None:
    database["cpu_usage"].insert_many(
        {"time_series": NOW - timedelta(seconds=n), "value": 1.0, "labels": {"application": "loja"}} for n in range(9)
    )
    assert readings(store) == {1.0}
    assert index_keys(database) == [[("_id", 1)], KEY]


def test_the_newest_samples_and_hours_are_of_the_application_alone(several: Database) -> None:
    several["cpu_usage"].insert_one({"time_series": NOW + timedelta(hours=3), "value": 9.0, "application": "loja"})
    store = Store(several)
    assert store.newest(CPU) == NOW
    assert store.for_application("loja").newest(CPU) == NOW + timedelta(hours=3)
    assert store.for_application("loja.eu").newest(CPU) == NOW
    window = Window(NOW + timedelta(hours=25), 26)
    for number, name in enumerate(NAMES):
        for _ in range(2):
            samples = HourSamples(store.for_application(name)).read_window(CPU, window)
            assert set(samples.current.reading.tolist()) - {9.0} == {float(number)}
            assert len(samples.current) == 720 + (name == "loja")


def test_memory_for_a_thousand_applications_stays_within_its_bound(database: Database) -> None:
    names = [f"app-{number}" for number in range(40)]
    for number, name in enumerate(names):
        fill(database, name, float(number), 1_000)
    store = Store(database, 2**22)
    for _ in range(2):
        for number, name in enumerate(names):
            assert readings(store.for_application(name)) == {float(number)}
    usage = store.cache_usage
    assert usage.size_bytes <= usage.limit_bytes
    assert usage.evictions > 0
    assert store.caches_count < len(names)


@pytest.fixture(scope="module")
def replicated() -> Iterator[Database]:
    with replica_set() as url:
        database = Database(url)
        for number, name in enumerate(NAMES):
            fill(database, name, float(number))
        yield database
        database.close()


def plans_of(database: Database, read: Any) -> list[Any]:
    """The explanation of each find, count and aggregation on `cpu_usage` that the read makes."""
    handle = database.handle.with_options(CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO))
    handle.command("profile", 0)
    handle["system.profile"].drop()
    handle.command("profile", 2)
    try:
        read()
    finally:
        handle.command("profile", 0)
    names = ("find", "count", "aggregate", "getMore")
    noted = handle["system.profile"].find({"ns": f"{handle.name}.cpu_usage", "op": {"$in": ["query", "command"]}})
    commands = [each["command"] for each in noted if each["command"].keys() & set(names)]
    kept = (
        "find",
        "filter",
        "sort",
        "limit",
        "skip",
        "min",
        "max",
        "hint",
        "projection",
        "count",
        "query",
        "aggregate",
        "pipeline",
    )
    asked = [{name: each[name] for name in each if name in (*kept, "cursor")} for each in commands]
    explain = [{"explain": each, "verbosity": "queryPlanner"} for each in asked]
    return [handle.command(each, codec_options=handle.codec_options) for each in explain]


@pytest.mark.parametrize("name", NAMES)
def test_every_read_is_bound_by_the_application_so_that_a_router_finds_its_shard(
    replicated: Database, name: str
) -> None:
    store = Store(replicated)
    store.for_application("loja")  # waits for the indexes
    own = store.for_application(name)
    hours = range(int(NOW.timestamp()) // 3600 - 2, int(NOW.timestamp()) // 3600)
    for read in (
        lambda: readings(own),
        lambda: readings(own, HOUR),
        lambda: own.read_columns(CPU, HOUR),
        lambda: own.newest(CPU),
        lambda: own.count(CPU, HOUR),
        lambda: own.reader.hour_fingerprints(CPU, hours),
    ):
        plans = plans_of(replicated, read)
        assert plans
        for plan in plans:
            text = str(plan)
            assert "'application': {'$eq'" in text.replace('"', "'")
            assert "IXSCAN" in text or "COUNT_SCAN" in text
            assert "'application': 1, 'time_series': 1, '_id': 1" in text
            assert "COLLSCAN" not in text


def test_all_collections_have_the_index_once_there_are_several(several: Database) -> None:
    Store(several).for_application("loja")
    for metric in METRICS:
        assert APPLICATION_KEY in index_keys(several, metric.collection)
