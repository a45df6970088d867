"""The process in which one report is made: `python -m pycemaker.jobs.worker_entry FOLDER`.

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

from pycemaker.errors import PycemakerError, RunnerFailed
from pycemaker.jobs import process_tree
from pycemaker.jobs.collaborators import prepare, report_collaborators
from pycemaker.reports.execute import ReadyKernel, run_notebook
from pycemaker.reports.model import ReportRequest
from pycemaker.reports.pipeline import make_report
from pycemaker.reports.workspace import Workspace
from pycemaker.settings import NOTEBOOKS, load
from pycemaker.telemetry import logs
from pycemaker.window import Window

Tell = Callable[[dict[str, Any]], None]


def main(folder: Path) -> None:
    """Serve one job, then end."""
    process_tree.forbid_reading()
    process_tree.adopt_orphans()
    tell = _take_over_stdout()
    secrets = json.loads(sys.stdin.readline() or "{}")
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs, folder), daemon=True, name="input").start()
    serving = threading.Event()

    def on_start(process_id: int) -> None:
        tell({"kernel": process_id})
        threading.Thread(target=_end_with_kernel, args=(process_id, serving), daemon=True, name="kernel").start()

    kernel = ReadyKernel(folder, NOTEBOOKS, on_start=on_start)
    try:
        settings = load(secrets=secrets)
        logs.set_up(settings)
        logs.log_what_nobody_catches()
        mask = logs.Masker(settings.secrets)
        collaborators = report_collaborators(settings, partial(run_notebook, kernel=kernel, mask=mask))
        prepare(collaborators)
        line = jobs.get()
        serving.set()
        task = json.loads(line)
        logs.set_up(settings, request_id=task.get("request_id", ""))
        _serve(task, collaborators, tell)
    finally:
        kernel.kill()
        _end_all_below()


def _end_all_below() -> None:
    """End whatever was started below this process, by cells too."""
    own = psutil.Process()
    process_tree.end_process_tree([own], os.environ.get(process_tree.MARK, ""), keeping=own)


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
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _serve(task: dict[str, Any], collaborators: Any, tell: Tell) -> None:
    def on_progress(stage: str, done: int, total: int) -> None:
        tell({"stage": stage, "done": done, "total": total})

    try:
        workspace = Workspace(Path(task["folder"]))
        tell({"made": make_report(_request(task), collaborators, workspace, on_progress)})
    except PycemakerError as error:
        tell({"error": error.to_facts()})
    except OSError as error:
        reason = f"the folder of reports cannot be written: {error.strerror or type(error).__name__}"
        tell({"error": RunnerFailed(stage="report", reason=reason).to_facts()})
    except Exception as error:
        tell({"error": RunnerFailed(stage="report", reason=type(error).__name__).to_facts()})
        raise


def _request(task: dict[str, Any]) -> ReportRequest:
    window = Window(datetime.fromisoformat(task["end_utc"]), task["hours"])
    attach = tuple(task["attach"])
    recipients = tuple(task["recipients"])
    return ReportRequest(task["report_id"], Path(task["notebook"]), window, recipients, task["parameters"], attach)


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
