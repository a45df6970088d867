"""Hour summaries in a real MongoDB: computed once, compared at each use, right again after samples changed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest

from pycemaker.cache.hour_refresher import SummaryRefresher, claim_pass
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_summaries import COLLECTION, RefreshBudget, SummaryStore
from pycemaker.metrics import CPU
from pycemaker.mongo.database import Database
from pycemaker.reports.read_period import read_period
from pycemaker.series.hour_summaries import HourSummaries, summarize
from pycemaker.settings import from_mapping
from pycemaker.window import Interval, to_wall_text

END = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAYS = 5
INTERVAL = Interval(END - timedelta(days=DAYS), END)
EVERYTHING = RefreshBudget(seconds=600.0, recheck_seconds=0.0)
NOTHING = RefreshBudget(seconds=0.0)


def fill(database: Database, step_seconds: int = 60, days: float = DAYS) -> None:
    steps = range(int(days * 86_400) // step_seconds)
    database["cpu_usage"].insert_many(sample(n * step_seconds, n % 97 / 97) for n in steps)


def sample(seconds_back: float, value: float = 0.5) -> dict[str, Any]:
    return {"time_series": END - timedelta(seconds=seconds_back), "value": value, "criticity": "low"}


@pytest.fixture
def filled(database: Database) -> Database:
    fill(database)
    return database


def read(database: Database, budget: RefreshBudget = EVERYTHING) -> HourSummaries:
    return SummaryStore(Store(database)).read(CPU, INTERVAL, budget)


def afresh(database: Database) -> HourSummaries:
    return summarize(Store(database).read_columns(CPU, INTERVAL), "ratio")


def assert_same(summaries: HourSummaries, expected: HourSummaries) -> None:
    np.testing.assert_array_equal(summaries.hour_ms, expected.hour_ms)
    np.testing.assert_array_equal(summaries.count, expected.count)
    np.testing.assert_array_equal(summaries.maximum, expected.maximum)
    np.testing.assert_allclose(summaries.total, expected.total)


@pytest.mark.parametrize("step_seconds", [15, 60, 300])
def test_hours_are_computed_when_first_needed_whatever_the_cadence(database: Database, step_seconds: int) -> None:
    fill(database, step_seconds)
    summaries = read(database)
    assert summaries.count.tolist() == [3600 // step_seconds] * 24 * DAYS
    assert_same(summaries, afresh(database))
    assert database[COLLECTION].count_documents({}) == 24 * DAYS


def test_stored_hours_are_not_read_again_and_the_metrics_collections_are_left_alone(filled: Database) -> None:
    before = list(filled["cpu_usage"].find())
    first = read(filled)
    filled.handle.command("profile", 2)
    again = read(filled)
    filled.handle.command("profile", 0)
    operations = list(filled["system.profile"].find({"ns": {"$regex": "cpu_usage$"}, "op": {"$ne": "profile"}}))
    filled["system.profile"].drop()
    assert_same(again, first)
    assert sum(each.get("docsExamined", 0) for each in operations) <= 1
    assert sum(each.get("keysExamined", 0) for each in operations) <= 2 * 24 * 60 + 10
    assert list(filled["cpu_usage"].find()) == before
    assert sorted(filled.handle.list_collection_names()) == ["cpu_usage", COLLECTION]


def test_a_late_sample_of_the_last_day_is_in_the_next_use(filled: Database) -> None:
    read(filled)
    filled["cpu_usage"].insert_one(sample(5 * 3600 + 7, 0.99))
    summaries = read(filled)
    assert summaries.count[-6] == 61
    assert summaries.maximum[-6] == 0.99
    assert_same(summaries, afresh(filled))


def test_deleted_samples_are_gone_from_the_next_use_and_so_is_an_hour_that_has_none_left(filled: Database) -> None:
    read(filled)
    filled["cpu_usage"].delete_one({"time_series": END - timedelta(minutes=30)})
    hour = {"$gt": END - timedelta(hours=3), "$lte": END - timedelta(hours=2)}
    filled["cpu_usage"].delete_many({"time_series": hour})
    summaries = read(filled)
    assert summaries.count[-3:].tolist() == [60, 60, 59]
    assert len(summaries) == 24 * DAYS - 1
    assert_same(summaries, afresh(filled))
    assert_same(read(filled), summaries)


def test_samples_that_fill_an_hour_without_any_are_in_the_next_use(filled: Database) -> None:
    hole = {"$gt": END - timedelta(hours=50), "$lte": END - timedelta(hours=46)}
    samples = list(filled["cpu_usage"].find({"time_series": hole}))
    filled["cpu_usage"].delete_many({"time_series": hole})
    assert len(read(filled)) == 24 * DAYS - 4
    filled["cpu_usage"].insert_many(samples)
    assert_same(read(filled), afresh(filled))


def test_a_late_sample_of_an_older_day_is_in_the_summaries_after_as_many_uses_as_there_are_days(
    filled: Database,
) -> None:
    read(filled)
    filled["cpu_usage"].insert_many([sample((24 * back + 5) * 3600 + 7, 0.99) for back in range(1, DAYS)])
    for _ in range(DAYS):
        summaries = read(filled)
    assert_same(summaries, afresh(filled))


def test_a_pass_of_the_server_notices_late_samples_of_any_day(filled: Database) -> None:
    read(filled)
    filled["cpu_usage"].insert_many([sample((24 * back + 5) * 3600 + 7, 0.99) for back in range(DAYS)])
    assert_same(read(filled, RefreshBudget(600.0, days_compared=DAYS, recheck_seconds=0.0)), afresh(filled))


def test_a_day_that_was_compared_within_the_hour_is_not_compared_again(filled: Database) -> None:
    read(filled)
    filled["cpu_usage"].insert_one(sample((24 + 5) * 3600 + 7, 0.99))
    assert read(filled, RefreshBudget(600.0)).count[-30] == 60
    filled[COLLECTION].update_many({}, {"$set": {"checked_at": datetime.now(UTC) - timedelta(minutes=61)}})
    for _ in range(DAYS):
        summaries = read(filled, RefreshBudget(600.0))
    assert summaries.count[-30] == 61


def test_corrected_samples_are_noticed_when_the_hour_is_computed_again_after_a_day(filled: Database) -> None:
    read(filled)
    filled["cpu_usage"].update_many({"time_series": {"$gt": END - timedelta(hours=2)}}, {"$set": {"value": 0.125}})
    assert read(filled).maximum[-1] > 0.125
    filled[COLLECTION].update_many({}, {"$set": {"made_at": datetime.now(UTC) - timedelta(hours=25)}})
    for _ in range(2):
        summaries = read(filled, RefreshBudget(600.0, hours_recomputed=12 * DAYS))
    assert summaries.maximum[-2:].tolist() == [0.125, 0.125]


def test_a_list_of_times_does_not_have_its_hour_computed_again_at_each_use(filled: Database) -> None:
    times = [END - timedelta(hours=5, minutes=30), END - timedelta(hours=5, minutes=20)]
    filled["cpu_usage"].insert_one({"time_series": times, "value": 9.0})
    for _ in range(2):
        summaries = read(filled)
    made_at = {document["made_at"] for document in filled[COLLECTION].find()}
    assert summaries.count[-6] == 60
    read(filled)
    assert {document["made_at"] for document in filled[COLLECTION].find()} == made_at


def test_where_time_is_short_the_newest_hours_are_computed_and_later_uses_go_on(filled: Database) -> None:
    ticks = count()
    hurried = SummaryStore(Store(filled), clock=lambda: float(next(ticks)))
    assert len(hurried.read(CPU, INTERVAL, RefreshBudget(seconds=3.0))) == 48
    assert len(read(filled, NOTHING)) == 48
    assert_same(hurried.read(CPU, INTERVAL, RefreshBudget(seconds=30.0)), afresh(filled))


def test_a_user_who_may_not_write_gets_the_same_summaries(filled: Database) -> None:
    filled.handle.create_collection(COLLECTION, viewOn="nothing", pipeline=[])  # MongoDB refuses to write to a view
    assert_same(read(filled), afresh(filled))
    assert list(filled[COLLECTION].find()) == []


def test_several_processes_may_compute_the_same_hours(database_url: str, filled: Database) -> None:
    others = [Database(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(read, others))
    for other, each in zip(others, summaries, strict=True):
        assert_same(each, afresh(filled))
        other.close()
    assert filled[COLLECTION].count_documents({}) == 24 * DAYS


def test_mongodb_removes_hours_that_nobody_reads_any_more(filled: Database) -> None:
    read(filled)
    assert filled[COLLECTION].index_information()["checked_at_1"]["expireAfterSeconds"] == 90 * 86_400


def test_documents_of_another_layout_are_replaced(filled: Database) -> None:
    read(filled)
    filled[COLLECTION].update_many({}, {"$set": {"version": 0, "summary": b"12345678"}})
    assert_same(read(filled), afresh(filled))


@pytest.mark.parametrize(
    "change",
    [{"$unset": {"version": 1}}, {"$set": {"summary": b"x"}}, {"$set": {"criticities": 5, "made_at": 5}}],
    ids=["no version", "short", "other types"],
)
def test_documents_that_somebody_else_changed_are_replaced(filled: Database, change: dict[str, Any]) -> None:
    read(filled)
    filled[COLLECTION].update_many({}, change)
    assert_same(read(filled), afresh(filled))


def test_of_several_servers_one_makes_a_pass(database: Database) -> None:
    assert claim_pass(database, 1800)
    assert not claim_pass(database, 1800)
    assert claim_pass(database, -1)


def test_a_server_computes_the_hours_of_its_metrics_by_itself(database: Database) -> None:
    now = datetime.now(UTC)
    database["cpu_usage"].insert_many({"time_series": now - timedelta(minutes=n), "value": 1} for n in range(300))
    refresher = SummaryRefresher(Store(database), first_seconds=0.0)
    refresher.start()
    until = time.monotonic() + 30
    while database[COLLECTION].count_documents({"_id.metric": "cpu"}) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    refresher.stop()
    assert 4 <= database[COLLECTION].count_documents({"_id.metric": "cpu"}) <= 5


def test_a_period_has_the_history_before_its_interval(database_url: str, filled: Database) -> None:
    settings = from_mapping({"MONGO_DB_URL": database_url, "TIMEZONE": "UTC"})
    period = read_period(to_wall_text(END, settings.timezone), 6, settings=settings)
    history = period["cpu"].history
    assert history is not None
    assert history.count.tolist() == [60] * (24 * DAYS - 6)
    assert history.hour_ms[-1] == int((END - timedelta(hours=7)).timestamp()) * 1000
    assert len(period["disk"].history or ()) == 0
