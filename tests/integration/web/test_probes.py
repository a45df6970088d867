"""Liveness and readiness: the checks, their deadline, and what they do not name."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections import namedtuple
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.jobs.dask_cluster import ClusterState, DaskCluster
from pycemaker.metrics import CPU, DISK, METRICS, RAM, Metric
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import KEY
from pycemaker.settings import from_mapping
from pycemaker.telemetry.check_runner import FAIL, OK, Check, CheckRunner, Outcome
from pycemaker.web.readiness import LEAST_FREE_BYTES, DiskCheck, readiness_runner
from pycemaker.web.services import Services
from tests.services.openapi_app import InstantReportService, client_of
from tests.services.wsgi import Answer, Client

CHECKS = ["database", "reading", "writing", "indexes", "queue", "schedules", "alerts", "disk", "samples"]
Usage = namedtuple("Usage", "total used free")


def client_over(database: Database, folder: Path) -> Client:
    return client_of(Store(database), folder)


def fill(database: Database, metric: Metric, newest_ago: timedelta, **more: object) -> None:
    """An hour of a metric's samples, one every 15 s, up to so long ago; and one more document where it is said."""
    newest_utc = datetime.now(UTC) - newest_ago
    samples = [{"time_series": newest_utc - timedelta(seconds=15 * back), "value": 0.5} for back in range(240)]
    database[metric.collection].insert_many([*samples, *([more] if more else [])])


def test_samples_that_stopped_or_carry_no_date_are_said_and_stop_no_request(database: Database, tmp_path: Path) -> None:
    fill(database, CPU, timedelta(seconds=10))
    client = client_over(database, tmp_path)
    assert client.get("/ready").json["checks"]["samples"] == {"ok": True, "sources": 1}
    fill(database, RAM, timedelta(hours=30))
    fill(database, DISK, timedelta(seconds=10), time_series="2022-04-10T12:43:23Z", value=0.5)
    answer = client_over(database, tmp_path).get("/ready")
    assert answer.status == 200
    assert answer.json["checks"]["samples"] == {
        "ok": False,
        "why": "Consumo de RAM: sem amostras há 30 horas; Consumo de disco: há amostras sem data",
        "sources": 3,
    }


def outcomes_of(ready: CheckRunner) -> dict[str, Outcome]:
    return {result.name: result.outcome for result in ready.results()}


def test_readings_that_are_no_numbers_and_views_are_said_and_stop_no_request(
    database: Database, tmp_path: Path
) -> None:
    database[DISK.collection].insert_many(
        {"time_series": datetime.now(UTC) - timedelta(seconds=15 * back), "value": "53%"} for back in range(9)
    )
    fill(database, RAM, timedelta(seconds=10))
    database["raw"].insert_one({"time_series": datetime.now(UTC), "value": 0.5})
    database.handle.create_collection(CPU.collection, viewOn="raw", pipeline=[])
    answer = client_over(database, tmp_path).get("/ready")
    assert answer.status == 200
    assert answer.json["checks"]["samples"] == {
        "ok": False,
        "why": "Consumo de disco: a leitura das últimas amostras não é um número, e elas não entram nas contas; "
        "Consumo de CPU: é uma view, e não se sabe se há amostras",
        "sources": 3,
    }


def is_not_ready(answer: Answer, *failed: str) -> bool:
    told = answer.json
    assert told["error"] == "not_ready"
    assert answer.headers["Retry-After"] == "2"
    assert all(check["ok"] or check["why"] for check in told["checks"].values())
    bad = [name for name in CHECKS if name != "samples" and not told["checks"][name]["ok"]]
    return answer.status == 503 and bad == list(failed)


def test_a_ready_server_names_every_check_and_what_it_measured(database: Database, tmp_path: Path) -> None:
    answer = client_over(database, tmp_path).get("/ready")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    checks = answer.json["checks"]
    assert list(checks) == CHECKS
    assert all(check["ok"] for name, check in checks.items() if name != "samples")
    assert checks["samples"] == {"ok": False, "why": "nenhuma métrica tem amostras neste banco", "sources": 0}
    assert 0 < checks["database"]["ping_ms"] < 1000
    assert checks["disk"]["free_mb"] > 0
    assert checks["queue"] == {"ok": True, "waiting": 0, "limit": 20, "overdue_seconds": 0.0}


def test_asking_makes_the_indexes_so_that_the_first_reader_need_not_wait(database: Database, tmp_path: Path) -> None:
    assert client_over(database, tmp_path).get("/ready").status == 200
    for metric in METRICS:
        keys = [list(dict(index)["key"].items()) for index in database[metric.collection].list_indexes()]
        assert KEY in keys


def test_a_database_that_is_away_is_said_within_3_s_and_names_no_host(tmp_path: Path) -> None:
    with closing(Database("mongodb://made-user:made-word@127.0.0.1:1/x")) as away:
        client = client_over(away, tmp_path / "secret-folder")
        began = time.monotonic()
        answer = client.get("/ready")
        assert time.monotonic() - began < 3
    assert is_not_ready(answer, "database", "reading", "writing", "indexes", "queue", "schedules", "alerts")
    for hidden in ("127.0.0.1", "made-user", "made-word", "secret-folder", str(tmp_path), "Traceback"):
        assert hidden not in answer.body.decode()


