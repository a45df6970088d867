"""Reports made by the real desk, in real processes, with real kernels: what a notebook may do to them."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from pycemaker import errors
from pycemaker.data import sample
from pycemaker.data.database import Database
from pycemaker.report.pipeline import ReportRequest
from pycemaker.report.runner import WAITING_LIMIT, ReportDesk
from pycemaker.settings import ROOT
from pycemaker.window import Window
from tests.services.process import all_gone
from tests.services.storage import SILENT, Answer, refusing_storage

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
FIGURE = """
from IPython.display import display
import matplotlib.pyplot as plt
fig, axes = plt.subplots(figsize=(3, 2)); axes.plot([1, 2]); plt.show()
"""


def notebook_of(folder: Path, *cells: str) -> Path:
    """A notebook of these cells, after one of parameters."""
    parameters = nbformat.v4.new_code_cell('date_now = "now"\ntime_range = 6', metadata={"tags": ["parameters"]})
    made = nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)])
    path = folder / "made.ipynb"
    nbformat.write(made, path)
    return path


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pm-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def environment_of(folder: Path, **given: str) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return plain | {"DATA_DIR": str(folder)} | given


@pytest.fixture
def desk(folder: Path, database_url: str) -> Iterator[ReportDesk]:
    opened = ReportDesk(environment_of(folder, MONGO_DB_URL=database_url), folder / "reports", 60, keep_spare=False)
    yield opened
    opened.close()


def request_for(notebook: Path, report_id: str = "a-report") -> ReportRequest:
    return ReportRequest(report_id, notebook, Window(NOW, 6), "a@b.com")


def record_of(folder: Path, report_id: str = "a-report") -> dict[str, Any]:
    return dict(json.loads((folder / "reports" / report_id / "record.json").read_text()))


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """What was started inside is gone after it."""
    before = set(psutil.Process().children(recursive=True))
    seen: set[psutil.Process] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            with contextlib.suppress(psutil.Error):
                seen.update(set(psutil.Process().children(recursive=True)) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    done.set()
    watcher.join()
    assert seen, "no process was ever started"
    assert all_gone(sorted(seen, key=lambda process: process.pid), 3) == []


def test_the_report_notebook_goes_the_whole_way_into_the_outbox(
    desk: ReportDesk, folder: Path, database: Database
) -> None:
    sample.write_history(database, NOW, 12)
    stages: list[str] = []
    with nothing_left_behind():
        record = desk.make(request_for(ROOT / "notebooks" / "report.ipynb"), lambda stage, *_: stages.append(stage))
    assert record["state"] == "written"
    assert record["figures_in"] == "mail"
    assert len(record["figures"]) == 12
    assert [stage for place, stage in enumerate(stages) if stage not in stages[:place]] == [
        *("notebook", "render", "storage", "mail")
    ]
    kept = folder / "reports" / "a-report"
    assert {path.name for path in kept.iterdir()} == {
        *("executed.ipynb", "page.html", "message.eml", "record.json", "figures")
    }
    (written,) = (folder / "outbox").glob("*.eml")
    message = email.message_from_bytes(written.read_bytes(), policy=email.policy.default)
    assert message["To"] == "a@b.com"
    assert message["Subject"] == record["subject"]
    html = message.get_body(("html",))
    assert html is not None
    assert "Consumo de CPU" in html.get_content()
    assert html.get_content().count("cid:") == 12
    assert record_of(folder) == record


def test_a_notebook_that_raises_says_which_cell_and_keeps_what_ran(desk: ReportDesk, folder: Path) -> None:
    notebook = notebook_of(folder, "print('before')", "{}['missing']", "print('after')")
    with nothing_left_behind(), pytest.raises(errors.NotebookFailed) as caught:
        desk.make(request_for(notebook))
    assert (caught.value.facts["cell"], caught.value.facts["exception"]) == (3, "KeyError")
    record = record_of(folder)
    assert (record["state"], record["stage"]) == ("failed", "notebook")
    kept = nbformat.read(folder / "reports" / "a-report" / "executed.ipynb", as_version=4)
    assert "before" in json.dumps(kept)
    assert "after\\n" not in json.dumps([cell.get("outputs") for cell in kept.cells])
    assert not (folder / "outbox").exists()


def test_a_notebook_that_loops_for_ever_ends_at_the_deadline(folder: Path, database_url: str) -> None:
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    desk = ReportDesk(environment, folder / "reports", 15, keep_spare=False)
    notebook = notebook_of(folder, "import subprocess; subprocess.Popen(['sleep', '600'])", "while True: pass")
    began = time.monotonic()
    with nothing_left_behind(), pytest.raises(errors.ReportTimedOut) as caught:
        desk.make(request_for(notebook))
    assert time.monotonic() - began < 18
    assert caught.value.facts["stage"] == "notebook"
    assert record_of(folder)["state"] == "failed"
    assert (folder / "reports" / "a-report" / "executed.ipynb").exists()


def test_a_notebook_that_ignores_interrupts_and_its_parent_ends_at_the_deadline_too(
    folder: Path, database_url: str
) -> None:
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    desk = ReportDesk(environment, folder / "reports", 15, keep_spare=False)
    stubborn = "import signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(600)"
    with nothing_left_behind(), pytest.raises(errors.ReportTimedOut):
        desk.make(request_for(notebook_of(folder, stubborn)))


def test_a_notebook_that_kills_its_own_kernel_is_a_failed_notebook(desk: ReportDesk, folder: Path) -> None:
    notebook = notebook_of(folder, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    began = time.monotonic()
    with nothing_left_behind(), pytest.raises(errors.NotebookFailed) as caught:
        desk.make(request_for(notebook))
    assert caught.value.facts["cell"] == 2
    assert time.monotonic() - began < 20


def test_a_notebook_that_kills_the_process_around_it_is_a_failed_report(desk: ReportDesk, folder: Path) -> None:
    notebook = notebook_of(folder, "import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    with nothing_left_behind(), pytest.raises(errors.RunnerFailed) as caught:
        desk.make(request_for(notebook))
    assert caught.value.facts["possibly_sent"] is False
    assert record_of(folder)["error"]["kind"] == "RunnerFailed"


def test_a_notebook_that_prints_50_mb_is_cut_short_and_sent(desk: ReportDesk, folder: Path) -> None:
    notebook = notebook_of(folder, "for _ in range(50):\n    print('x' * 1_000_000)", FIGURE)
    began = time.monotonic()
    record = desk.make(request_for(notebook))
    assert time.monotonic() - began < 30
    assert record["state"] == "written"
    assert record["message_bytes"] < 300_000
    assert (folder / "reports" / "a-report" / "executed.ipynb").stat().st_size < 3_000_000


def test_a_notebook_without_a_figure_sends_nothing(desk: ReportDesk, folder: Path) -> None:
    with pytest.raises(errors.NothingToSend):
        desk.make(request_for(notebook_of(folder, "print('no figure at all')")))
    assert record_of(folder)["stage"] == "render"
    assert not (folder / "outbox").exists()


def test_a_notebook_that_exits_early_without_a_figure_sends_nothing(desk: ReportDesk, folder: Path) -> None:
    with pytest.raises(errors.NothingToSend):
        desk.make(request_for(notebook_of(folder, "import sys; sys.exit(0)", FIGURE)))


def test_a_notebook_that_cannot_reach_the_database_is_said_to_be_so(folder: Path) -> None:
    environment = environment_of(folder, MONGO_DB_URL="mongodb://127.0.0.1:9/x")
    desk = ReportDesk(environment, folder / "reports", 60, keep_spare=False)
    notebook = notebook_of(folder, "from pycemaker import read_period\nread_period(date_now, time_range)")
    with pytest.raises(errors.DatabaseUnreachable):
        desk.make(request_for(notebook))
    desk.close()


def test_no_secret_reaches_the_notebook_or_what_is_kept_of_it(folder: Path, database_url: str) -> None:
    given = {"API_TOKEN": "s3cret-token", "MONGO_DB_URL": database_url}
    mail = {"EMAIL_FROM": "from@example.com", "PASSWORD": "s3cret-password", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "9"}
    desk = ReportDesk(environment_of(folder, **given, **mail), folder / "reports", 60, keep_spare=False)
    shows = "import os\nprint({n: t for n, t in os.environ.items()})"
    with pytest.raises(errors.ReportUnfit) as caught:
        desk.make(request_for(notebook_of(folder, shows, FIGURE)))
    desk.close()
    assert "secret: a secret stands in the HTML" in caught.value.facts["findings"]  # the database's URL
    assert database_url not in str(caught.value)
    kept = b"".join(path.read_bytes() for path in (folder / "reports" / "a-report").iterdir() if path.is_file())
    assert b"s3cret" not in kept
    assert record_of(folder)["error"]["kind"] == "ReportUnfit"
    assert (folder / "reports" / "a-report" / "message.eml").exists()


def test_a_report_that_tells_a_path_of_the_machine_is_not_sent(desk: ReportDesk, folder: Path) -> None:
    with pytest.raises(errors.ReportUnfit) as caught:
        desk.make(request_for(notebook_of(folder, f"print('see {folder}/reports/x')", FIGURE)))
    assert caught.value.facts["findings"] == [
        f"path: a path of this machine stands in {where}" for where in ("the HTML", "the text", "the page")
    ]
    assert not (folder / "outbox").exists()


def test_two_reports_at_once_are_both_made_one_after_the_other(desk: ReportDesk, folder: Path) -> None:
    notebook = notebook_of(folder, FIGURE)
    records: dict[str, Any] = {}

    def make(report_id: str) -> None:
        records[report_id] = desk.make(request_for(notebook, report_id))

    threads = [threading.Thread(target=make, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record["state"] for record in records.values()} == {"written"}
    assert len(list((folder / "outbox").glob("*.eml"))) == 2


def test_waiting_for_others_counts_towards_the_deadline() -> None:
    desk = ReportDesk({}, Path("/nonexistent"), 0.2, keep_spare=False)
    with desk._its_turn(), pytest.raises(errors.ReportTimedOut) as caught:
        desk.make(request_for(Path("/nonexistent")))
    assert caught.value.facts["stage"] == "waiting"


def test_a_folder_that_cannot_be_written_is_a_failed_report(folder: Path, database_url: str) -> None:
    (folder / "reports").write_text("in the way")
    desk = ReportDesk(environment_of(folder, MONGO_DB_URL=database_url), folder / "reports", 60, keep_spare=False)
    with pytest.raises(errors.RunnerFailed) as caught:
        desk.make(request_for(notebook_of(folder, FIGURE)))
    assert caught.value.facts["report_id"] == "a-report"
    desk.close()


def test_more_reports_than_may_wait_are_refused_at_once() -> None:
    desk = ReportDesk({}, Path("/nonexistent"), 60, keep_spare=False)
    with contextlib.ExitStack() as inside:
        for _ in range(WAITING_LIMIT + 1):
            inside.enter_context(desk._place())
        with pytest.raises(errors.TooManyReports) as caught:
            desk.make(request_for(Path("/nonexistent")))
    assert caught.value.facts["waiting"] == WAITING_LIMIT
    assert caught.value.facts["retry_after_seconds"] > 0


def test_a_spare_whose_kernel_died_while_it_waited_is_not_used(folder: Path, database_url: str) -> None:
    desk = ReportDesk(environment_of(folder, MONGO_DB_URL=database_url), folder / "reports", 60)
    desk.start()
    spare = desk._runner
    assert spare is not None
    until = time.monotonic() + 30
    while spare._kernel is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(4)
    spare._kernel.kill()
    time.sleep(2.5)
    assert desk.make(request_for(notebook_of(folder, FIGURE)))["state"] == "written"
    assert not spare.is_alive
    assert not spare._folder.exists()
    desk.close()


def test_the_spare_serves_one_report_and_is_replaced(folder: Path, database_url: str) -> None:
    before = psutil.Process().children(recursive=True)
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    desk = ReportDesk(environment, folder / "reports", 60)
    desk.start()
    notebook = notebook_of(folder, "import builtins\nassert not hasattr(builtins, 'left')\nbuiltins.left = 1", FIGURE)
    for name in ("one", "two"):
        assert desk.make(request_for(notebook, name))["state"] == "written"
    spare = [process for process in psutil.Process().children(recursive=True) if process not in before]
    assert spare
    desk.close()
    assert all_gone(spare, 3) == []


@pytest.mark.parametrize("fault", [401, 403, 500, SILENT])
def test_a_storage_that_refuses_or_is_silent_fails_the_report_which_is_kept(
    folder: Path, database_url: str, fault: Answer
) -> None:
    with refusing_storage(fault) as storage:
        given = {"MONGO_DB_URL": database_url, **storage.environment}
        desk = ReportDesk(environment_of(folder, **given), folder / "reports", 60, keep_spare=False)
        began = time.monotonic()
        with pytest.raises(errors.StorageRefused) as caught:
            desk.make(request_for(notebook_of(folder, FIGURE)))
        assert time.monotonic() - began < 45
        desk.close()
    assert "PRIVATE KEY" not in str(caught.value)
    assert (record_of(folder)["state"], record_of(folder)["stage"]) == ("failed", "storage")
    assert (folder / "reports" / "a-report" / "page.html").exists()
    assert not (folder / "outbox").exists()


def figures_in(notebook: Path) -> list[str]:
    """Every picture among the outputs, as it is stored."""
    outputs = [out for cell in nbformat.read(notebook, as_version=4).cells for out in cell.get("outputs", [])]
    return [out["data"]["image/png"] for out in outputs if "image/png" in out.get("data", {})]


@pytest.mark.parametrize("working_directory", [".", "notebooks"], ids=["papermill", "as-in-jupyterlab"])
def test_by_hand_the_notebook_gives_the_same_figures_as_the_route(
    desk: ReportDesk, folder: Path, database: Database, database_url: str, working_directory: str
) -> None:
    sample.write_history(database, NOW, 12)
    desk.make(request_for(ROOT / "notebooks" / "report.ipynb"))
    command = [sys.executable, "-m", "papermill", "notebooks/report.ipynb", str(folder / "out.ipynb")]
    command += ["-p", "date_now", "10-04-2022-09-43-23", "-p", "time_range", "6", "--cwd", working_directory]
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    by_hand = figures_in(folder / "out.ipynb")
    assert len(by_hand) == 12
    assert by_hand == figures_in(folder / "reports" / "a-report" / "executed.ipynb")


def test_by_hand_a_wrong_parameter_is_said_before_anything_is_read(folder: Path) -> None:
    command = [sys.executable, "-m", "papermill", "notebooks/report.ipynb", str(folder / "out.ipynb")]
    environment = environment_of(folder, MONGO_DB_URL="mongodb://127.0.0.1:9/x")
    command += ["-p", "date_now", "yesterday", "--cwd", "."]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode != 0
    assert "not a date: 'yesterday'" in ran.stderr
