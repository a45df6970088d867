"""`?every=` over a real database: steps out of memory, out of documents, and out of hour summaries."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pycemaker.cache import metric_cache, step_reader
from pycemaker.cache.sample_store import Store
from pycemaker.mongo.database import Database
from tests.integration.web.test_routes import NOW, NOW_PATH, app_over, is_error
from tests.services.wsgi import Client

HOURS = 30
COLUMNS = ["time_series", "count", "mean", "min", "max", "p95"]


@pytest.fixture(params=[0, 2**26], ids=["uncached", "cached"])
def store(database: Database, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(metric_cache, "FRESH_SECONDS", 0.15)
    monkeypatch.setattr(metric_cache, "STALE_SECONDS", 0.2)
    return Store(database, request.param)


@pytest.fixture
def client_without_samples(store: Store) -> Client:
    return app_over(store)


@pytest.fixture
def client(store: Store, database: Database) -> Client:
    dice = np.random.default_rng(7)
    readings = dice.beta(2, 5, HOURS * 720)
    database["cpu_usage"].insert_many(
        {"time_series": NOW - timedelta(seconds=5 * back), "value": float(reading)}
        for back, reading in enumerate(readings)
    )
    return app_over(store)


def expected(client: Client, hours: int, every: int) -> list[dict[str, Any]]:
    """The steps of an interval, by pandas, out of its documents."""
    samples = pd.DataFrame(client.get(f"/cpu/{NOW_PATH}/{hours}").json["data"])
    times = (pd.to_datetime(samples["time_series"]) - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)
    rows = samples["value"].groupby((times - 1) // (every * 1000))
    return [
        {
            "time_series": f"{datetime.fromtimestamp(int(step) * every, UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "count": len(own), "mean": own.mean(), "min": own.min(), "max": own.max(), "p95": own.quantile(0.95),
        }
        for step, own in rows
    ]  # fmt: skip


def are_alike(got: list[dict[str, Any]], wanted: list[dict[str, Any]], p95_within: float = 1e-9) -> bool:
    assert [(row["time_series"], row["count"]) for row in got] == [(row["time_series"], row["count"]) for row in wanted]
    for name in ("mean", "min", "max", "p95"):
        within = p95_within if name == "p95" else 1e-9
        assert np.allclose([row[name] for row in got], [row[name] for row in wanted], atol=within, rtol=0), name
    return True


@pytest.mark.parametrize(("hours", "every"), [(1, 60), (6, 300), (3, 3600), (2, 86_400)])
def test_an_interval_has_the_steps_of_its_samples_and_those_of_the_previous_one(
    client: Client, hours: int, every: int
) -> None:
    told = client.get(f"/cpu/{NOW_PATH}/{hours}?every={every}").json
    assert are_alike(told["data"], expected(client, hours, every))
    assert sum(step["count"] for step in told["data_anterior"]) == hours * 720
    assert told["datas"] == client.get(f"/cpu/{NOW_PATH}/{hours}").json["datas"]


@pytest.mark.parametrize("every", [3600, 7200, 86_400])
def test_a_long_interval_in_whole_hours_comes_out_of_hour_summaries(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setattr(step_reader, "SAMPLES_SECONDS", 3600)
    path = f"/cpu/{NOW_PATH}/28?every={every}"
    assert are_alike(client.get(path).json["data"], expected(client, 28, every), p95_within=0.02)
    assert database["hour_summaries"].count_documents({}) >= 27
    late = NOW - timedelta(hours=3, seconds=2)
    database["cpu_usage"].insert_one({"time_series": late, "value": 2.0})
    time.sleep(0.3)
    assert are_alike(client.get(path).json["data"], expected(client, 28, every), p95_within=0.02)
    tail = client.get(f"/cpu/2022-04-09T08:43:23.001Z?every={every}").json
    assert are_alike(tail, expected(client, 28, every), p95_within=0.02)


def test_hours_that_are_not_stored_yet_and_empty_ones_are_read_as_samples(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_reader, "SAMPLES_SECONDS", 3600)
    gone = {"$gt": NOW - timedelta(hours=9), "$lte": NOW - timedelta(hours=6)}
    database["cpu_usage"].delete_many({"time_series": gone})
    path = f"/cpu/{NOW_PATH}/28?every=3600"
    assert are_alike(client.get(path).json["data"], expected(client, 28, 3600), p95_within=0.02)
    stored = [document["_id"] for document in database["hour_summaries"].find({}, {"_id": 1})]
    assert database["hour_summaries"].delete_many({"_id": {"$in": stored[::3]}}).deleted_count >= 8
    monkeypatch.setattr(step_reader, "BUDGET", step_reader.RefreshBudget(seconds=0.0))
    assert are_alike(client.get(path).json["data"], expected(client, 28, 3600), p95_within=0.02)


def test_a_tail_is_an_array_of_steps(client: Client) -> None:
    tail = client.get("/cpu/2022-04-10T11:43:23.001Z?every=60")
    assert are_alike(tail.json, expected(client, 1, 60))
    assert list(tail.json[0]) == COLUMNS
    assert tail.headers["X-Unit"] == "ratio"
    assert tail.headers["X-Newest-Sample"] == "2022-04-10T12:43:23.000Z"
    again = client.get("/cpu/2022-04-10T11:43:23.001Z?every=60", if_none_match=tail.headers["Etag"])
    assert again.status == 304
    assert client.get("/http_fail/now?every=60").json == []


def test_steps_come_in_every_format(client: Client) -> None:
    path = f"/cpu/{NOW_PATH}/1?every=600"
    rows = client.get(path).json["data"]
    lines = client.get(f"{path}&format=ndjson").body.splitlines()
    assert [json.loads(line) for line in lines] == rows
    frame = pd.read_csv(io.BytesIO(client.get(f"{path}&format=csv").body))
    assert list(frame.columns) == COLUMNS
    assert frame["p95"].tolist() == [row["p95"] for row in rows]
    table: Any = pa.ipc.open_stream(io.BytesIO(client.get(path, accept="application/vnd.apache.arrow.stream").body))
    read = table.read_pandas()
    assert list(read.columns) == COLUMNS
    assert read["mean"].tolist() == [row["mean"] for row in rows]
    assert str(read["time_series"].dtype) == "datetime64[ms, UTC]"


def test_a_new_sample_is_in_its_step(client: Client, database: Database) -> None:
    path = "/cpu/2022-04-10T12:30:00Z?every=3600"
    before = client.get(path).json
    database["cpu_usage"].insert_one({"time_series": NOW + timedelta(seconds=1), "value": 9.0})
    time.sleep(0.3)
    after = client.get(path).json
    assert (after[-1]["count"], after[-1]["max"]) == (before[-1]["count"] + 1, 9.0)


@pytest.mark.parametrize("every", ["0", "-1", "x", "1.5", "86401", "", "9" * 400])
def test_a_wrong_step_is_refused(client_without_samples: Client, every: str) -> None:
    answer = client_without_samples.get(f"/cpu/{NOW_PATH}/1?every={every}")
    assert is_error(answer, 400, "invalid_parameter")
    assert (answer.json["field"], "86400" in answer.json["takes"]) == ("every", True)


def test_more_steps_than_a_screen_has_are_refused_with_the_shortest_that_will_do(client: Client) -> None:
    answer = client.get(f"/cpu/{NOW_PATH}/744?every=60")
    assert is_error(answer, 400, "invalid_parameter")
    assert "268" in answer.json["takes"]
    assert client.get(f"/cpu/{NOW_PATH}/744?every=268").status == 200
    assert is_error(client.get("/cpu/01-01-2000-00-00-00?every=60"), 400, "invalid_parameter")


def test_steps_and_points_do_not_go_together(client_without_samples: Client) -> None:
    answer = client_without_samples.get(f"/cpu/{NOW_PATH}/1?every=60&max_points=10")
    assert answer.json["field"] == "max_points"
