"""A metric added as a row of `METRICS`, of each unit there is and of one of its own, in all that a checkout does."""

from __future__ import annotations

import email
import io
import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZipFile

import pytest

from tests.services.process import ROOT, ServerProcess

ADDED = """    Metric("connections", "db_connections", "conexões", "Conexões ao banco", fields=("open",)),
    Metric("swap", "swap_usage", "ratio", "Consumo de swap", limit=1.0),
    Metric("queue_wait", "queue_wait", "seconds", "Espera na fila", spellings=("wait",)),
    Metric("jobs_done", "jobs_done", "requests", "Tarefas", fields=("done", "lost")),
)
"""
UNITS = {"connections": "conexões", "swap": "ratio", "queue_wait": "seconds", "jobs_done": "requests"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout whose `METRICS` has further rows, and nothing else is changed."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("pycemaker", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "server.py", root)
    table = root / "pycemaker" / "metrics.py"
    source = table.read_text(encoding="utf-8")
    whole = "METRICS: tuple[Metric, ...] = (CPU, RAM, DISK, RESPONSE_TIME, REQUEST_COUNT, HTTP_FAIL)\n"
    assert whole in source
    table.write_text(source.replace(whole, whole.replace(")\n", ",\n" + ADDED)), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def served(checkout: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(root=checkout).start()
    yield server
    server.close()


def text_of(server: ServerProcess, path: str, accept: str = "*/*") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def test_the_first_start_fills_it_with_demo_data_in_its_own_fields(served: ServerProcess) -> None:
    for metric_id in UNITS:
        status, answer = served.get(f"/{metric_id}/now/6")
        assert status == 200
        assert len(answer["data"]) > 3_000
        assert answer["mean"] > 0
    newest = served.get("/connections/now/6")[1]["data"][-1]
    assert newest["value"] == newest["open"]
    newest = served.get("/jobs_done/now/6")[1]["data"][-1]
    assert newest["value"] == newest["done"] + newest["lost"]
    assert len(served.get("/wait/now/6")[1]["data"]) > 3_000


def test_the_index_the_page_and_openapi_have_it(served: ServerProcess) -> None:
    index = {metric["id"]: metric["unit"] for metric in served.get("/")[1]["metrics"]}
    assert index.items() >= UNITS.items()
    page = text_of(served, "/", "text/html")
    assert "Conexões ao banco" in page
    assert "conexões" in page
    description = served.get("/openapi.json")[1]
    (name,) = (
        parameter["schema"]["enum"]
        for parameter in description["paths"]["/{name}/{date_now}/{time_range}"]["get"]["parameters"]
        if parameter.get("name") == "name"
    )
    assert {*UNITS, "wait"} <= set(name)
    assert '"conexões"' in json.dumps(description, ensure_ascii=False)


def test_routes_of_newest_samples_and_of_steps_have_it(served: ServerProcess) -> None:
    assert set(UNITS) <= set(served.get("/now")[1]["metrics"])
    for metric_id in UNITS:
        steps = served.get(f"/{metric_id}/now/6?every=300")
        assert (steps[0], len(json.dumps(steps[1])) > 1_000) == (200, True)


def test_prometheus_gets_its_newest_reading_with_its_unit(served: ServerProcess) -> None:
    text = text_of(served, "/metrics")
    for metric_id, unit in UNITS.items():
        assert f'pycemaker_newest_reading{{metric="{metric_id}",unit="{unit}"}}' in text
        assert f'pycemaker_newest_sample_timestamp_seconds{{metric="{metric_id}"}}' in text


@pytest.mark.parametrize("media_type", ["text/csv", "application/vnd.apache.arrow.stream"])
def test_its_samples_come_in_other_formats(served: ServerProcess, media_type: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{served.port}/connections/now/6", headers={"Accept": media_type}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith(media_type)
        assert unquote(answer.headers["X-Unit"]) == "conexões"
        assert len(answer.read()) > 10_000


def test_a_report_shows_it_and_attaches_it(served: ServerProcess) -> None:
    status, answer = served.get("/report/now/6/ana@example.com?attach=csv,xlsx", timeout=120)
    assert (status, answer["msg"][:9]) == (200, "Relatório"), answer
    report_id = answer["report"]["id"]
    page = text_of(served, f"/reports/{report_id}")
    for label in ("Conexões ao banco", "Consumo de swap", "Espera na fila", "Tarefas"):
        assert label in page
    assert " conexões" in page
    (mail,) = (served.folder / "outbox").glob("*.eml")
    files = {part.get_filename(): part for part in email.message_from_bytes(mail.read_bytes()).walk()}
    (archive,) = (part.get_payload(decode=True) for name, part in files.items() if name and name.endswith(".zip"))
    with ZipFile(io.BytesIO(bytes(archive))) as csv:
        assert csv.read("connections.csv").decode().startswith("time_utc,value_conexões,criticity\r\n")
        assert len(csv.read("jobs_done.csv").splitlines()) > 3_000
        assert "connections,conexões," in csv.read("summary.csv").decode()
    assert any(name and name.endswith(".xlsx") for name in files)


def run(checkout: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "DATA_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "pycemaker", *arguments],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def test_sample_writes_it(checkout: Path, tmp_path: Path) -> None:
    filled = run(checkout, tmp_path, "sample")
    assert filled.returncode == 0, filled.stderr
    assert "Traceback" not in filled.stderr


def test_check_passes_with_it(checkout: Path, tmp_path: Path) -> None:
    checked = run(checkout, tmp_path, "check", "report")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "all passed" in checked.stdout
