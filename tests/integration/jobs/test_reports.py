"""Reports of the real service, in real processes, with real kernels: what a notebook may do to them."""

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
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import psutil
import pytest

from pycemaker import errors
from pycemaker.collect import demo_history
from pycemaker.jobs import states
from pycemaker.jobs.deliver_job import MailTransport
from pycemaker.jobs.render_job import MOST_RUNS
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mail.outbox import Outbox
from pycemaker.mongo.database import Database
from pycemaker.mongo.embedded import EmbeddedMongod
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT, from_mapping
from pycemaker.window import Window
from tests.services.process import all_gone
from tests.services.report_service import make, record_of, service_of
from tests.services.shared_template import TEMPLATE
from tests.services.storage import SILENT, Answer, refusing_storage, storage_emulator
from tests.services.stored_jobs import edit_job
from tests.services.submissions import report_settings_with, submit

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


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pm-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def database_url(mongod: EmbeddedMongod) -> str:
    return f"{mongod.url}/reports_of_real_processes"


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def nothing_of_another_test(folder: Path, database: Database) -> Iterator[None]:
    yield
    for name in database["reports"].database.list_collection_names():
        database[name].delete_many({})
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def environment_of(folder: Path, **given: str) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return plain | {"DATA_DIR": str(folder)} | given


@pytest.fixture(scope="module")
def report_service(folder: Path, database: Database, database_url: str) -> Iterator[ReportService]:
    """One service for all tests that need no settings of their own."""
    given = environment_of(folder, MONGO_DB_URL=database_url, REPORT_TIMEOUT_SECONDS="60")
    opened = make_report_service(from_mapping(given), database, given, keep_spare=False, template=TEMPLATE)
    yield opened
    opened.close()


