"""Reads of MongoDB: they look at the requested documents alone, whatever else lies in the collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import bson
import pytest
from bson import Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo.errors import OperationFailure

from pycemaker.cache.sample_store import Store
from pycemaker.columnar.split import Documents
from pycemaker.metrics import CPU
from pycemaker.mongo import document_pages
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import KEY
from pycemaker.mongo.reader import Reader
from pycemaker.series.period import Arrivals
from pycemaker.window import Interval, Window, to_epoch_ms

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


def joined(parts: Iterator[bytes | Documents]) -> bytes:
    return b"".join(
        part if isinstance(part, bytes) else b"".join(map(part.document_at, range(len(part)))) for part in parts
    )


def both_ways(database: Database, hours: float = 30) -> tuple[bytes, bytes]:
    """Page by page, and by PyMongo's cursor."""
    reader = Reader(database)
    stretch = to_epoch_ms(NOW - timedelta(hours=hours)), to_epoch_ms(NOW) - 1
    return joined(reader.read_ahead(CPU, *stretch)), joined(reader.read_batches(CPU, *stretch))


@pytest.mark.parametrize("size", [2, 3, 9, 10, 11, 100, 1001, 9_999, 10_000, 100_000])
def test_pages_of_any_size_are_the_documents_of_a_cursor(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(document_pages, "PAGE_DOCUMENTS", size)
    paged, plain = both_ways(database, 30 if size > 50 else 0.5)
    assert paged == plain
    assert len(plain) > 10_000


def test_pages_end_and_begin_anywhere_among_samples_of_one_instant_and_ids_of_any_kind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_pages, "PAGE_DOCUMENTS", 3)
    ids: list[Any] = ["a", "b\u00e9", 1, 2.5, float("nan"), Int64(2**60), {"x": [1]}, b"1", True, Regex("x", "i"), ObjectId(),
                      datetime(2020, 1, 1, tzinfo=UTC), Decimal128("1.5"), None, MinKey(), MaxKey(), Timestamp(1, 1), Code("x")]  # fmt: skip
    for seconds in (10, 5):
        database["cpu_usage"].insert_many(
            {"note": ids, "_id": {"n": seconds, "of": each}, "time_series": NOW - timedelta(seconds=seconds)}
            for each in ids
        )
    database["cpu_usage"].insert_many(
        {"_id": each, "value": 1, "time_series": NOW - timedelta(seconds=7)}
        for each in ids
        if not isinstance(each, Regex)
    )
    paged, plain = both_ways(database)
    assert paged == plain
    assert len(bson.decode_all(plain)) == 3 * len(ids) - 1


def test_documents_too_long_for_one_reply_come_in_more_of_them(database: Database) -> None:
    times = [NOW - timedelta(seconds=n) for n in range(1, 6)]
    database["cpu_usage"].insert_many({"time_series": time, "note": "x" * 9_000_000} for time in times)
    paged, plain = both_ways(database)
    assert paged == plain
    assert len(bson.decode_all(plain)) == 5


def test_lists_of_times_that_come_while_pages_are_read_cost_no_sample(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_pages, "PAGE_DOCUMENTS", 3)
    reader = Reader(database)
    stretch = to_epoch_ms(NOW - timedelta(seconds=101)), None
    expected = joined(reader.read_ahead(CPU, *stretch))
    for _ in range(8):
        hold_a_list_of_times(database)
        database["cpu_usage"].insert_one({"time_series": [NOW - timedelta(seconds=57), NOW - timedelta(seconds=56)]})
    found = bson.decode_all(joined(reader.read_ahead(CPU, *stretch)))
    dated = [each for each in found if not isinstance(each["time_series"], list)]
    assert dated == bson.decode_all(expected)


def test_an_index_that_is_dropped_between_two_reads_costs_neither(store: Store, database: Database) -> None:
    reader = Reader(database)
    stretch = to_epoch_ms(NOW - timedelta(hours=9)), None
    expected = joined(reader.read_ahead(CPU, *stretch))
    database["cpu_usage"].drop_indexes()
    assert joined(reader.read_ahead(CPU, *stretch)) == expected
    assert "time_series_1__id_1" in database["cpu_usage"].index_information()


def test_a_window_is_read_once_and_split_where_its_intervals_meet(store: Store, database: Database) -> None:
    window = Window(NOW - timedelta(hours=1), 2)
    with profiled(database) as found:
        samples = store.read_window(CPU, window)
    assert samples.current.reading.tolist() == [float(n) for n in range(2159, 719, -1)]
    assert samples.previous.reading.tolist() == [float(n) for n in range(3599, 2159, -1)]
    assert sum(each["docsExamined"] for each in found) == 2880


@pytest.mark.parametrize(("hours", "typical"), [(-3, -10_800.0), (3, 10_800.0), (0, 0.0)])
def test_the_distance_from_times_to_their_storing_is_known_where_samples_agree(
    database: Database, hours: int, typical: float
) -> None:
    def document(seconds: int, stored_after: timedelta) -> dict[str, object]:
        time = NOW - timedelta(seconds=seconds)
        return {"_id": ObjectId.from_datetime(time + stored_after), "time_series": time, "value": 1}

    database["cpu_usage"].insert_many(document(5 * turn, timedelta(hours=hours)) for turn in range(20))
    arrivals = Store(database).read_window(CPU, Window(NOW, 1)).arrivals
    assert arrivals is not None
    assert arrivals.typical_seconds == typical
    database["cpu_usage"].insert_many(document(200 + turn, timedelta(hours=turn)) for turn in range(9))
    mixed = Store(database).read_window(CPU, Window(NOW, 1)).arrivals
    assert mixed is not None
    assert mixed.typical_seconds == 0.0


def test_samples_stored_late_or_dated_ahead_are_counted_in_the_current_interval_alone(database: Database) -> None:
    def stored_after(seconds: int) -> ObjectId:
        return ObjectId.from_datetime(NOW + timedelta(seconds=seconds))

    taken = [NOW, NOW - timedelta(seconds=5), NOW - timedelta(seconds=10), NOW - timedelta(hours=1)]
    ids = [stored_after(61), stored_after(-70), stored_after(0), stored_after(-3600)]
    database["cpu_usage"].insert_many(
        {"_id": each, "time_series": time, "value": 1} for each, time in zip(ids, taken, strict=True)
    )
    assert Store(database).read_window(CPU, Window(NOW, 1)).arrivals == Arrivals(late=1, ahead=1)
    database["cpu_usage"].insert_one({"_id": "text", "time_series": NOW, "value": 1})
    assert Store(database).read_window(CPU, Window(NOW, 1)).arrivals is None


def test_exchanges_that_take_longer_together_than_one_may_are_no_fault(database_url: str, database: Database) -> None:
    """A view that takes 20 ms a document, in batches of 10 documents."""
    documents = [{"time_series": NOW - timedelta(seconds=5 * n), "value": n} for n in range(100)]
    database["stored"].insert_many(documents)
    database["stored"].create_index(KEY)
    slow = {"$function": {"body": "function() { sleep(20); return true }", "args": [], "lang": "js"}}
    database.handle.create_collection("cpu_usage", viewOn="stored", pipeline=[{"$match": {"$expr": slow}}])
    with (
        closing(Database(database_url, exchange_seconds=1.0)) as hurried,
        patch("pycemaker.mongo.reader.BATCH_DOCUMENTS", 10),
    ):
        assert readings(Store(hurried), Interval(NOW - timedelta(hours=1), NOW)) == [99.0 - n for n in range(100)]
