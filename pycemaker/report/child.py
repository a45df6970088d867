"""The process in which one report is made: `python -m pycemaker.report.child FOLDER`.

Its standard input has two lines of JSON. The first is the secrets among its settings, which stand in no variable, where
a cell could read them; it then starts a kernel and imports what a report needs. The second is the job. It answers with
one JSON object a line on what was its standard output. When its input closes, before the job or in the midst of it,
whoever started it has gone: it ends at once and takes its kernel along.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from pycemaker import logs
from pycemaker.errors import PycemakerError, RunnerFailed
from pycemaker.report import processes
from pycemaker.report.notebook import ReadyKernel, run_notebook
from pycemaker.report.pipeline import ReportRequest, make_report
from pycemaker.report.shelf import Shelf
from pycemaker.settings import ROOT, load
from pycemaker.window import Window
from pycemaker.wiring import prepare, report_collaborators

Tell = Callable[[dict[str, Any]], None]

_REMOVE = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"


def main(folder: Path) -> None:
    """Serve one job, then end."""
    processes.forbid_reading()
    processes.adopt_orphans()
    tell = _take_over_stdout()
    secrets = json.loads(sys.stdin.readline() or "{}")
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs, folder), daemon=True, name="input").start()
    serving = threading.Event()

    def on_start(process_id: int) -> None:
        tell({"kernel": process_id})
        threading.Thread(target=_end_with_kernel, args=(process_id, serving), daemon=True, name="kernel").start()

    kernel = ReadyKernel(folder, ROOT / "notebooks", on_start=on_start)
    try:
        settings = load(secrets=secrets)
        logs.set_up(settings)
        logs.log_what_nobody_catches()
        mask = logs.Masker(settings.secrets)
        collaborators = report_collaborators(settings, partial(run_notebook, kernel=kernel, mask=mask))
        prepare(collaborators)
        line = jobs.get()
        serving.set()
        job = json.loads(line)
        logs.set_up(settings, request_id=job.get("request_id", ""))
        _serve(job, collaborators, tell)
    finally:
        kernel.kill()
        _end_all_below()
        shutil.rmtree(folder, ignore_errors=True)  # also where `_listen` is about to, which ends with this thread


def _end_all_below() -> None:
    """End whatever was started below this process, by cells too."""
    own = psutil.Process()
    processes.end_family([own], os.environ.get(processes.MARK, ""), keeping=own)


def _end_with_kernel(process_id: int, serving: threading.Event) -> None:
    """End this process where its kernel ends before the job has come, so that nobody is given a spare without one."""
    kernel = psutil.Process(process_id)
    while not serving.wait(0.5):
        if not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE:
            os._exit(1)


def _listen(jobs: queue.Queue[str], folder: Path) -> None:
    """Take the one job from standard input; when that closes, end at once and leave nothing of the kernel behind."""
    if line := sys.stdin.readline():
        jobs.put(line)
        sys.stdin.read()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # whatever the others say of what ends under them is no fault
    _end_all_below()
    # This ends the threads that write there, too.
    os.execv(sys.executable, [sys.executable, "-ISc", _REMOVE, str(folder)])  # noqa: S606 - our own command


def _serve(job: dict[str, Any], collaborators: Any, tell: Tell) -> None:
    def on_progress(stage: str, done: int, total: int) -> None:
        tell({"stage": stage, "done": done, "total": total})

    try:
        shelf = Shelf(Path(job["folder"]))
        tell({"made": make_report(_request(job), collaborators, shelf, on_progress)})
    except PycemakerError as error:
        tell({"error": error.to_facts()})
    except OSError as error:
        reason = f"the folder of reports cannot be written: {error.strerror or type(error).__name__}"
        tell({"error": RunnerFailed(stage="report", reason=reason).to_facts()})
    except Exception as error:
        tell({"error": RunnerFailed(stage="report", reason=type(error).__name__).to_facts()})
        raise


def _request(job: dict[str, Any]) -> ReportRequest:
    window = Window(datetime.fromisoformat(job["end_utc"]), job["hours"])
    attach = tuple(job["attach"])
    recipients = tuple(job["recipients"])
    return ReportRequest(job["report_id"], Path(job["notebook"]), window, recipients, job["more"], attach)


def _take_over_stdout() -> Tell:
    """Keep the real standard output for answers; whatever else prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def tell(answer: dict[str, Any]) -> None:
        with lock:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

    return tell


if __name__ == "__main__":
    main(Path(sys.argv[1]))
