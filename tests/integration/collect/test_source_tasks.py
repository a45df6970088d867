"""The work on sources that fail, are slow or malformed, and whose past is missing, against a real MongoDB."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from pycemaker.collect.collect_file import PROMETHEUS, SCRAPE, CollectSource
from pycemaker.collect.exporter_source import ExporterSource
from pycemaker.collect.prometheus_source import PrometheusSource
from pycemaker.collect.sample_writer import SampleWriter
from pycemaker.collect.series_expressions import parse_expression
from pycemaker.collect.source_http import SourceClient, SourceFault
from pycemaker.collect.source_leases import SourceLeases, read_states
from pycemaker.collect.source_tasks import ExporterTask, PrometheusTask, SourceTask
from pycemaker.mongo.database import Database
from tests.services.prometheus_server import http_answer, raw_server

STEP = 60


class MadeUpPrometheus:
    """An API that answers `query_range` by a function of the instant, and its clock.

    Attributes:
        value: of an instant; None for no sample.
        now_s: its clock.
        error: its answer instead, status and body.
        asked: the stretches that were asked for.
    """

    def __init__(self) -> None:
        self.value: Callable[[int], float | str | None] = lambda _at: 0.5
        self.now_s = time.time()
        self.error: tuple[int, Any] | None = None
        self.asked: list[tuple[int, int]] = []

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        if self.error:
            return self.error
        if path.endswith("/query"):
            return 200, {"status": "success", "data": {"resultType": "scalar", "result": [self.now_s, str(self.now_s)]}}
        start, end, step = int(form["start"]), int(form["end"]), int(form["step"])
        self.asked.append((start, end))
        points = [(at, self.value(at)) for at in range(start, end + 1, step)]
        values = [[at, str(value)] for at, value in points if value is not None]
        result = [{"metric": {}, "values": values}] if values else []
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


@pytest.fixture
def api() -> MadeUpPrometheus:
    return MadeUpPrometheus()


@pytest.fixture
def url(api: MadeUpPrometheus) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, content = api.answer(self.path, {name: texts[0] for name, texts in form.items()})
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def cpu_source(url: str, **more: Any) -> CollectSource:
    return CollectSource("shop", PROMETHEUS, url, {"cpu": "x"}, every_seconds=STEP, backfill_days=1, **more)


def task_of(source: CollectSource, database: Database) -> SourceTask:
    leases = SourceLeases(database, [source])
    leases.claim()
    kind = PrometheusTask if source.kind == PROMETHEUS else ExporterTask
    return kind(source, SampleWriter(database), leases, lambda _count: None)


def times(database: Database) -> list[int]:
    return [int(each["time_series"].timestamp()) for each in database["cpu_usage"].find().sort("time_series")]


def is_without_gap(stored: list[int]) -> bool:
    return all(later - earlier == STEP for earlier, later in itertools.pairwise(stored))


# --- the past


def test_the_past_is_fetched_newest_first_and_an_outage_of_ours_like_it(
    database: Database, api: MadeUpPrometheus, url: str
) -> None:
    source = cpu_source(url)
    task = task_of(source, database)
    api.now_s -= 7200
    task.poll(0)
    assert len(times(database)) == 1
    while task.fetch_piece():
        pass
    assert len(times(database)) == 1440
    api.now_s += 7200
    task.take_over()  # as after a start: what it knows is in MongoDB alone
    task.poll(0)
    assert len(times(database)) == 1441
    assert read_states(database, [source])[0].gap_seconds == 7200 - STEP
    while task.fetch_piece():
        pass
    assert len(times(database)) == 1440 + 120
    assert is_without_gap(times(database))
    assert read_states(database, [source])[0].gap_seconds == 0


def test_a_short_outage_is_fetched_with_the_present(database: Database, api: MadeUpPrometheus, url: str) -> None:
    task = task_of(cpu_source(url), database)
    for _ in range(3):
        task.poll(0)
        api.now_s += 5 * STEP
    task.poll(0)
    assert len(times(database)) == 16
    assert is_without_gap(times(database))


def test_a_piece_that_is_too_long_is_fetched_in_shorter_ones(
    database: Database, api: MadeUpPrometheus, url: str
) -> None:
    task = task_of(cpu_source(url), database)
    task.poll(0)
    answer = api.answer

    def refuse_long(path: str, form: dict[str, str]) -> tuple[int, Any]:
        if "start" in form and int(form["end"]) - int(form["start"]) > 10_000:
            return 422, {
                "status": "error",
                "errorType": "execution",
                "error": "query processing would load too many samples into memory",
            }
        return answer(path, form)

    api.answer = refuse_long  # type: ignore[method-assign]
    while task.fetch_piece():
        pass
    assert len(times(database)) == 1440
    assert is_without_gap(times(database))


def test_the_same_stretch_twice_gives_nothing_new(database: Database, api: MadeUpPrometheus, url: str) -> None:
    source = cpu_source(url)
    first, second = [], []
    leases = SourceLeases(database, [source])
    leases.claim()
    PrometheusTask(source, SampleWriter(database), leases, first.append).poll(0)
    leases.save(source.id, reached=None, gaps=[])
    api.value = lambda _at: 0.9
    PrometheusTask(source, SampleWriter(database), leases, second.append).poll(0)
    assert (sum(first), sum(second)) == (1, 0)
    assert [each["value"] for each in database["cpu_usage"].find()] == [0.5]


def test_the_future_by_its_own_clock_is_not_asked_for(database: Database, api: MadeUpPrometheus, url: str) -> None:
    task = task_of(cpu_source(url), database)
    api.now_s -= 3600  # a clock an hour behind ours
    task.poll(0)
    assert max(end for _, end in api.asked) <= api.now_s


# --- faults


def test_a_fault_is_a_gap_one_log_line_and_a_state_and_so_is_its_end(
    database: Database, api: MadeUpPrometheus, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pycemaker.collect")
    source = cpu_source(url)
    task = task_of(source, database)
    api.error = (503, {"status": "error", "errorType": "unavailable", "error": "starting up"})
    for _ in range(3):
        task.poll(0)
    assert [record.message for record in caplog.records] == ["source shop: unavailable: starting up"]
    assert times(database) == []
    [state] = read_states(database, [source])
    assert state.fault == "unavailable: starting up"
    api.error = None
    task.poll(0)
    task.poll(0)
    assert [record.message for record in caplog.records][1:] == ["source shop: works"]
    assert read_states(database, [source])[0].fault is None


def test_no_series_and_nan_are_no_samples_and_no_zeros(database: Database, api: MadeUpPrometheus, url: str) -> None:
    source = cpu_source(url)
    task = task_of(source, database)
    api.value = lambda _at: None
    task.poll(0)
    assert read_states(database, [source])[0].fault == "all: no series matches"
    api.value, api.now_s = (lambda _at: "NaN"), api.now_s + STEP
    task.poll(0)
    assert times(database) == []


def test_a_wrong_query_takes_no_other_metric_with_it(database: Database, api: MadeUpPrometheus, url: str) -> None:
    source = CollectSource("shop", PROMETHEUS, url, {"cpu": "up{", "ram": "x"}, every_seconds=STEP, backfill_days=0)
    answer = api.answer

    def refuse_wrong(path: str, form: dict[str, str]) -> tuple[int, Any]:
        if form["query"] == "up{":
            return 400, {"status": "error", "errorType": "bad_data", "error": "parse error"}
        return answer(path, form)

    api.answer = refuse_wrong  # type: ignore[method-assign]
    task_of(source, database).poll(0)
    assert read_states(database, [source])[0].fault == "cpu: bad_data: parse error"
    assert database["jvm_memory_usage"].count_documents({}) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"not json"), (200, {}), (200, []), (200, {"status": "success", "data": None}),
        (200, {"status": "success", "data": {"resultType": "vector", "result": []}}),
        (200, {"status": "success", "data": {"resultType": "scalar", "result": ["x"]}}),
        (502, b"<html>bad gateway</html>"), (302, b""),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_of_the_api_is_named(api: MadeUpPrometheus, url: str, answer: tuple[int, Any]) -> None:
    api.error = answer
    with pytest.raises(SourceFault, match=r"none of Prometheus's API|status (502|302)"):
        PrometheusSource(cpu_source(url)).now()


@pytest.mark.parametrize(
    "result", [[{"metric": {}}], [{"values": [[1, "1"]]}], [{"metric": {}, "values": [["x", "y"]]}], [7]]
)
def test_a_matrix_with_wrong_types_is_named(api: MadeUpPrometheus, url: str, result: Any) -> None:
    api.error = 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}
    with pytest.raises(SourceFault, match="none of Prometheus's API"):
        PrometheusSource(cpu_source(url)).read(["cpu"], 0, 600)


@pytest.mark.parametrize("now", [1e300, 0.0, time.time() + 90_000], ids=["far ahead", "1970", "tomorrow"])
def test_a_clock_that_is_a_day_off_stops_a_source_only_as_long_as_it_is(
    database: Database, api: MadeUpPrometheus, url: str, now: float
) -> None:
    source, right = cpu_source(url), api.now_s
    task = task_of(source, database)
    api.now_s = now
    task.poll(0)
    assert read_states(database, [source])[0].fault == "its clock is more than a day ahead or behind"
    api.now_s = right
    task.poll(0)
    assert len(times(database)) == 1


def test_instants_that_were_not_asked_for_are_no_samples(api: MadeUpPrometheus, url: str) -> None:
    values = [[at, "0.5"] for at in (-1, 0, 600, 601, 1e300)]
    api.error = (
        200,
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}},
    )
    assert list(PrometheusSource(cpu_source(url)).read(["cpu"], 0, 600)) == [("", 600_000)]


def test_several_series_are_added_up_where_they_count_and_else_averaged(api: MadeUpPrometheus, url: str) -> None:
    series = [{"metric": {"pod": str(n)}, "values": [[600, str(n)]]} for n in (1, 3)]
    api.error = 200, {"status": "success", "data": {"resultType": "matrix", "result": series}}
    source = CollectSource("shop", PROMETHEUS, url, {"response_time": "x", "request_count": "y"})
    readings = PrometheusSource(source).read(["response_time", "request_count"], 0, 600)
    assert readings == {("", 600_000): {"response_time": 2.0, "request_count": 4.0}}


def test_a_label_names_applications(api: MadeUpPrometheus, url: str) -> None:
    series = [{"metric": {"app": name}, "values": [[600, "0.5"]]} for name in ("Shop", "orders", "no/name", "")]
    api.error = 200, {"status": "success", "data": {"resultType": "matrix", "result": series}}
    readings = PrometheusSource(cpu_source(url, application_label="app")).read(["cpu"], 0, 600)
    assert [application for application, _ in readings] == ["shop", "orders"]


# --- exporters


def exporter(url: str, seconds: float = 1.0) -> ExporterSource:
    source = CollectSource("page", SCRAPE, url, expressions={"cpu": parse_expression("cpu_share")})
    return ExporterSource(source, SourceClient(url, seconds=seconds))


def drip(head: bytes, rest: bytes) -> Callable[[Any], None]:
    def answer(connection: Any) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(rest)
            time.sleep(0.1)

    return answer


def flood(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"cpu_share 1\n" * 10_000)


def cut(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ncpu_share 1\n")
    connection.close()


def sends(body: bytes, media_type: str = "text/plain", status: str = "200 OK") -> Callable[[Any], None]:
    return lambda connection: connection.sendall(http_answer(body, media_type, status))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (flood, "more than 16 MB"),
        (cut, "broke off"),
        (drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), "within 1 s"),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"a"), "within 1 s"),
        (drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), "within 1 s"),
        (lambda _connection: time.sleep(2), "within 1 s"),
        (sends(b"cpu_share 1\ncpu_share 2\n"), "twice"),
        (sends(b"cpu_share one\n"), "no metric's"),
        (sends(b"cpu_share 1"), "cut"),
        (sends(b"<html>", "text/html"), "no page"),
        (sends(b"\xff\xfe\n"), "UTF-8"),
        (sends(b"no", "text/plain", "500 Internal Server Error"), "status 500"),
        (sends(b"", "text/plain", "302 Found"), "status 302"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"), "broke off"),
    ],
)
def test_an_exporter_that_misbehaves_is_bounded_and_named(answer: Callable[[Any], None], reason: str) -> None:
    with raw_server(answer) as url:
        began = time.monotonic()
        with pytest.raises(SourceFault, match=reason):
            exporter(url).read(time.time())
        assert time.monotonic() - began < 2.5


def test_an_exporter_that_works_again_is_read_over_the_same_client() -> None:
    broken = threading.Event()

    def answer(connection: Any) -> None:
        if broken.is_set():
            connection.close()
        else:
            connection.sendall(http_answer(b"cpu_share 0.5\n"))

    with raw_server(answer) as url:
        source = exporter(url)
        assert source.read(60.0) == {("", 60_000): {"cpu": 0.5}}
        broken.set()
        with pytest.raises(SourceFault):
            source.read(120.0)
        broken.clear()
        assert source.read(180.0) == {("", 180_000): {"cpu": 0.5}}


def test_an_exporter_that_is_away_is_named_without_its_host() -> None:
    with pytest.raises(SourceFault, match="no connection") as caught:
        exporter("http://127.0.0.1:9/metrics").read(time.time())
    assert "127.0.0.1" not in str(caught.value)


def test_credentials_are_sent_and_a_redirect_takes_them_nowhere() -> None:
    requests: list[bytes] = []

    def answer(connection: Any) -> None:
        connection.sendall(http_answer(b"", "text/plain", "302 Found\r\nLocation: http://127.0.0.1:9/"))

    with raw_server(answer, requests) as url:
        source = CollectSource(
            "page", SCRAPE, url, expressions={"cpu": parse_expression("a")}, authorization="Bearer secret"
        )
        with pytest.raises(SourceFault, match="status 302"):
            ExporterSource(source).read(0.0)
    assert b"Authorization: Bearer secret" in requests[0]
    assert len(requests) == 1
