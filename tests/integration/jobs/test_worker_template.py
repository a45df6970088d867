"""Workers forked from the template process: apart from each other, and without it where it fails."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

from pycemaker.jobs import worker_template
from pycemaker.jobs.report_process import ReportProcess
from pycemaker.jobs.worker_template import WORKER, ForkedWorker, WorkerTemplate
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK
from pycemaker.reports.execute import ReadyKernel, run_notebook
from pycemaker.settings import ROOT
from tests.integration.jobs.test_left_behind import notebook_of
from tests.services.process import all_gone
from tests.services.report_service import task_for
from tests.services.shared_template import TEMPLATE

pytestmark = pytest.mark.skipif(not worker_template.CAN_FORK, reason="this system cannot fork")

Start = Callable[..., ReportProcess]

LEAVES = """
import builtins, os, random, threading, time
import matplotlib, numpy
builtins.left = 1
os.environ["LEFT"] = "1"
os.chdir("/")
matplotlib.use("svg")
numpy.random.seed(1)
threading.Thread(target=time.sleep, args=(600,)).start()
open(os.path.join(os.environ["TMPDIR"], "left"), "w").close()
"""
LOOKS = """
import builtins, ctypes, os, random, tempfile, threading
import matplotlib, numpy
print(hasattr(builtins, "left"), "LEFT" in os.environ, os.getcwd() == "/", matplotlib.get_backend(), os.listdir(tempfile.gettempdir()))
print("drawn", numpy.random.random(), random.random())
print("kernel", os.environ.get("API_TOKEN"), open("/proc/self/environ").read().count("pa55"), os.getsid(0) == os.getpid())
print("readable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "DATA_DIR": str(tmp_path / "data"), "MONGO_DB_URL": database_url, "API_TOKEN": "pa55word" * 2}


@pytest.fixture
def template(environment: dict[str, str]) -> Iterator[WorkerTemplate]:
    made = WorkerTemplate(environment)
    yield made
    made.close()


@pytest.fixture
def start(template: WorkerTemplate, environment: dict[str, str]) -> Iterator[Start]:
    """Starts report processes, of the test's own template unless another is given, and ends those that are left."""
    started: list[ReportProcess] = []

    def begin(given: WorkerTemplate | None = None) -> ReportProcess:
        started.append(ReportProcess(environment, template=given or template))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def ran(process: ReportProcess, folder: Path, *cells: str) -> list[str]:
    """The lines that a report of these cells prints."""
    task = task_for(notebook_of(folder, *cells), folder / "workspace")
    process.run(task, 60, lambda _stage, _done, _total: None)
    executed = nbformat.read(folder / "workspace" / EXECUTED_NOTEBOOK, 4)
    printed = [output.get("text", "") for cell in executed.cells for output in cell.get("outputs", [])]
    return "".join(printed).splitlines()


def parent_of(process: ReportProcess) -> psutil.Process:
    """The template process."""
    parent = process.process.parent()
    assert parent is not None
    return parent


def is_forked(process: ReportProcess) -> bool:
    return "template_entry" in " ".join(parent_of(process).cmdline())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_report_sees_nothing_of_the_one_before(start: Start, tmp_path: Path) -> None:
    printed = []
    for number, cells in enumerate([(LEAVES, LOOKS), (LOOKS,), (LOOKS,)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = start(TEMPLATE)
        assert is_forked(process)
        printed.append(ran(process, folder, *cells))
        process.kill()
    for looked, _drawn, kernel, readable in printed[1:]:
        assert readable == "readable 1"  # by itself: it needs its own /proc/self
        assert looked == "False False False module://matplotlib_inline.backend_inline []"
        assert kernel == "kernel  0 True"
    assert printed[0][0] != printed[1][0]
    assert printed[1][1] != printed[2][1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_template_that_is_killed_or_stopped_is_replaced(
    start: Start, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(worker_template, "FORK_SECONDS", 0.5)
    first = start()
    parent_of(first).send_signal(number)
    time.sleep(0.2)
    second = start()  # where the template was stopped, this one is started without it
    third = start()
    assert second.is_alive
    assert is_forked(third)
    assert first.is_alive


def test_a_template_is_replaced_when_it_is_old_or_what_it_read_has_changed(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mail.j2").write_text("")
    monkeypatch.setattr(worker_template, "TEMPLATES", tmp_path)
    first = parent_of(start())
    assert parent_of(start()) == first
    os.utime(tmp_path / "mail.j2", (2e9, 2e9))
    second = parent_of(start())
    assert second != first
    assert all_gone([first], 5) == []
    monkeypatch.setattr(worker_template, "MOST_FORKS", 1)
    assert parent_of(start()) != second


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to the template")
def test_the_kernel_of_a_killed_worker_ends(start: Start) -> None:
    process = start(TEMPLATE)
    until = time.monotonic() + 30
    while process.kernel is None and time.monotonic() < until:
        time.sleep(0.05)
    assert process.kernel is not None
    process.process.kill()
    assert all_gone([process.process, process.kernel], 5) == []


def test_the_template_ends_with_its_server(template: WorkerTemplate, tmp_path: Path) -> None:
    worker = template.fork(tmp_path, {})
    parent = psutil.Process(worker.pid).parent()
    assert parent is not None
    template.close()
    for pipe in (worker.stdin, worker.stdout, worker.stderr):
        pipe.close()
    assert all_gone([parent, psutil.Process(worker.pid)] if psutil.pid_exists(worker.pid) else [parent], 10) == []
    with pytest.raises(OSError, match="closes"):
        template.fork(tmp_path, {})


def test_a_kernel_of_the_template_has_the_variables_of_its_launch_and_ends_with_the_template(
    template: WorkerTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "pa55word")
    monkeypatch.setenv("REPORT_LANGUAGE", "en")
    with tempfile.TemporaryDirectory(prefix="pm-") as folder:
        kernels = [template.fork_kernel() for _ in range(2)]
        ready = ReadyKernel(Path(folder), ROOT / "notebooks", forked=kernels[0])
        assert (kernels[0].poll(), kernels[1].poll()) == (None, None)
        looks = "import os, sys\nprint(os.environ['REPORT_LANGUAGE'], os.environ['PASSWORD'], 'seaborn' in sys.modules)"
        run_notebook(notebook_of(tmp_path, looks), {}, tmp_path / "out.ipynb", lambda *_: None, kernel=ready)
        (output,) = nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs
        assert output["text"] == "en  True\n"
        ready.kill()
        assert kernels[0].wait() == 0
        ready = ReadyKernel(Path(folder), ROOT / "notebooks", forked=kernels[1])
        template.close()
        assert all_gone([psutil.Process(kernels[1].pid)], 10) == []
        ready.kill()


def test_a_worker_that_is_gone_has_ended() -> None:
    ends = [os.pipe() for _ in range(3)]
    worker = ForkedWorker(2**22 + 1, (ends[0][1], ends[1][0], ends[2][0]))
    assert (worker.poll(), worker.wait(1)) == (0, 0)
    worker.kill()
    for pipe in (worker.stdin, worker.stdout, worker.stderr):
        pipe.close()
    for other in (ends[0][0], ends[1][1], ends[2][1]):
        os.close(other)


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux forbids it")
def test_the_template_forbids_that_cells_read_it_and_take_its_socket() -> None:
    code = "import ctypes; from pycemaker.jobs import template_entry; template_entry.main()"
    code += "; import sys; sys.exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    ours, theirs = socket.socketpair()
    ours.close()  # no server: it ends at once
    with theirs:
        assert (
            subprocess.run([sys.executable, "-c", code], stdin=theirs, cwd=ROOT, timeout=60, check=False).returncode
            == 0
        )


def test_a_template_whose_server_stops_before_the_answer_ends_without_a_word(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs, (tmp_path / "streams").open("w+") as streams:
        with ours:
            socket.send_fds(ours, [WORKER], [streams.fileno()] * 3)
        ended = subprocess.run(
            [sys.executable, "-m", "pycemaker.jobs.template_entry"],
            stdin=theirs,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")
