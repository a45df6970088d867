"""Cells in a real kernel and process: they read none of the server's secrets, and write into their own folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from pycemaker.errors import NotebookFailed, ReportWroteTooMuch
from pycemaker.jobs.report_process import ReportProcess
from pycemaker.mongo.database import Database
from pycemaker.reports import run_folder
from pycemaker.reports.execute import ReadyKernel, run_notebook
from pycemaker.reports.forked_kernel import ForkedKernel
from pycemaker.settings import ROOT
from tests.services.process import ServerProcess
from tests.services.report_service import task_for
from tests.services.shared_template import TEMPLATE

SECRETS = {"PASSWORD": "pa55-in-no-cell", "EMAIL_FROM": "reports@example.com", "API_TOKEN": "t0ken-in-no-cell"}
PLAIN = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
linux = pytest.mark.skipif(sys.platform != "linux", reason="as Linux shows processes")


HELD = """
import ctypes, os, time
from pycemaker.jobs.process_tree import forbid_reading
if os.getuid() == 0: os.setuid(65534); ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
{}
print("ready", flush=True); time.sleep(30)
"""
LOOKS = """
import os, sys
if os.getuid() == 0: os.setuid(65534)
print(open("/proc/" + sys.argv[1] + "/environ").read())
"""
GIVEN: Any = {
    "env": {**os.environ, **SECRETS, "PYTHONPATH": str(ROOT)},
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
    "text": True,
}


def environment_of(process: psutil.Process) -> bytes:
    return Path(f"/proc/{process.pid}/environ").read_bytes()


@linux
def test_no_process_below_the_servers_starts_with_a_secret(database_url: str, tmp_path: Path) -> None:
    runner = ReportProcess({**PLAIN, **SECRETS, "DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url})
    until = time.monotonic() + 60
    try:
        own = [each for each in psutil.Process().children(recursive=True) if "pycemaker" in " ".join(each.cmdline())]
        while len(own) < 2 and time.monotonic() < until:
            time.sleep(0.1)
            own = psutil.Process().children(recursive=True)
        for process in own:
            for secret in SECRETS.values():
                assert secret.encode() not in environment_of(process), process.cmdline()
    finally:
        runner.kill()


@linux
def test_nobody_reads_the_environment_of_a_process_that_forbids_it() -> None:
    """Root does, so the process and whoever looks are another user."""
    is_readable = []
    for forbids in ("", "forbid_reading()"):
        with subprocess.Popen([sys.executable, "-c", HELD.format(forbids)], **GIVEN) as held:
            held.stdout.readline()
            looked = subprocess.run([sys.executable, "-c", LOOKS, str(held.pid)], check=False, **GIVEN)
            held.kill()
        is_readable.append((looked.returncode == 0, SECRETS["PASSWORD"] in looked.stdout + looked.stderr))
    assert is_readable == [(True, True), (False, False)]


@linux
def test_the_embedded_database_starts_without_secrets_and_the_server_forbids_reading() -> None:
    server = ServerProcess(**SECRETS)
    try:
        server.start()
        looked = 0
        for process in server.family():
            is_servers = "server.py" in process.cmdline()
            if is_servers:
                assert Path(f"/proc/{process.pid}/environ").stat().st_uid == 0
            else:
                assert b"in-no-cell" not in environment_of(process), process.cmdline()
                looked += 1
        assert looked >= 2
    finally:
        server.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm-") as made:
        yield Path(made)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A team's folder: notebooks, a module, a query and a folder beside them, data above them."""
    notebooks = tmp_path / "project" / "notebooks"
    (notebooks / "img").mkdir(parents=True)
    (notebooks / "helper.py").write_text("ANSWER = 42\n")
    (notebooks / "queries.sql").write_text("select 1")
    (notebooks / "img" / "logo.txt").write_text("logo")
    (notebooks.parent / "data").mkdir()
    (notebooks.parent / "data" / "x.csv").write_text("a\n1\n")
    return notebooks


def run(folder: Path, project: Path, source: str, forked: ForkedKernel | None = None) -> None:
    parameters = nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, folder / "made.ipynb")
    kernel = ReadyKernel(folder, project, forked=forked)
    try:
        run_notebook(folder / "made.ipynb", {}, folder / "out.ipynb", lambda _done, _total: None, kernel=kernel)
    finally:
        kernel.kill()


