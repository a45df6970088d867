"""Metric answers over a real database: ETags, 304, formats, fewer points."""

from __future__ import annotations

import csv
import gc
import io
import json
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import server
from pycemaker.cache import metric_cache
from pycemaker.cache.sample_store import Store
from pycemaker.mongo.database import Database
from pycemaker.series.batches import Batch
from pycemaker.settings import from_mapping
from pycemaker.web import metric_answers
from pycemaker.web.services import Services
from tests.integration.web.test_routes import NOW_PATH, app_over, is_error
from tests.services.broken_reads import break_off, wrap_reads
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
EARLIER_PATH = "10-04-2022-06-43-23"
PATHS = [
    f"/cpu/{EARLIER_PATH}",
    f"/cpu/{NOW_PATH}/1",
    f"/cpu/{NOW_PATH}/2?max_points=50",
    f"/cpu/{EARLIER_PATH}?format=csv",
]


@pytest.fixture(params=[0, 2**26], ids=["uncached", "cached"])
def store(database: Database, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(metric_cache, "FRESH_SECONDS", 0.15)
    monkeypatch.setattr(metric_cache, "STALE_SECONDS", 0.2)
    return Store(database, request.param)


@pytest.fixture
def client(store: Store, database: Database) -> Client:
    write(database, 4000)
    return app_over(store)


def write(database: Database, count: int, **more: Any) -> None:
    documents = [
        {"time_series": NOW - timedelta(seconds=5 * back), "value": back % 101 / 101, "criticity": "low", **more}
        for back in range(count)
    ]
    database["cpu_usage"].insert_many(documents)


@pytest.mark.parametrize("path", PATHS)
def test_a_poll_with_nothing_new_is_a_304_with_the_headers_that_belong_to_it(client: Client, path: str) -> None:
    first = client.get(path)
    for _ in range(3):
        again = client.get(path, if_none_match=first.headers["Etag"])
        assert (again.status, again.body) == (304, b"")
        for name in ("Etag", "Cache-Control", "Vary"):
            assert again.headers[name] == first.headers[name]
        assert "Content-Type" not in again.headers
        assert again.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.headers["Vary"] == "Accept"
    assert first.headers["Etag"].startswith('"')


@pytest.mark.parametrize("header", ['"other", {}', "W/{}", "*", '{} , "x"'])
def test_lists_weak_tags_and_a_star_match_too(client: Client, header: str) -> None:
    tag = client.get(PATHS[1]).headers["Etag"]
    assert client.get(PATHS[1], if_none_match=header.format(tag)).status == 304
    assert client.get(PATHS[1], if_none_match='"other"').status == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_head_has_the_headers_of_the_get_however_often_it_is_asked(client: Client, path: str) -> None:
    for _ in range(3):
        get, head = client.get(path), client.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers | {"X-Request-Id": ""} == get.headers | {"X-Request-Id": ""}
        assert client.ask("HEAD", path, if_none_match=get.headers["Etag"]).status == 304


CHANGES: dict[str, tuple[Any, bool]] = {
    "a new sample": (lambda c: c.insert_one({"time_series": NOW + timedelta(seconds=5), "value": 1}), False),
    "a correction inside": (lambda c: c.update_one({"time_series": NOW - timedelta(seconds=60)}, {"$set": {"value": 7}}), True),
    "a field that no statistic reads": (lambda c: c.update_one({"time_series": NOW - timedelta(seconds=60)}, {"$set": {"note": 1}}), True),
    "a deletion": (lambda c: c.delete_one({"time_series": NOW - timedelta(seconds=60)}), True),
    "a correction before it": (lambda c: c.update_one({"time_series": NOW - timedelta(hours=4)}, {"$set": {"value": 7}}), False),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_the_tag_of_an_interval_is_another_one_exactly_when_its_bytes_are(
    client: Client, database: Database, what: str
) -> None:
    change, is_inside = CHANGES[what]
    before = client.get(f"/cpu/{NOW_PATH}/1")
    change(database["cpu_usage"])
    time.sleep(0.3)
    after = client.get(f"/cpu/{NOW_PATH}/1", if_none_match=before.headers["Etag"])
    assert after.status == (200 if is_inside else 304)
    assert (after.headers["Etag"] != before.headers["Etag"]) is is_inside
    assert client.get(f"/cpu/{NOW_PATH}/1").body != before.body or not is_inside


def test_the_tag_stays_when_an_hour_is_full_and_another_begins(store: Store, database: Database) -> None:
    write(database, 500)
    client = app_over(store)
    path = "/cpu/2022-04-10T12:40:00Z/1"
    before = client.get(path)
    late = [{"time_series": NOW + timedelta(seconds=5 * n), "value": 1} for n in range(2000)]
    database["cpu_usage"].insert_many(late)
    time.sleep(0.3)
    assert client.get(path, if_none_match=before.headers["Etag"]).status == 304


def test_an_interval_that_ends_now_is_another_answer_each_time(client: Client) -> None:
    assert client.get("/cpu/now/1").headers["Etag"]
    assert client.get("/cpu/now/1").headers["Cache-Control"] == "no-cache"


def test_an_error_has_no_tag(client: Client) -> None:
    assert "Etag" not in client.get("/cpu/x/1").headers
    assert "Etag" not in client.get("/gpu/now/1").headers


def test_each_shape_has_its_own_tag_and_the_same_by_header_as_by_parameter(client: Client) -> None:
    tags = set()
    for name, media_type in [("json", "application/json"), ("ndjson", "application/x-ndjson"), ("csv", "text/csv"),
                             ("arrow", "application/vnd.apache.arrow.stream")]:  # fmt: skip
        by_name = client.get(f"/cpu/{EARLIER_PATH}?format={name}")
        by_header = client.get(f"/cpu/{EARLIER_PATH}", accept=media_type)
        assert by_name.body == by_header.body
        assert by_name.headers["Etag"] == by_header.headers["Etag"]
        assert by_name.headers["Content-Type"].startswith(media_type)
        tags.add(by_name.headers["Etag"])
    assert len(tags) == 4


def test_the_other_shapes_hold_what_the_json_holds(client: Client) -> None:
    told = client.get(f"/cpu/{EARLIER_PATH}").json
    lines = client.get(f"/cpu/{EARLIER_PATH}?format=ndjson").body.splitlines()
    assert b"[" + b",".join(lines) + b"]" == client.get(f"/cpu/{EARLIER_PATH}").body
    table: Any = pa.ipc.open_stream(io.BytesIO(client.get(f"/cpu/{EARLIER_PATH}?format=arrow").body)).read_all()
    assert table["value"].to_pylist() == [document["value"] for document in told]
    csv = client.get(f"/cpu/{EARLIER_PATH}?format=csv").body.decode().splitlines()
    assert [line.split(",")[0] for line in csv[1:]] == [document["time_series"] for document in told]
    hour = client.get(f"/cpu/{NOW_PATH}/1?format=csv").body.decode().splitlines()
    assert len(hour) == 1 + len(client.get(f"/cpu/{NOW_PATH}/1").json["data"])


@pytest.mark.parametrize(
    ("query", "field"), [("max_points=1", "max_points"), ("max_points=x", "max_points"), ("format=xml", "format")]
)
@pytest.mark.parametrize("form", [f"/cpu/{NOW_PATH}", f"/cpu/{NOW_PATH}/1"])
def test_a_wrong_parameter_is_a_400_that_names_it(client: Client, form: str, query: str, field: str) -> None:
    answer = client.get(f"{form}?{query}")
    assert is_error(answer, 400, "invalid_parameter")
    assert answer.json["field"] == field


def test_fewer_points_of_a_tail_stay_a_bare_array_and_a_header_says_what_was_done(
    client: Client, database: Database
) -> None:
    peak = NOW - timedelta(seconds=7777.5)
    database["cpu_usage"].insert_one({"time_series": peak, "value": 5})
    answer = client.get(f"/cpu/{EARLIER_PATH}?max_points=40")
    told = answer.json
    assert len(told) <= 40
    assert 5 in [document["value"] for document in told]
    assert answer.headers["X-Amostragem"] == f"metodo=minmax; pontos={len(told)}; de=2162; lacunas=0"
    assert "X-Lacunas" not in answer.headers
    assert [told[0]["time_series"], told[-1]["time_series"]] == ["2022-04-10T09:43:23.000Z", "2022-04-10T12:43:23.000Z"]
    few = client.get(f"/cpu/{EARLIER_PATH}?max_points=5000")
    assert few.headers["X-Amostragem"] == "metodo=nenhum; pontos=2162; de=2162; lacunas=0"
    assert few.body == client.get(f"/cpu/{EARLIER_PATH}").body


def test_a_thinned_answer_names_the_gaps_that_its_points_would_hide(client: Client, database: Database) -> None:
    start, end = NOW - timedelta(minutes=90), NOW - timedelta(minutes=80)
    database["cpu_usage"].delete_many({"time_series": {"$gt": start, "$lt": end}})
    gap = ["2022-04-10T11:13:23.000Z", "2022-04-10T11:23:23.000Z"]
    tail = client.get(f"/cpu/{EARLIER_PATH}?max_points=20", origin="https://dashboard.example.com")
    assert tail.headers["X-Lacunas"] == "/".join(gap)
    assert tail.headers["X-Amostragem"].endswith("; lacunas=1")
    assert "X-Lacunas" in tail.headers["Access-Control-Expose-Headers"]
    assert client.get(f"/cpu/{EARLIER_PATH}?max_points=20", if_none_match=tail.headers["Etag"]).headers["X-Lacunas"]
    sampling = client.get(f"/cpu/{NOW_PATH}/1?max_points=20").json["amostragem"]
    assert (sampling["data"]["lacunas"], sampling["data_anterior"]["lacunas"]) == ([], [gap])


@pytest.mark.parametrize("path", [f"/cpu/{NOW_PATH}/1", f"/cpu/{EARLIER_PATH}"])
def test_a_parameter_that_is_unknown_or_given_twice_is_refused(client: Client, path: str) -> None:
    refused = client.get(f"{path}?maxpoints=10")
    assert is_error(refused, 400, "invalid_parameter")
    assert (refused.json["field"], "max_points" in refused.json["known"]) == ("maxpoints", True)
    assert is_error(client.get(f"{path}?max_points=10&max_points=20"), 400, "invalid_parameter")
    assert client.get(f"{path}?max_points=10&_=1795442066534").status == 200


def test_fewer_points_of_an_interval_leave_the_statistics_true(client: Client) -> None:
    whole, fewer = client.get(f"/cpu/{NOW_PATH}/2").json, client.get(f"/cpu/{NOW_PATH}/2?max_points=100").json
    assert fewer.pop("amostragem") == {
        "metodo": "minmax",
        "data": {"pontos": len(fewer["data"]), "de": 1440, "lacunas": []},
        "data_anterior": {"pontos": len(fewer["data_anterior"]), "de": 1440, "lacunas": []},
    }
    assert len(fewer["data"]) <= 100
    assert all(document in whole["data"] for document in fewer["data"])
    for key in set(whole) - {"data", "data_anterior"}:
        assert fewer[key] == whole[key]
    assert set(fewer) == set(whole)


def test_long_answers_stream_and_are_tagged_too(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_answers, "CACHED_WHOLE_BYTES", 1_000_000)
    write(database, 20_000, note="x" * 100)
    client = app_over(store)
    path = "/cpu/10-04-2022-00-00-00"
    first, second = client.get(path), client.get(path)
    assert "Content-Length" not in first.headers
    assert first.body == second.body
    if store.cache_bytes:
        assert client.get(path, if_none_match=first.headers["Etag"]).status == 304
    else:
        assert first.headers["Etag"] != second.headers["Etag"]


def test_long_answers_are_refused_while_too_many_are_under_way_and_short_ones_are_not(
    database: Database,
) -> None:
    write(database, 20_000)
    application = server.create_app(
        Services(from_mapping({}), Store(database), RecordingReportService(), streams=threading.BoundedSemaphore(2))
    )
    client = Client(application)
    path = "/cpu/09-04-2022-10-43-23"
    open_ones = [client.open(path) for _ in range(2)]
    refused = client.get(path)
    assert is_error(refused, 503, "too_many_streams")
    assert refused.headers["Retry-After"] == "2"
    assert client.get(f"/cpu/{NOW_PATH}/1").status == 200
    open_ones[0].close()
    assert client.get(path).status == 200
    assert client.ask("HEAD", path).status == 200
    assert client.get(path).status == 200
    open_ones[1].close()


@pytest.mark.parametrize("form", [f"/cpu/{NOW_PATH}/30", "/cpu/09-04-2022-10-43-23"])
def test_few_points_of_many_documents_take_a_place_and_have_the_tag_of_what_they_are(
    database: Database, form: str
) -> None:
    write(database, 20_000)
    streams = threading.BoundedSemaphore(1)
    client = Client(
        server.create_app(Services(from_mapping({}), Store(database), RecordingReportService(), streams=streams))
    )
    first = client.get(f"{form}?max_points=50")
    assert client.get(f"{form}?max_points=50", if_none_match=first.headers["Etag"]).status == 304
    assert client.get(f"{form}?max_points=52").headers["Etag"] != first.headers["Etag"]
    database["cpu_usage"].update_one({"time_series": NOW - timedelta(seconds=500)}, {"$set": {"value": 7}})
    assert client.get(f"{form}?max_points=50", if_none_match=first.headers["Etag"]).status == 200
    with streams:
        assert is_error(client.get(f"{form}?max_points=50"), 503, "too_many_streams")
        assert client.get(f"/cpu/{NOW_PATH}/1?max_points=50").status == 200


@pytest.mark.parametrize("format_name", ["json", "ndjson", "csv", "arrow"])
def test_a_long_answer_that_breaks_off_does_not_parse(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, format_name: str
) -> None:
    write(database, 60_000, note="x" * 100)
    store = Store(database)
    client = app_over(store)
    path = f"/cpu/06-04-2022-00-00-00?format={format_name}"
    complete = client.get(path).body
    assert len(parsed(complete, format_name)) == 60_000
    break_off(store, monkeypatch, after_batches=5)  # of six
    answer = client.get(path)
    assert answer.status == 200
    assert len(complete) // 3 < len(answer.body) < len(complete)
    with pytest.raises((ValueError, OSError, csv.Error)):
        parsed(answer.body, format_name)
    assert "broke off: " in caplog.text


@pytest.mark.parametrize("form", [f"/cpu/{NOW_PATH}/100", "/cpu/06-04-2022-00-00-00"])
def test_a_truncated_answer_is_never_confirmed_with_304(
    database: Database, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    write(database, 20_000, note="x" * 100)
    monkeypatch.setattr(metric_cache, "FRESH_SECONDS", 60.0)  # the cache is asked, and not MongoDB
    store = Store(database, 2**20)
    client = app_over(store)
    complete = client.get(form)
    assert client.get(form, if_none_match=complete.headers["Etag"]).status == 304
    with monkeypatch.context() as faults:
        break_off(store, faults, after_batches=3)
        cut = client.get(form)
    assert 0 < len(cut.body) < len(complete.body)
    again = client.get(form, if_none_match=cut.headers["Etag"])
    assert (again.status, again.body) == (200, complete.body)


@pytest.mark.parametrize("form", [f"/cpu/{NOW_PATH}/100", "/cpu/06-04-2022-00-00-00"])
def test_a_cached_long_answer_holds_nothing_of_its_read(
    database: Database, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    write(database, 20_000, note="x" * 100)
    store = Store(database, 2**20)
    client, readings = app_over(store), list[Any]()

    class Reading(list[Any]):
        """Batches that can be asked whether they are gone."""

    def watched(batches: Iterator[Batch]) -> Iterator[Batch]:
        held = Reading(batches)
        readings.append(weakref.ref(held))
        yield from held

    wrap_reads(store, monkeypatch, watched)
    assert client.ask("HEAD", form).status == 200
    client.open(form).close()
    gc.collect()
    assert len(readings) >= 2
    assert [each() for each in readings] == [None] * len(readings)


def parsed(body: bytes, format_name: str) -> Any:
    """The documents, by what a reader of the format would use."""
    if format_name == "json":
        return json.loads(body)
    if format_name == "ndjson":
        return [json.loads(line) for line in body.splitlines()]
    if format_name == "csv":
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    return pa.ipc.open_stream(body).read_all()


def newest_of(client: Client, path: str, **headers: str) -> str | None:
    return client.get(path, **headers).headers.get("X-Newest-Sample")


@pytest.mark.parametrize("path", [*PATHS, "/cpu/now/1", "/cpu/now", "/cpu/10-04-2000-09-43-23/1", "/now"])
def test_answers_name_unit_and_newest_sample_also_where_it_is_not_in_them(client: Client, path: str) -> None:
    for _ in range(3):
        answer = client.get(path, origin="https://dashboard.example.com")
        named = (answer.headers.get("X-Unit"), answer.headers.get("X-Newest-Sample"))
        assert named == ((None, None) if path == "/now" else ("ratio", "2022-04-10T12:43:23.000Z"))
        assert "X-Unit" in answer.headers["Access-Control-Expose-Headers"]
        assert "X-Newest-Sample" in answer.headers["Access-Control-Expose-Headers"]


def test_the_newest_sample_moves_on_while_an_earlier_answer_stays(client: Client, database: Database) -> None:
    path = f"/cpu/{NOW_PATH}/1"
    first = client.get(path)
    for seconds in (5, 10):
        database["cpu_usage"].insert_one({"time_series": NOW + timedelta(seconds=seconds), "value": 1})
        time.sleep(0.3)
        newest = f"2022-04-10T12:43:{23 + seconds}.000Z"
        assert (newest_of(client, path), client.get(path).body) == (newest, first.body)
        again = client.get(path, if_none_match=first.headers["Etag"])
        assert (again.status, again.headers["X-Newest-Sample"]) == (304, newest)
        assert newest_of(client, path) == newest  # out of the response cache, where there is one


def test_without_a_sample_there_is_no_newest(client: Client) -> None:
    answer = client.get(f"/http_fail/{NOW_PATH}/1")
    assert (answer.headers["X-Unit"], "X-Newest-Sample" in answer.headers) == ("requests", False)


def test_now_has_the_newest_sample_of_every_metric(client: Client, database: Database) -> None:
    at = [NOW, NOW - timedelta(seconds=1)]
    database["request_count"].insert_many(
        {"time_series": time, "value_success": 5, "value_fail": turn} for turn, time in enumerate(at)
    )
    database["jvm_memory_usage"].insert_one({"time_series": NOW, "value": "broken"})
    told = client.get("/now").json["metrics"]
    now = "2022-04-10T12:43:23.000Z"
    assert told["cpu"] == {"time": now, "value": 0.0, "criticity": "low", "unit": "ratio", "label": "Consumo de CPU"}
    assert (told["request_count"]["time"], told["request_count"]["value"]) == (now, 5.0)
    assert (told["ram"]["time"], told["ram"]["value"], told["ram"]["criticity"]) == (now, None, "unknown")
    assert told["disk"] == {
        "time": None,
        "value": None,
        "criticity": None,
        "unit": "ratio",
        "label": "Consumo de disco",
    }
    assert list(told) == ["cpu", "ram", "disk", "response_time", "request_count", "http_fail"]


def test_now_is_a_304_until_a_sample_comes(client: Client, database: Database) -> None:
    tag = client.get("/now").headers["Etag"]
    assert client.get("/now", if_none_match=tag).status == 304
    database["disk_usage"].insert_one({"time_series": NOW, "value": 0.5})
    time.sleep(0.3)
    assert client.get("/now", if_none_match=tag).status == 200