def request_for(notebook: Path, report_id: str = "a-report") -> ReportRequest:
    return ReportRequest(report_id, notebook, Window(NOW, 6), ("a@b.com",))


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Processes that were started inside are gone after it, but for the template of a service that is still open."""
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
    alive = all_gone(sorted(seen, key=lambda process: process.pid), 3)
    assert [process for process in alive if not _is_template(process)] == []


def _is_template(process: psutil.Process) -> bool:
    return process.ppid() == os.getpid() and "pycemaker.jobs.template_entry" in process.cmdline()


def test_the_report_notebook_goes_the_whole_way_into_the_outbox(
    report_service: ReportService, folder: Path, database: Database
) -> None:
    demo_history.write_history(database, NOW, 12)
    stages: list[str] = []
    with nothing_left_behind():
        record = make(
            report_service, request_for(ROOT / "notebooks" / "report.ipynb"), lambda stage, *_: stages.append(stage)
        )
    assert record["state"] == "written"
    assert record["figures_in"] == "mail"
    assert len(record["figures"]) == 8
    assert len(record["data_digest"]) == 32
    assert len(record["notebook_sha256"]) == 64
    assert record["versions"]["papermill"].startswith("2.")
    assert [stage for place, stage in enumerate(stages) if stage not in stages[:place]] == [
        *("notebook", "render", "storage", "compose", "mail")
    ]
    kept = report_service.files.names("a-report")
    assert kept == [
        "executed.ipynb",
        *(f"figures/{name}" for name in sorted(record["figures"])),
        "message.eml",
        "page.html",
    ]
    assert list((folder / "reports").iterdir()) == []
    (written,) = (folder / "outbox").glob("*.eml")
    message = email.message_from_bytes(written.read_bytes(), policy=email.policy.default)
    assert message["To"] == "a@b.com"
    assert message["Subject"] == record["subject"]
    html = message.get_body(("html",))
    assert html is not None
    assert "Consumo de CPU" in html.get_content()
    assert html.get_content().count("cid:") == 3
    assert record_of(report_service) == record


def test_a_notebook_that_raises_says_which_cell_and_keeps_what_ran(report_service: ReportService, folder: Path) -> None:
    notebook = notebook_of(folder, "print('before')", "{}['missing']", "print('after')")
    with nothing_left_behind(), pytest.raises(errors.NotebookFailed) as caught:
        make(report_service, request_for(notebook))
    assert (caught.value.facts["cell"], caught.value.facts["exception"]) == (3, "KeyError")
    record = record_of(report_service)
    assert (record["state"], record["stage"]) == ("failed", "notebook")
    kept = nbformat.reads(report_service.files.get("a-report", "executed.ipynb").decode(), as_version=4)
    assert "before" in json.dumps(kept)
    assert "after\\n" not in json.dumps([cell.get("outputs") for cell in kept.cells])
    assert not (folder / "outbox").exists()


def test_a_notebook_that_loops_for_ever_ends_at_the_deadline(
    folder: Path, database: Database, database_url: str
) -> None:
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    report_service = service_of(database, environment, REPORT_TIMEOUT_SECONDS="12")
    notebook = notebook_of(folder, "import subprocess; subprocess.Popen(['sleep', '600'])", "while True: pass")
    began = time.monotonic()
    with nothing_left_behind(), pytest.raises(errors.ReportTimedOut) as caught:
        make(report_service, request_for(notebook))
    assert time.monotonic() - began < 45  # the deadline, and the start of a template process
    assert caught.value.facts["stage"] == "notebook"
    assert record_of(report_service)["state"] == "failed"
    assert report_service.files.names("a-report") == ["executed.ipynb"]


def test_a_notebook_that_ignores_interrupts_and_its_parent_ends_at_the_deadline_too(
    folder: Path, database: Database, database_url: str
) -> None:
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    report_service = service_of(database, environment, REPORT_TIMEOUT_SECONDS="12")
    stubborn = "import signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(600)"
    with nothing_left_behind(), pytest.raises(errors.ReportTimedOut):
        make(report_service, request_for(notebook_of(folder, stubborn)))


def test_a_notebook_that_kills_its_own_kernel_is_a_failed_notebook(report_service: ReportService, folder: Path) -> None:
    notebook = notebook_of(folder, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with nothing_left_behind(), pytest.raises(errors.NotebookFailed) as caught:  # at the deadline it would be another
        make(report_service, request_for(notebook))
    assert (caught.value.facts["cell"], caught.value.facts["reason"]) == (2, "the kernel died")


def test_a_notebook_that_kills_the_process_around_it_is_a_failed_report(
    report_service: ReportService, folder: Path
) -> None:
    notebook = notebook_of(folder, "import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    with nothing_left_behind(), pytest.raises(errors.RunnerFailed):
        make(report_service, request_for(notebook))
    assert record_of(report_service)["error"]["kind"] == "RunnerFailed"


def test_a_notebook_that_prints_50_mb_is_cut_short_and_sent(report_service: ReportService, folder: Path) -> None:
    notebook = notebook_of(folder, "for _ in range(50):\n    print('x' * 1_000_000)", FIGURE)
    began = time.monotonic()
    record = make(report_service, request_for(notebook))
    assert time.monotonic() - began < 45  # the deadline, and the start of a template process
    assert record["state"] == "written"
    assert record["message_bytes"] < 300_000
    assert len(report_service.files.get("a-report", "executed.ipynb")) < 3_000_000


def test_a_notebook_of_text_alone_is_a_report(report_service: ReportService, folder: Path) -> None:
    drawn_by_script = "from IPython.display import Javascript\nJavascript('draw()')"
    record = make(report_service, request_for(notebook_of(folder, "print('no figure at all')", drawn_by_script)))
    assert (record["state"], record["figures"]) == ("written", [])
    assert record["left_out"] == ["cell 3: JavaScript: it is shown by a script"]


def test_a_notebook_that_shows_nothing_sends_nothing(report_service: ReportService, folder: Path) -> None:
    with pytest.raises(errors.NothingToSend):
        make(report_service, request_for(notebook_of(folder, "import sys; print('no figure', file=sys.stderr)")))
    assert record_of(report_service)["stage"] == "render"
    assert not (folder / "outbox").exists()


def test_a_notebook_that_exits_early_without_a_figure_sends_nothing(
    report_service: ReportService, folder: Path
) -> None:
    with pytest.raises(errors.NothingToSend):
        make(report_service, request_for(notebook_of(folder, "import sys; sys.exit(0)", FIGURE)))


def test_a_notebook_whose_database_went_away_is_begun_again_and_given_up_in_the_end(
    folder: Path, database: Database
) -> None:
    """The job store's database is there; the one that the notebook reads from is not."""
    report_service = service_of(database, environment_of(folder), MONGO_DB_URL="mongodb://127.0.0.1:9/x")
    notebook = notebook_of(folder, "from pycemaker import read_period\nread_period(date_now, time_range)")
    report_id, _ = report_service.enqueue(request_for(notebook), submit("key"), claimed=True)
    report_service.notebooks = folder
    assert report_service.run_now(report_id, lambda *_: None)["state"] == "queued"
    for _ in range(MOST_RUNS - 1):
        edit_job(database, report_id, {"$set": {"due_at": NOW}})
        job = report_service.job_store.claim(states.TO_RENDER)
        assert job is not None
        report_service.render(job, report_service.slots[0])
    report_service.close()
    record = record_of(report_service)
    assert (record["state"], record["runs"], record["error"]["kind"]) == ("failed", MOST_RUNS, "DatabaseUnreachable")