@pytest.mark.parametrize("is_forked", [True, False])
def test_a_cell_reads_what_is_beside_its_notebook_and_writes_elsewhere(
    folder: Path, project: Path, *, is_forked: bool
) -> None:
    before = sorted(str(path) for path in project.parent.rglob("*"))
    (project.parent / ".env").write_text("PASSWORD=x")
    source = """
import os, tempfile, helper
assert helper.ANSWER == 42
assert open("queries.sql").read() == "select 1"
assert open("img/logo.txt").read() == "logo"
assert open("../data/x.csv").read() == "a\\n1\\n"
assert not os.path.exists("../.env")
open("new.csv", "w").write("written")
open("queries.sql", "a").write("; written")
open("img/logo.txt", "w").write("written")
open(os.path.join(tempfile.gettempdir(), "made"), "w").write("written")
"""
    run(folder, project, source, TEMPLATE.fork_kernel() if TEMPLATE and is_forked else None)
    (project.parent / ".env").unlink()
    assert sorted(str(path) for path in project.parent.rglob("*")) == before
    assert (project / "queries.sql").read_text() == "select 1"
    assert (project / "img" / "logo.txt").read_text() == "logo"
    written = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.name in ("new.csv", "made")]
    assert sorted(written) == ["tmp/made", "work/notebooks/new.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_file_of_a_cell_grows_no_longer_than_it_may(folder: Path, project: Path) -> None:
    source = f"file = open('long', 'wb'); file.seek(({run_folder.MOST_MB} << 20) + 1); file.write(b'x'); file.flush()"
    with pytest.raises(NotebookFailed) as caught:
        run(folder, project, source, TEMPLATE.fork_kernel() if TEMPLATE else None)
    assert "File too large" in caught.value.facts["reason"]


def test_cells_have_what_is_beside_their_notebook_as_it_is_when_they_begin(folder: Path, project: Path) -> None:
    """A kernel stands ready long before: what was edited meanwhile counts. What is too large or no file is a link."""
    inside = run_folder.make(folder, project)
    (project / "queries.sql").write_text("select 2")
    with (project / "large.bin").open("wb") as file:
        file.truncate(17 << 20)
    os.mkfifo(project / "pipe")
    (project / "again").symlink_to(project)
    run_folder.fill(inside, project)
    assert (inside / "queries.sql").read_text() == "select 2"
    links = sorted(str(path.relative_to(inside)) for path in inside.rglob("*") if path.is_symlink())
    assert links == ["again", "large.bin", "pipe"]


def test_a_run_folder_inside_the_notebooks_folder_is_not_copied_into_itself(project: Path) -> None:
    folder = project / "data" / "run"
    inside = run_folder.make(folder, project)
    run_folder.fill(inside, project)
    assert (inside / "queries.sql").exists()
    assert list((inside / "data" / "run").iterdir()) == []


def test_what_is_written_is_counted_and_links_are_not(folder: Path, project: Path) -> None:
    inside = run_folder.make(folder, project)
    assert run_folder.written_bytes(folder) == 0
    (inside / "new").write_bytes(b"x" * 100_000)
    assert 100_000 <= run_folder.written_bytes(folder) < 200_000


def test_a_report_that_writes_too_much_is_ended_and_leaves_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    environment = {**PLAIN, "DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url}
    runner = ReportProcess(environment, template=TEMPLATE)
    source = f"""
import os, time
for number in range(3):
    with open(f"long{{number}}", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, {run_folder.MOST_MB // 2} << 20)
open({str(tmp_path / "where")!r}, "w").write(os.getcwd())
time.sleep(60)
"""
    parameters = nbformat.v4.new_code_cell('date_now = "now"\ntime_range = 6', metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, tmp_path / "made.ipynb")
    task = task_for(tmp_path / "made.ipynb", tmp_path / "workspace")
    try:
        with pytest.raises(ReportWroteTooMuch):
            runner.run(task, 120, lambda _stage, _done, _total: None)
    finally:
        runner.kill()
    where = tmp_path / "where"
    assert not where.exists() or not Path(where.read_text()).exists()
