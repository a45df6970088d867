"""`python -m pycemaker worker`: makes what a server without workers takes in, and finishes what it has begun."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.process import ROOT, ServerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM")


@pytest.fixture
def served(database_url: str) -> Iterator[ServerProcess]:
    """A server that makes no report."""
    server = ServerProcess(MONGO_DB_URL=database_url, REPORT_WORKERS="0").start()
    yield server
    server.close()


@contextlib.contextmanager
def worker(served: ServerProcess, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A worker beside the server, which makes one report at a time."""
    command = [sys.executable, "-m", "pycemaker", "worker", *options]
    environment = served.environment | {"REPORT_WORKERS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def asked(served: ServerProcess, name: str) -> str:
    """The path of the record of a report that is asked for now."""
    status, answer = served.get(f"/report/10-04-2022-09-43-23/6/{name}@example.com?wait=0")
    assert status == 202
    return f"/reports/{answer['report']['id']}"


def until_state(served: ServerProcess, path: str, *states: str) -> dict[str, Any]:
    """The record, once it is in one of these states."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        record: dict[str, Any] = served.get(f"{path}.json")[1]["report"]
        if record["state"] in states:
            return record
        time.sleep(0.05)
    raise AssertionError(f"{record['state']}, not {states}")


def test_a_worker_makes_and_sends_and_ends_when_what_it_began_is_done(served: ServerProcess) -> None:
    first = asked(served, "ana")
    time.sleep(1.5)  # a server with a worker would have begun it
    assert until_state(served, first, "queued", "running")["state"] == "queued"
    with worker(served) as process:
        until_state(served, first, "written")
        second = asked(served, "bia")
        assert until_state(served, second, "running")["worker"]
        process.send_signal(signal.SIGTERM)
        third = asked(served, "caio")
        assert process.wait(60) == 0
    assert until_state(served, second, "rendered", "sending", "written")
    assert until_state(served, third, "queued")
    assert served.get("/ready")[0] == 200


def test_a_worker_that_only_makes_sends_nothing(served: ServerProcess) -> None:
    path = asked(served, "ana")
    with worker(served, "--make-only"):
        until_state(served, path, "rendered")
        time.sleep(1.5)
        assert until_state(served, path, "rendered", "sending", "written")["state"] == "rendered"
        with worker(served):
            until_state(served, path, "written")


def test_it_wants_to_make_at_least_one_report_at_a_time(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "REPORT_WORKERS": "0", "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "pycemaker", "worker"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "REPORT_WORKERS" in ended.stderr