def test_no_secret_reaches_the_notebook_or_its_stored_files(
    folder: Path, database: Database, database_url: str
) -> None:
    given = {"API_TOKEN": "s3cret-token", "MONGO_DB_URL": database_url}
    mail = {"EMAIL_FROM": "from@example.com", "PASSWORD": "s3cret-password", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "9"}
    report_service = service_of(database, environment_of(folder, **given, **mail))
    shows = "import os\nprint({n: t for n, t in os.environ.items()})"
    with pytest.raises(errors.ReportUnfit) as caught:
        make(report_service, request_for(notebook_of(folder, shows, FIGURE)))
    report_service.close()
    assert database_url not in str(caught.value)
    assert report_service.files.names("a-report") == ["executed.ipynb"]
    kept = report_service.files.get("a-report", "executed.ipynb")
    assert b"s3cret" not in kept
    assert database_url.encode() not in kept
    assert b"MONGO_DB_URL" in kept
    assert record_of(report_service)["error"]["kind"] == "ReportUnfit"


def test_a_report_that_tells_a_path_of_the_machine_is_not_sent(report_service: ReportService, folder: Path) -> None:
    with pytest.raises(errors.ReportUnfit) as caught:
        make(report_service, request_for(notebook_of(folder, f"print('see {folder}/reports/x')", FIGURE)))
    assert caught.value.facts["findings"] == [
        f"path: a path of this machine stands in {where}, from cell 2 ('see ***/reports/x'): "
        "show the file's name alone (Path(...).name)"
        for where in ("the HTML", "the text", "the page")
    ]
    assert not (folder / "outbox").exists()


def test_a_folder_that_cannot_be_written_is_a_failed_report(
    folder: Path, database: Database, database_url: str
) -> None:
    (folder / "reports").write_text("in the way")
    report_service = service_of(database, environment_of(folder, MONGO_DB_URL=database_url))
    with pytest.raises(errors.RunnerFailed) as caught:
        make(report_service, request_for(notebook_of(folder, FIGURE)))
    assert caught.value.facts["report_id"] == "a-report"
    assert "cannot be written" in str(caught.value)
    report_service.close()


def test_a_notebook_that_takes_more_memory_than_it_may_is_ended(
    folder: Path, database: Database, database_url: str
) -> None:
    report_service = service_of(database, environment_of(folder, MONGO_DB_URL=database_url), REPORT_MEMORY_MB="1024")
    greedy = "import time\nheld = []\nwhile True: held.append(bytearray(b'x' * 2**26)); time.sleep(0.05)"
    with nothing_left_behind(), pytest.raises(errors.ReportTooLarge) as caught:
        make(report_service, request_for(notebook_of(folder, greedy)))
    assert caught.value.facts["limit_mb"] == 1024
    assert caught.value.facts["stage"] == "notebook"
    assert record_of(report_service)["state"] == "failed"


def test_a_spare_whose_kernel_died_while_it_waited_is_not_used(
    folder: Path, database: Database, database_url: str
) -> None:
    report_service = service_of(database, environment_of(folder, MONGO_DB_URL=database_url))
    spare = report_service.slots[0].acquire()
    until = time.monotonic() + 30
    while spare.kernel is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(4)
    spare.kernel.kill()
    time.sleep(2.5)
    assert make(report_service, request_for(notebook_of(folder, FIGURE)))["state"] == "written"
    assert not spare.is_alive
    assert not spare.folder.exists()
    report_service.close()


