"""Stored hours of samples in a real MongoDB: the same as the samples themselves, whatever happened to these."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import ObjectId

from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.sample_coverage import coverage
from pycemaker.cache import hour_sample_documents
from pycemaker.cache.hour_refresher import SummaryRefresher
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import COLLECTION, HourSamples
from pycemaker.cache.window_samples import WindowSamples
from pycemaker.metrics import CPU, REQUEST_COUNT
from pycemaker.mongo.database import Database
from pycemaker.reports.read_period import read_period
from pycemaker.series.batches import columns_digest
from pycemaker.settings import from_mapping
from pycemaker.window import Window, to_wall_text

END = datetime(2026, 5, 20, 12, 17, 23, tzinfo=UTC)
WINDOW = Window(END, 36)
"""The interval and the one before it are three days; the first two of them are stored by the hour."""

OLD = timedelta(hours=40)
STORED_HOURS = 46
"""From 17/05, 13:00, to 19/05, 12:00, without one that has no sample."""


def sample(time: datetime, value: object = 0.5, **more: object) -> dict[str, Any]:
    stored_at = ObjectId.from_datetime(time + timedelta(seconds=2))
    return {"_id": ObjectId(stored_at.binary[:4] + ObjectId().binary[4:]), "time_series": time, "value": value, **more}


def awkward(metric_sums: bool = False) -> Iterator[dict[str, Any]]:
    """Three days every 60 s: hours' first and last instants, gaps, values and criticities of every kind, one late."""
    words = ["low", "low", "high", "critical", None, "Crítica", ""]
    values = [0.25, 1, "0.75", "text", float("nan"), float("inf"), None, -0.0, 5e-324, 12_345_678_901, True]
    for turn in range(4 * 24 * 60):
        time = END.replace(second=0) - timedelta(minutes=turn, milliseconds=turn % 3)
        if 600 <= turn < 800 or 3000 <= turn < 3130 or turn % 50 == 7:
            continue
        value = values[turn % len(values)] if turn % 9 == 0 else turn % 97 / 97
        both = {"value_success": value, "value_fail": 1} if metric_sums else {}
        word = words[turn % len(words)]
        yield sample(time, value, **both, **({} if word is None else {"criticity": word}))
        if turn % 40 == 0:
            yield sample(time, 0.125, **both, criticity="medium")
    yield sample(END - OLD, 0.5, **both, criticity="once") | {"_id": ObjectId()}


@pytest.fixture
def filled(database: Database) -> Database:
    database["cpu_usage"].insert_many(awkward())
    database["request_count"].insert_many(awkward(metric_sums=True))
    return database


def read(database: Database, window: Window = WINDOW) -> WindowSamples:
    return HourSamples(Store(database)).read_window(CPU, window)


def assert_same_as_read_whole(database: Database, window: Window = WINDOW) -> None:
    """Samples with stored hours are those of the metric's collection, bit by bit."""
    for metric in (CPU, REQUEST_COUNT):
        samples = HourSamples(Store(database)).read_window(metric, window)
        expected = Store(database).read_window(metric, window)
        for name in ("current", "previous"):
            assert columns_digest([("", getattr(samples, name))]) == columns_digest([("", getattr(expected, name))])
        assert samples.arrivals == expected.arrivals


@contextmanager
def documents_read(database: Database) -> Iterator[list[int]]:
    """The numbers of documents and keys of `cpu_usage` that MongoDB examines inside."""
    examined: list[int] = []
    database.handle.command("profile", 2)
    yield examined
    database.handle.command("profile", 0)
    operations = list(database["system.profile"].find({"ns": {"$regex": "cpu_usage$"}, "op": {"$ne": "profile"}}))
    database["system.profile"].drop()
    examined += [sum(each.get(name, 0) for each in operations) for name in ("docsExamined", "keysExamined")]


@pytest.mark.parametrize("hours", [1, 6, 24, 36, 47])
def test_samples_are_the_same_at_the_first_use_and_at_the_next_ones(filled: Database, hours: int) -> None:
    for _ in range(3):
        assert_same_as_read_whole(filled, Window(END, hours))
    assert_same_as_read_whole(filled, Window(END - timedelta(minutes=17, seconds=23), hours))


def test_stored_hours_are_not_read_again_and_the_metrics_collections_are_left_alone(filled: Database) -> None:
    before = b"".join(filled["cpu_usage"].find_raw_batches())
    read(filled)
    with documents_read(filled) as examined:
        read(filled)
    day, rest = 25 * 60, 48 * 60
    assert examined[0] <= day + 90
    assert examined[1] <= day + rest + 200
    assert b"".join(filled["cpu_usage"].find_raw_batches()) == before
    assert filled[COLLECTION].count_documents({"_id.metric": "cpu"}) == STORED_HOURS