def test_a_database_that_is_silent_is_said_within_3_s_and_leaves_a_thread_a_check_at_most(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        closing(Database(f"mongodb://127.0.0.1:{silent.getsockname()[1]}/x")) as database,
    ):
        client = client_over(database, tmp_path)
        for _ in range(3):
            began = time.monotonic()
            assert is_not_ready(
                client.get("/ready"), "database", "reading", "writing", "indexes", "queue", "schedules", "alerts"
            )
            assert time.monotonic() - began < 3
        names = [thread.name for thread in threading.enumerate() if thread.name.startswith("check-")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_both_answer_head_and_refuse_what_would_write(database: Database, tmp_path: Path, path: str) -> None:
    client = client_over(database, tmp_path)
    head = client.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert client.ask("POST", path).status == 405


def test_a_living_process_says_so_without_looking_at_anything(tmp_path: Path) -> None:
    client = client_over(Database("mongodb://127.0.0.1:1/x"), tmp_path)  # which is never opened
    began = time.perf_counter()
    answer = client.get("/health")
    assert time.perf_counter() - began < 1  # a look at the database, which is away, takes longer
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_full_disk_is_said(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, LEAST_FREE_BYTES - 1))
    answer = client_over(database, tmp_path).get("/ready")
    assert is_not_ready(answer, "disk")
    assert answer.json["checks"]["disk"]["free_mb"] == 255
    assert str(tmp_path) not in answer.body.decode()


def test_a_folder_that_is_not_there_yet_counts_as_the_one_above_it(database: Database, tmp_path: Path) -> None:
    assert client_over(database, tmp_path / "a" / "b").get("/ready").status == 200


@pytest.mark.parametrize(("overdue_seconds", "ok"), [(0, True), (300, True), (400, False)])
def test_reports_that_nobody_takes_up_are_a_queue_that_does_not_move(
    database: Database, tmp_path: Path, overdue_seconds: int, ok: bool
) -> None:
    """One worker, a deadline of 120 s, two reports waiting: after 390 s somebody ought to have begun the last one."""
    client = client_over(database, tmp_path)
    for hours in (5, 6):
        assert client.get(f"/report/now/{hours}/a@b.com?wait=0").status == 202
    due_at = datetime.now(UTC) - timedelta(seconds=overdue_seconds)
    database["reports"].update_one({"hours": 5}, {"$set": {"due_at": due_at}})
    answer = client.get("/ready")
    queue = answer.json["checks"]["queue"]
    assert (queue["waiting"], queue["ok"]) == (2, ok)
    assert queue["overdue_seconds"] == pytest.approx(overdue_seconds, abs=5)
    assert is_not_ready(answer, "queue") if not ok else answer.status == 200


@pytest.mark.parametrize(("slots", "ok"), [(2, False), (0, True)])
def test_a_queue_moves_as_fast_as_the_dask_cluster_has_slots(
    database: Database, tmp_path: Path, slots: int, ok: bool
) -> None:
    """Two slots: 270 s. While the cluster is away the one worker here counts: 390 s."""
    service = InstantReportService(database, tmp_path)
    service.cluster = DaskCluster("tcp://127.0.0.1:1", 1)
    service.cluster.state = ClusterState({"tcp://10.0.0.7:1": slots} if slots else {}, {"tcp://10.0.0.7:1": 0})
    settings = from_mapping({"DATA_DIR": str(tmp_path)})
    client = Client(server.create_app(Services(settings, Store(database), service)))
    for hours in (5, 6):
        assert client.get(f"/report/now/{hours}/a@b.com?wait=0").status == 202
    due_at = datetime.now(UTC) - timedelta(seconds=300)
    database["reports"].update_one({"hours": 5}, {"$set": {"due_at": due_at}})
    assert client.get("/ready").json["checks"]["queue"]["ok"] == ok


def test_a_check_that_hangs_is_said_in_time_and_started_once() -> None:
    release, started = threading.Event(), []

    def hangs() -> Outcome:
        started.append(1)
        release.wait(10)
        return Outcome(OK)

    ready = readiness_runner([Check("slow", hangs, 0.1), Check("quick", lambda: Outcome(OK), 0.1)], reuse_seconds=0)
    for _ in range(3):
        assert outcomes_of(ready) == {"slow": Outcome(FAIL, "não terminou em 0.1 s"), "quick": Outcome(OK)}
    assert len(started) == 1
    release.set()


def test_a_check_that_breaks_is_an_outcome_that_names_its_type_alone() -> None:
    broken = Check("broken", lambda: Outcome(str(1 / 0)))
    assert outcomes_of(readiness_runner([broken])) == {"broken": Outcome(FAIL, "falhou (ZeroDivisionError)")}


def test_an_outcome_is_reused_for_a_second() -> None:
    looks: list[int] = []

    def look() -> Outcome:
        looks.append(1)
        return Outcome(OK)

    ready = readiness_runner([Check("counted", look)], reuse_seconds=0.2)
    outcomes_of(ready)
    outcomes_of(ready)
    assert len(looks) == 1
    time.sleep(0.25)
    outcomes_of(ready)
    assert len(looks) == 2


def test_a_data_dir_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "of" / "data"
    check = DiskCheck(folder)
    assert check().level == OK
    shutil.rmtree(tmp_path / "of")
    assert check().level == OK
    assert (folder.is_dir(), folder.stat().st_mode & 0o777) == (True, 0o700)


def test_one_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "of").write_text("a file", encoding="utf-8")
    assert DiskCheck(tmp_path / "of" / "data")() == Outcome(FAIL, "DATA_DIR desapareceu e não pôde ser criado de novo")


def test_the_embedded_databases_folder_is_missed_also_where_another_one_was_made(tmp_path: Path) -> None:
    (tmp_path / "mongo").mkdir()
    check = DiskCheck(tmp_path, holds_database=True)
    assert check().level == OK
    (tmp_path / "mongo").rename(tmp_path / "elsewhere")
    gone = Outcome(FAIL, "a pasta do banco de dados em DATA_DIR desapareceu: devolva-a e reinicie o servidor")
    assert check() == gone
    (tmp_path / "mongo").mkdir()
    assert check() == gone
    (tmp_path / "mongo").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "mongo")
    assert check().level == OK