def test_the_spare_serves_one_report_and_is_replaced(folder: Path, database: Database, database_url: str) -> None:
    """The service has a template process of its own, which ends with it."""
    before = psutil.Process().children(recursive=True)
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    transport = MailTransport(Outbox(folder / "outbox"), "reports@b.com", is_repeatable=True)
    report_service = ReportService(database, environment, folder, transport, report_settings_with())
    report_service.notebooks = folder
    report_service.start()
    notebook = notebook_of(folder, "import builtins\nassert not hasattr(builtins, 'left')\nbuiltins.left = 1", FIGURE)
    for name in ("one", "two"):
        report_service.enqueue(request_for(notebook, name), submit(name))
        assert report_service.wait(name, 60)["state"] == "written"
    spare = [process for process in psutil.Process().children(recursive=True) if process not in before]
    assert spare
    report_service.close()
    assert all_gone(spare, 3) == []


@pytest.mark.parametrize("fault", [401, 403, 500, SILENT])
def test_a_storage_that_refuses_or_is_silent_puts_the_figures_into_the_mail(
    folder: Path, database: Database, database_url: str, fault: Answer
) -> None:
    with refusing_storage(fault) as storage:
        report_service = service_of(database, environment_of(folder, MONGO_DB_URL=database_url, **storage.environment))
        began = time.monotonic()
        record = make(report_service, request_for(notebook_of(folder, FIGURE)))
        assert time.monotonic() - began < 45
        report_service.close()
    assert (record["state"], record["figures_in"], record["figure_urls"]) == ("written", "mail", {})
    assert "the figure storage refused" in record["storage_problem"]
    assert "PRIVATE KEY" not in json.dumps(record)
    (written,) = (folder / "outbox").glob("*.eml")
    assert b"image/png" in written.read_bytes()


def test_figures_and_message_are_stored_once_whatever_the_number_of_recipients(
    folder: Path, database: Database, database_url: str
) -> None:
    with storage_emulator() as storage:
        report_service = service_of(database, environment_of(folder, MONGO_DB_URL=database_url, **storage.environment))
        request = request_for(notebook_of(folder, FIGURE))
        record = make(report_service, replace(request, recipients=("a@b.com", "c@d.com", "e@f.com")))
        report_service.close()
        uploaded = [each["name"] for each in storage.objects()]
    (figure,) = record["figures"]
    assert (record["state"], record["figures_in"], len(uploaded)) == ("written", "storage", 1)
    files = ["executed.ipynb", f"figures/{figure}", "message.eml", "page.html"]
    assert report_service.files.names("a-report") == files
    assert database["report_files.files"].count_documents({}) == len(files)
    mails = [email.message_from_bytes(path.read_bytes()) for path in (folder / "outbox").glob("*.eml")]
    assert sorted(mail["To"] for mail in mails) == ["a@b.com", "c@d.com", "e@f.com"]


def figures_in(notebook: str) -> list[str]:
    """Every picture among the outputs, as it is stored."""
    outputs = [out for cell in nbformat.reads(notebook, as_version=4).cells for out in cell.get("outputs", [])]
    return [out["data"]["image/png"] for out in outputs if "image/png" in out.get("data", {})]


def test_by_hand_the_notebook_gives_the_same_figures_as_the_route(
    report_service: ReportService, folder: Path, database: Database, database_url: str
) -> None:
    """Started at the root, as papermill is, and in the notebook's folder, as JupyterLab does."""
    demo_history.write_history(database, NOW, 12)
    make(report_service, request_for(ROOT / "notebooks" / "report.ipynb"))
    by_route = figures_in(report_service.files.get("a-report", "executed.ipynb").decode())
    assert len(by_route) == 8  # a course a metric, the small courses of those that did not move, and the health
    command = [sys.executable, "-m", "papermill", "notebooks/report.ipynb", str(folder / "out.ipynb")]
    command += ["-p", "date_now", "10-04-2022-09-43-23", "-p", "time_range", "6"]
    environment = environment_of(folder, MONGO_DB_URL=database_url)
    for working_directory in (".", "notebooks"):
        started = [*command, "--cwd", working_directory]
        ran = subprocess.run(started, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr[-2000:]
        assert figures_in((folder / "out.ipynb").read_text()) == by_route, working_directory


def test_by_hand_a_wrong_parameter_is_said_before_anything_is_read(folder: Path) -> None:
    command = [sys.executable, "-m", "papermill", "notebooks/report.ipynb", str(folder / "out.ipynb")]
    environment = environment_of(folder, MONGO_DB_URL="mongodb://127.0.0.1:9/x")
    command += ["-p", "date_now", "yesterday", "--cwd", "."]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode != 0
    assert "not a date: 'yesterday'" in ran.stderr
