"""Processes that a notebook's cells start are gone when the report has ended, and count as its memory."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import psutil
import pytest

from pycemaker import errors
from pycemaker.jobs.report_process import ReportProcess
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT
from pycemaker.window import Window
from tests.services.process import all_gone
from tests.services.report_service import make, service_of, task_for
from tests.services.shared_template import TEMPLATE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the cells speak to a shell")

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
WAYS = [
    "os.system('sleep {seconds} &')",
    "os.system('nohup sleep {seconds} >/dev/null 2>&1 &')",
    "subprocess.Popen(['sleep', '{seconds}'])",
    "subprocess.Popen(['sleep', '{seconds}'], start_new_session=True)",
    "os.system('(setsid sh -c \"sleep {seconds}; true\" &) &')",
    "multiprocessing.get_context('fork').Process(target=os.execlp, args=('sleep', 'sleep', '{seconds}')).start()",
]
NAMELESS = ["os.system('env -i setsid sleep {seconds} &')"]
"""Processes that do not even inherit its variables; only on Linux are they found."""


def starting(ways: list[str], seconds: str) -> str:
    return "import multiprocessing, os, subprocess\n" + "\n".join(ways).format(seconds=seconds)


@pytest.fixture
def seconds() -> Iterator[str]:
    """The sleep of the started processes: a unique number, by which they are found."""
    number = f"600.{secrets.randbelow(10**9):09}"
    yield number
    for process in sleeping(number):
        process.kill()


def sleeping(seconds: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "sleep" and seconds in process.cmdline():
                found.append(process)
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm-") as made:
        yield Path(made)


@pytest.fixture
def environment(folder: Path, database_url: str) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return plain | {"DATA_DIR": str(folder), "MONGO_DB_URL": database_url}


def notebook_of(folder: Path, *cells: str) -> Path:
    parameters = nbformat.v4.new_code_cell('date_now = "now"\ntime_range = 6', metadata={"tags": ["parameters"]})
    path = folder / "made.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)]), path)
    return path


def request_for(folder: Path, *cells: str) -> ReportRequest:
    window = Window(datetime(2022, 4, 10, tzinfo=UTC), 6)
    return ReportRequest("a-report", notebook_of(folder, *cells), window, ("a@b.com",))


@pytest.fixture
def report_service(database: Database, environment: dict[str, str]) -> Iterator[ReportService]:
    opened = service_of(database, environment, REPORT_MEMORY_MB="1024")
    yield opened
    opened.close()


def in_time(seconds: str, count: int) -> list[psutil.Process]:
    """So many of what was started, as soon as they are there."""
    until = time.monotonic() + 60
    while len(found := sleeping(seconds)) < count and time.monotonic() < until:
        time.sleep(0.05)
    assert len(found) == count
    return found


WATCHED = """
import psutil, time
def sleeping(): return sum("{seconds}" in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
while sleeping() < {count}: time.sleep(0.05)
"""
"""Waits until everything sleeps."""


def test_it_is_gone_after_a_report_that_was_sent(report_service: ReportService, folder: Path, seconds: str) -> None:
    ways = [*WAYS, *NAMELESS] if sys.platform == "linux" else WAYS
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            seen.append(len(sleeping(seconds)))

    watcher = threading.Thread(target=look)
    watcher.start()
    waits = WATCHED.format(seconds=seconds, count=len(ways))
    try:
        assert make(report_service, request_for(folder, starting(ways, seconds) + waits, FIGURE))["state"] == "written"
    finally:
        done.set()
        watcher.join()
    assert max(seen) >= len(ways)
    assert all_gone(sleeping(seconds), 1) == []


def test_it_is_gone_after_a_report_whose_process_was_killed(
    report_service: ReportService, folder: Path, seconds: str
) -> None:
    waits = WATCHED.format(seconds=seconds, count=len(WAYS))
    kills = "import signal; os.kill(os.getppid(), signal.SIGKILL)"
    with pytest.raises(errors.RunnerFailed):
        make(report_service, request_for(folder, starting(WAYS, seconds) + waits, kills))
    assert all_gone(sleeping(seconds), 1) == []


@pytest.mark.parametrize("ends", ["kill", "input closes"])
def test_it_is_gone_when_a_report_is_ended_or_its_server(
    environment: dict[str, str], folder: Path, seconds: str, ends: str
) -> None:
    ways = [*WAYS, *NAMELESS] if sys.platform == "linux" else WAYS
    notebook = notebook_of(folder, starting(ways, seconds), "while True: pass")
    task = task_for(notebook, folder / "scratch")
    runner = ReportProcess(environment, template=TEMPLATE)

    def run() -> None:
        with contextlib.suppress(errors.RunnerFailed):
            runner.run(task, 120, lambda _stage, _done, _total: None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        started = in_time(seconds, len(ways))
        if ends == "kill":
            runner.kill()
        else:
            runner.close_input()
        thread.join(10)
        assert not thread.is_alive()
        assert all_gone(started, 3) == []
    finally:
        runner.kill()
        thread.join()


KILLED_WHILE_IT_ENDS_A_REPORT = """
import os, time
from pycemaker.jobs import report_process
runner = report_process.ReportProcess(os.environ, end_seconds={seconds})
while runner.kernel is None: time.sleep(0.05)
print(runner.process.pid, runner.kernel.pid, flush=True)
report_process.end_process_tree = lambda *_, **__: os._exit(9)
runner.kill()
"""


@pytest.mark.parametrize("seconds", ["0", "2.0"])
def test_it_is_gone_when_the_server_is_killed_while_it_ends_a_report(environment: dict[str, str], seconds: str) -> None:
    told = [sys.executable, "-c", KILLED_WHILE_IT_ENDS_A_REPORT.format(seconds=seconds)]
    killed = subprocess.run(told, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == 9, killed.stderr
    left = []
    for number in killed.stdout.split():
        with contextlib.suppress(psutil.Error):
            left.append(psutil.Process(int(number)))
    assert all_gone(left, 10) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whom it belongs to")
def test_its_memory_counts(report_service: ReportService, folder: Path) -> None:
    holds = "import time; held = bytearray(range(256)) * 2**22; time.sleep(600)"
    cell = f"import os, sys, time\nos.system(f'setsid {{sys.executable}} -c \"{holds}\" &')\ntime.sleep(20)"
    with pytest.raises(errors.ReportTooLarge) as caught:
        make(report_service, request_for(folder, cell, FIGURE))
    assert caught.value.facts["held_mb"] > 1024


def test_memory_is_looked_at_however_fast_cells_follow_one_another(report_service: ReportService, folder: Path) -> None:
    # A name each, since the kernel may be killed between the opening of a file and its writing.
    cells = [f"held.append(bytearray(b'x' * 2**24)); open(f'{folder}/held-{{len(held) * 16}}', 'w').close()"]
    with pytest.raises(errors.ReportTooLarge) as caught:
        make(report_service, request_for(folder, "held = []", *cells * 200, FIGURE))
    assert caught.value.facts["stage"] == "notebook"
    held_mb = [int(path.name.removeprefix("held-")) for path in folder.glob("held-*")]
    assert 500 < max(held_mb) < 2500


def test_a_process_is_counted_once(environment: dict[str, str]) -> None:
    runner = ReportProcess(environment)
    try:
        until = time.monotonic() + 30
        while runner.kernel is None and time.monotonic() < until:
            time.sleep(0.05)
        assert runner.kernel is not None
        together = sum(process.memory_info().rss for process in (runner.process, runner.kernel))
        assert runner.held_bytes() < together * 1.3
    finally:
        runner.kill()