def test_up_to_twelve_hours_nothing_is_stored(filled: Database) -> None:
    assert_same_as_read_whole(filled, Window(END, 12))
    assert filled[COLLECTION].count_documents({}) == 0


@pytest.mark.parametrize("back", [timedelta(minutes=1), timedelta(hours=23), OLD, timedelta(hours=71)])
def test_late_and_deleted_samples_are_noticed_at_once(filled: Database, back: timedelta) -> None:
    read(filled)
    filled["cpu_usage"].insert_one(sample(END - back, 0.99))
    assert_same_as_read_whole(filled)
    assert_same_as_read_whole(filled)
    filled["cpu_usage"].delete_many({"time_series": {"$gt": END - back - timedelta(minutes=5), "$lte": END - back}})
    assert_same_as_read_whole(filled)
    assert_same_as_read_whole(filled)


def test_an_hour_that_lost_its_samples_is_deleted_and_one_that_got_some_is_stored(filled: Database) -> None:
    hour = {"$gt": datetime(2026, 5, 18, 20, tzinfo=UTC), "$lte": datetime(2026, 5, 18, 21, tzinfo=UTC)}
    read(filled)
    samples = list(filled["cpu_usage"].find({"time_series": hour}))
    filled["cpu_usage"].delete_many({"time_series": hour})
    assert_same_as_read_whole(filled)
    assert filled[COLLECTION].count_documents({"_id.metric": "cpu"}) == STORED_HOURS - 1
    filled["cpu_usage"].insert_many(sample(each["time_series"], 0.0) for each in samples)
    assert_same_as_read_whole(filled)
    assert filled[COLLECTION].count_documents({"_id.metric": "cpu"}) == STORED_HOURS


def test_one_sample_less_and_another_more_on_the_same_day_are_noticed(filled: Database) -> None:
    read(filled)
    filled["cpu_usage"].delete_one({"time_series": {"$gt": END - OLD - timedelta(minutes=5)}})
    filled["cpu_usage"].insert_one(sample(END - OLD - timedelta(hours=2), 0.99))
    assert_same_as_read_whole(filled)


def test_an_hour_s_samples_that_were_replaced_by_as_many_others_are_noticed(filled: Database) -> None:
    read(filled)
    hour = {"$gt": datetime(2026, 5, 18, 20, tzinfo=UTC), "$lte": datetime(2026, 5, 18, 21, tzinfo=UTC)}
    samples = list(filled["cpu_usage"].find({"time_series": hour}))
    filled["cpu_usage"].delete_many({"time_series": hour})
    filled["cpu_usage"].insert_many(each | {"_id": ObjectId(), "value": 0.375} for each in samples)
    assert_same_as_read_whole(filled)


def test_samples_that_were_replaced_by_as_many_others_are_noticed_at_once(filled: Database) -> None:
    read(filled)
    samples = list(filled["cpu_usage"].find())
    filled["cpu_usage"].drop()
    filled["cpu_usage"].insert_many(each | {"_id": ObjectId(), "value": 0.375} for each in samples)
    assert_same_as_read_whole(filled)
    filled["cpu_usage"].delete_many({})
    filled["cpu_usage"].insert_many(
        each | {"_id": turn, "time_series": each["time_series"] - timedelta(seconds=1)}
        for turn, each in enumerate(samples)
    )
    assert_same_as_read_whole(filled)


def test_corrected_samples_of_the_last_day_are_seen_at_once_older_ones_when_the_hour_is_read_again(
    filled: Database,
) -> None:
    read(filled)
    for back in (timedelta(hours=20), OLD):
        part = {"$gt": END - back - timedelta(minutes=5), "$lte": END - back}
        filled["cpu_usage"].update_many({"time_series": part}, {"$set": {"value": 77.0}})
    samples = read(filled)
    assert (samples.current.reading == 77.0).any()
    assert not (samples.previous.reading == 77.0).any()
    filled[COLLECTION].update_many({}, {"$set": {"made_at": datetime.now(UTC) - timedelta(hours=25)}})
    for _ in range(STORED_HOURS):
        read(filled)
    assert_same_as_read_whole(filled)


