"""/metrics: its counts, read back with the official parser, and checked by promtool."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

import server
from pycemaker import errors
from pycemaker.cache.sample_store import Store
from pycemaker.jobs import states
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.telemetry.traffic import BOUNDS_SECONDS, FOLD_AT, Traffic
from pycemaker.web.services import Services
from tests.services.openapi_app import InstantReportService
from tests.services.wsgi import Client

PROMTOOL = shutil.which("promtool")


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, 2**26)


def client_over(store: Store, folder: Path) -> Client:
    report_service = InstantReportService(store.database, folder)
    return Client(server.create_app(Services(from_mapping({"DATA_DIR": str(folder)}), store, report_service)))


def scrape(client: Client) -> dict[tuple[str, ...], float]:
    """Every sample: its name and the values of its labels, in the order of the labels' names."""
    text = client.get("/metrics").body.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found[sample.name, *(sample.labels[name] for name in sorted(sample.labels))] = sample.value
    return found


def test_answers_are_counted_by_route_method_and_status(store: Store, tmp_path: Path) -> None:
    client = client_over(store, tmp_path)
    for path in ("/cpu/now/1", "/ram/now/1", "/cpu/x/1", "/nothing", "/a/b/c/d", "/health"):
        client.get(path)
    client.ask("HEAD", "/health")
    client.ask("POST", "/health")
    client.ask("BREW", "/cpu/now/1")
    client.ask("OPTIONS", "/cpu/now/1")
    seen = scrape(client)
    interval = "/{name}/{date_now}/{time_range}"
    total = "pycemaker_http_requests_total"
    answers = {
        key[1:]: count for key, count in seen.items() if key[0] == total
    }  # labels by name: method, route, status
    assert answers == {
        ("GET", interval, "200"): 2,
        ("GET", interval, "400"): 1,
        ("GET", "none", "404"): 2,
        ("GET", "/health", "200"): 1,
        ("HEAD", "/health", "200"): 1,
        ("POST", "none", "405"): 1,
        ("other", "none", "405"): 1,
        ("OPTIONS", "none", "204"): 1,
    }
    assert seen["pycemaker_http_request_duration_seconds_count", "GET", interval] == 3
    assert 0 < seen["pycemaker_http_request_duration_seconds_sum", "GET", interval] < 30
    buckets = [seen["pycemaker_http_request_duration_seconds_bucket", f"{bound:g}", "GET", interval]
               for bound in BOUNDS_SECONDS]  # fmt: skip
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3
    assert seen["pycemaker_http_requests_in_flight",] == 1  # the scrape itself


def test_whatever_paths_are_tried_the_number_of_series_stays(store: Store, tmp_path: Path) -> None:
    client = client_over(store, tmp_path)
    client.get("/x0")
    client.get("/x0/y")
    client.get("/x0/y/z")
    client.get("/reports/x0")
    client.get("/metrics")
    before = len(scrape(client))
    for number in range(200):
        for path in ("/x{}", "/x{}/y{}", "/x{}/y/z{}", "/{}/a/b/c/d", "/reports/{}"):
            client.get(path.format(number, number))
    assert len(scrape(client)) == before


def test_answers_out_of_memory_count_for_their_route_too(store: Store, database: Database, tmp_path: Path) -> None:
    database["cpu_usage"].insert_one({"time_series": datetime(2022, 4, 10, 12, tzinfo=UTC), "value": 0.5})
    client = client_over(store, tmp_path)
    etag = client.get("/cpu/10-04-2022-09-30-00/1").headers["Etag"]
    client.get("/cpu/10-04-2022-09-30-00/1")
    client.get("/cpu/10-04-2022-09-30-00/1", if_none_match=etag)
    seen = scrape(client)
    route = "/{name}/{date_now}/{time_range}"
    assert seen["pycemaker_http_requests_total", "GET", route, "200"] == 2
    assert seen["pycemaker_http_requests_total", "GET", route, "304"] == 1
    assert seen["pycemaker_http_remembered_total",] == 2


