"""Which documents MongoDB looks at for a read: those asked for, whatever else lies in the collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pymongo.errors import OperationFailure

from pycemaker.data.database import Database
from pycemaker.data.indexes import KEY
from pycemaker.data.reader import Reader
from pycemaker.data.store import Store
from pycemaker.metrics import CPU
from pycemaker.window import Interval, to_epoch_ms

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
HOURS = [Interval(NOW - timedelta(hours=back), NOW - timedelta(hours=back - 1)) for back in (7, 5, 3)]


@pytest.fixture
def store(database: Database) -> Store:
    collection = database["cpu_usage"]
    collection.insert_many([{"time_series": NOW - timedelta(seconds=5 * n), "value": n} for n in range(10_000)])
    return Store(database)


def hold_a_list_of_times(database: Database) -> None:
    """Around all of it: MongoDB finds the document by either time."""
    ends = [NOW - timedelta(days=2), NOW + timedelta(days=2)]
    database["cpu_usage"].insert_one({"time_series": ends, "value": 9.0})


def readings(store: Store, *hours: Interval) -> list[float]:
    return [float(value) for hour in hours for batch in store.read(CPU, hour) for value in batch.columns.reading]


@contextmanager
def profiled(database: Database) -> Iterator[list[Any]]:
    """What MongoDB notes of the finds inside."""
    found: list[Any] = []
    database.handle.command("profile", 2)
    try:
        yield found
    finally:
        database.handle.command("profile", 0)
        found += database["system.profile"].find({"op": {"$in": ["query", "getmore"]}, "ns": {"$regex": "cpu_usage"}})
        database["system.profile"].drop()


@pytest.mark.parametrize("has_list", [False, True], ids=["dated", "a list of times among them"])
def test_an_hour_costs_as_many_documents_as_it_has(store: Store, database: Database, has_list: bool) -> None:
    if has_list:
        hold_a_list_of_times(database)
    assert len(readings(store, HOURS[0])) == 720
    with profiled(database) as found:
        assert readings(store, HOURS[1]) == sorted(readings(store, HOURS[1]), reverse=True)
        assert len(store.read_columns(CPU, HOURS[1])) == 720
    assert [each["docsExamined"] for each in found] == [720] * 3
    assert all(each["keysExamined"] <= 721 for each in found)


@pytest.mark.parametrize("has_list", [False, True], ids=["dated", "a list of times among them"])
def test_several_hours_cost_as_many_documents_as_they_have(store: Store, database: Database, has_list: bool) -> None:
    if has_list:
        hold_a_list_of_times(database)
    expected = readings(store, *HOURS)
    with profiled(database) as found:
        assert store.read_slices(CPU, HOURS).reading.tolist() == expected
    assert sum(each["docsExamined"] for each in found) <= 3 * 720 + 1
    assert sum(each["keysExamined"] for each in found) <= 3 * 721


def test_a_list_of_times_is_in_no_answer_and_is_not_the_newest(store: Store, database: Database) -> None:
    before = readings(store, Interval(NOW - timedelta(days=3), None))
    hold_a_list_of_times(database)
    assert readings(store, Interval(NOW - timedelta(days=3), None)) == before
    assert store.newest(CPU) == NOW


def test_without_a_right_to_make_the_index_the_answers_are_the_same(store: Store, database: Database) -> None:
    expected = readings(store, *HOURS)
    database["cpu_usage"].drop_indexes()
    with patch.object(type(database["cpu_usage"]), "create_index", side_effect=OperationFailure("not allowed", 13)):
        other = Store(database)
        assert readings(other, *HOURS) == expected
        assert other.read_slices(CPU, HOURS).reading.tolist() == expected
    assert list(database["cpu_usage"].index_information()) == ["_id_"]


def test_an_index_that_somebody_dropped_is_made_again(store: Store, database: Database) -> None:
    expected = readings(store, *HOURS)
    database["cpu_usage"].drop_indexes()
    assert readings(store, *HOURS) == expected
    assert "time_series_1__id_1" in database["cpu_usage"].index_information()


def test_an_index_that_is_hidden_is_done_without(store: Store, database: Database) -> None:
    expected = readings(store, *HOURS)
    database.handle.command("collMod", "cpu_usage", index={"keyPattern": dict(KEY), "hidden": True})
    assert readings(store, *HOURS) == expected


def test_batches_that_mongodb_sends_unasked_are_those_asked_for_one_by_one(store: Store, database: Database) -> None:
    reader = Reader(database)
    stretch = to_epoch_ms(NOW - timedelta(hours=9)), to_epoch_ms(NOW)
    assert b"".join(reader.at_once(CPU, *stretch)) == b"".join(reader.batches(CPU, *stretch))