def test_where_a_document_holds_a_list_of_times_every_sample_is_read(filled: Database) -> None:
    times = [END - OLD - timedelta(minutes=2), END - OLD - timedelta(minutes=1)]
    filled["cpu_usage"].insert_one({"time_series": times, "value": 9.0})
    for _ in range(2):
        assert_same_as_read_whole(filled)
    assert filled[COLLECTION].count_documents({"_id.metric": "cpu"}) == 0
    assert filled[COLLECTION].count_documents({"_id.metric": "request_count"}) == STORED_HOURS


def test_an_id_that_is_no_object_id_leaves_arrivals_unknown(filled: Database) -> None:
    filled["cpu_usage"].insert_one(sample(END - OLD) | {"_id": "text"})
    for _ in range(2):
        assert read(filled).arrivals is None


def test_hours_of_too_many_samples_are_not_stored(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    read(filled)
    monkeypatch.setattr(hour_sample_documents, "MOST_SAMPLES", 60)
    filled["cpu_usage"].insert_many(sample(END - OLD + timedelta(seconds=turn)) for turn in range(50))
    assert_same_as_read_whole(filled)
    assert_same_as_read_whole(filled)
    assert filled[COLLECTION].find_one({"documents": {"$gt": 80}}) is None


def test_a_user_who_may_not_write_gets_the_same_samples(filled: Database) -> None:
    filled.handle.create_collection(COLLECTION, viewOn="nothing", pipeline=[])  # MongoDB refuses to write to a view
    assert_same_as_read_whole(filled)
    assert list(filled[COLLECTION].find()) == []


def test_several_processes_may_store_the_same_hours(database_url: str, filled: Database) -> None:
    others = [Database(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(assert_same_as_read_whole, others))
    for other in others:
        other.close()
    assert filled[COLLECTION].count_documents({}) == 2 * STORED_HOURS


def test_mongodb_removes_hours_after_ninety_days(filled: Database) -> None:
    read(filled)
    assert filled[COLLECTION].index_information()["made_at_1"]["expireAfterSeconds"] == 90 * 86_400


def test_documents_of_another_layout_are_replaced(filled: Database) -> None:
    read(filled)
    filled[COLLECTION].update_many({}, {"$set": {"version": 0, "readings": b"x"}})
    assert_same_as_read_whole(filled)
    assert filled[COLLECTION].count_documents({"version": hour_sample_documents.VERSION}) == 2 * STORED_HOURS


@pytest.mark.parametrize(
    "change",
    [
        {"$unset": {"version": 1}},
        {"$set": {"distances": b"x"}},
        {"$set": {"words": []}},
        {"$set": {"criticities": b"\xff" * 1440}},
        {"$set": {"documents": "many", "made_at": 5}},
    ],
    ids=["no version", "short", "no words", "indices beyond the words", "other types"],
)
def test_documents_that_somebody_else_changed_are_replaced(filled: Database, change: dict[str, Any]) -> None:
    read(filled)
    filled[COLLECTION].update_many({}, change)
    assert_same_as_read_whole(filled)
    assert filled[COLLECTION].count_documents({"version": hour_sample_documents.VERSION}) == 2 * STORED_HOURS


def test_a_server_stores_the_hours_of_its_metrics_by_itself(database: Database) -> None:
    now = datetime.now(UTC)
    database["cpu_usage"].insert_many(sample(now - timedelta(minutes=turn)) for turn in range(30 * 60))
    refresher = SummaryRefresher(Store(database), first_seconds=0.0)
    refresher.start()
    until = time.monotonic() + 30
    while database[COLLECTION].count_documents({"_id.metric": "cpu"}) < 5 and time.monotonic() < until:
        time.sleep(0.05)
    refresher.stop()
    assert 5 <= database[COLLECTION].count_documents({"_id.metric": "cpu"}) <= 6


def test_a_report_is_the_same_with_stored_hours(database_url: str, filled: Database) -> None:
    settings = from_mapping({"MONGO_DB_URL": database_url, "TIMEZONE": "UTC"})
    when = to_wall_text(END, settings.timezone)
    first, again = (read_period(when, WINDOW.hours, settings=settings) for _ in range(2))
    assert again.digest == first.digest
    assert find(again) == find(first)
    for metric, expected in zip(again.metrics, first.metrics, strict=True):
        assert summarize_metric(metric) == summarize_metric(expected)
        assert coverage(metric) == coverage(expected)
        assert metric.cadence == expected.cadence
    assert len(again["cpu"].frame()) == len(Store(filled).read_window(CPU, WINDOW).current)
    assert np.isnan(again["cpu"].frame()["reading"]).any()