def test_the_memory_for_samples_tells_hits_misses_and_size(store: Store, database: Database, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    database["cpu_usage"].insert_many(
        [{"time_series": now - timedelta(seconds=5 * step), "value": 0.5} for step in range(4 * 720)]
    )
    client = client_over(store, tmp_path)
    client.get("/cpu/now/4")
    first = scrape(client)
    assert first["pycemaker_cache_misses_total",] > 0
    assert 0 < first["pycemaker_cache_bytes",] < first["pycemaker_cache_limit_bytes",]
    assert first["pycemaker_cache_blocks",] >= 2
    client.get("/cpu/now/3")
    second = scrape(client)
    assert second["pycemaker_cache_hits_total",] > first["pycemaker_cache_hits_total",]
    assert second["pycemaker_cache_evictions_total",] == 0


def test_reports_are_counted_by_how_they_ended_and_their_stages_timed(store: Store, tmp_path: Path) -> None:
    """Job states: two into the outbox, one deferred, refused and possibly sent, one that does not run."""
    report_service = InstantReportService(store.database, tmp_path)
    client = Client(server.create_app(Services(from_mapping({"DATA_DIR": str(tmp_path)}), store, report_service)))
    job_store = report_service.job_store

    def take(to: str, hours: int) -> str:
        assert client.get(f"/report/now/{hours}/{to}?wait=0").status == 202
        claimed = job_store.claim(states.TO_RENDER)
        assert claimed is not None
        return str(claimed["_id"])

    for hours in (1, 2):
        report_id = take("a@b.com", hours)
        job_store.record_result(report_id, 0, states.WRITTEN, via="outbox", reply="x")
        job_store.finish(report_id, states.WRITTEN, stage_seconds={"notebook": 1.2, "mail": 0.2})
    report_id = take("a@b.com,c@d.com", 3)
    job_store.record_result(report_id, 0, states.DEFERRED)
    job_store.record_result(report_id, 0, states.REFUSED)
    job_store.record_result(report_id, 1, states.POSSIBLY_SENT)
    job_store.finish(report_id, states.POSSIBLY_SENT, stage_seconds={"notebook": 3.0})
    error = errors.NotebookFailed(cell=1, exception="KeyError", reason="x")
    job_store.finish(take("a@b.com", 4), states.FAILED, error=error.to_facts())
    assert client.get("/report/now/5/a@b.com?wait=0").status == 202

    seen = scrape(client)
    ended = {key[1:]: count for key, count in seen.items() if key[0] == "pycemaker_reports_total"}  # error, state
    assert ended == {("", "written"): 2, ("", "possibly_sent"): 1, ("NotebookFailed", "failed"): 1}
    mails = {key[1]: count for key, count in seen.items() if key[0] == "pycemaker_mails_total"}
    assert mails == {"written": 2, "deferred": 1, "refused": 1, "possibly_sent": 1}
    assert seen["pycemaker_report_stage_duration_seconds_sum", "notebook"] == pytest.approx(5.4)
    assert seen["pycemaker_report_stage_duration_seconds_bucket", "1", "notebook"] == 0
    assert seen["pycemaker_report_stage_duration_seconds_bucket", "2.5", "notebook"] == 2
    by_state = {key[1]: count for key, count in seen.items() if key[0] == "pycemaker_ledger_reports" and count}
    assert by_state == {"written": 2, "possibly_sent": 1, "failed": 1, "queued": 1}
    assert (seen["pycemaker_report_queue_length",], seen["pycemaker_report_queue_limit",]) == (1, 20)
    assert 0 <= seen["pycemaker_report_overdue_seconds",] < 60


def test_the_state_and_the_build_are_metrics(store: Store, tmp_path: Path) -> None:
    seen = scrape(client_over(store, tmp_path))
    for check in ("database", "indexes", "queue", "disk"):
        assert seen["pycemaker_ready", check] == 1
    assert seen["pycemaker_build_info", "external", sys.version.split()[0], version("pycemaker")] == 1
    if sys.platform == "linux":
        assert seen["process_resident_memory_bytes",] > 1e6


def test_a_database_that_is_away_is_a_number_and_no_failed_scrape(tmp_path: Path) -> None:
    away = Database("mongodb://127.0.0.1:1/x")
    seen = scrape(client_over(Store(away), tmp_path))
    away.close()
    assert (seen["pycemaker_ready", "database"], seen["pycemaker_ready", "disk"]) == (0, 1)


def test_two_apps_in_one_process_count_apart(store: Store, tmp_path: Path) -> None:
    one, other = client_over(store, tmp_path), client_over(store, tmp_path)
    one.get("/health")
    key = ("pycemaker_http_requests_total", "GET", "/health", "200")
    assert scrape(one)[key] == 1
    assert key not in scrape(other)


def test_openmetrics_is_spoken_to_who_asks_for_it(store: Store, tmp_path: Path) -> None:
    client = client_over(store, tmp_path)
    plain = client.get("/metrics")
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["Cache-Control"] == "no-store"
    modern = client.get("/metrics", accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert modern.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert {"pycemaker_http_requests", "pycemaker_reports"} <= {f.name for f in read_openmetrics(modern.body.decode())}


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool here")
def test_promtool_finds_nothing_to_say(store: Store, tmp_path: Path) -> None:
    client = client_over(store, tmp_path)
    for path in ("/cpu/now/6", "/nothing", "/report/now/6/a@b.com", "/report/now/6/a@b.com", "/metrics"):
        client.get(path)
    told = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=client.get("/metrics").body, capture_output=True, check=False
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")


def test_no_answer_is_lost_however_many_threads_count() -> None:
    traffic = Traffic()
    each, threads = FOLD_AT * 5 + 7, 8

    def work() -> None:
        for _ in range(each):
            traffic.begin()
            traffic.answer("/<name>/<date_start>", "GET", "200 OK", 0.001, False)
            traffic.end()

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    totals = traffic.totals()
    assert totals.answers == {("/{name}/{date_start}", "GET", 200): each * threads}
    assert totals.in_flight == 0
    assert traffic.take().succeeded == each * threads
    assert traffic.take().succeeded == 0
    assert traffic.totals().answers == totals.answers


def test_a_report_is_counted_for_the_collector_without_its_time() -> None:
    traffic = Traffic()
    traffic.answer("/report/<date_now>/<time_range>/<email_to>", "GET", "200 OK", 60.0, False)
    traffic.answer("/<name>/<date_start>", "GET", "200 OK", 0.5, False)
    traffic.answer("/<name>/<date_start>", "GET", "503 Service Unavailable", 1.5, False)
    taken = traffic.take()
    assert (taken.succeeded, taken.failed, taken.mean_seconds) == (2, 1, 1.0)


def test_an_answer_that_is_made_as_it_is_taken_is_in_flight_until_it_is_closed(
    store: Store, database: Database, tmp_path: Path
) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    database["cpu_usage"].insert_many(
        [{"time_series": start + timedelta(seconds=5 * step), "value": 0.5} for step in range(30_000)]
    )
    client = client_over(Store(database), tmp_path)
    body = client.open("/cpu/2019-12-31T00:00:00Z")
    assert not isinstance(body, list)
    assert scrape(client)["pycemaker_http_requests_in_flight",] == 2
    assert next(body)
    body.close()
    body.close()
    assert scrape(client)["pycemaker_http_requests_in_flight",] == 1
