"""The process in which one report is made: `python -m pycemaker.report.child FOLDER`.

It starts a kernel and imports what a report needs, says that it is ready, and waits for one line on its standard input:
the job, as JSON. It answers with one JSON object a line on what was its standard output. When its input closes, before
the job or in the midst of it, whoever started it has gone: it ends at once and takes its kernel along.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from pycemaker.errors import PycemakerError, RunnerFailed
from pycemaker.report.notebook import ReadyKernel, run_notebook
from pycemaker.report.pipeline import ReportRequest, make_report
from pycemaker.report.shelf import Shelf
from pycemaker.settings import ROOT, load
from pycemaker.window import Window
from pycemaker.wiring import prepare, report_collaborators

Tell = Callable[[dict[str, Any]], None]


def main(folder: Path) -> None:
    """Serve one job, then end."""
    tell = _take_over_stdout()
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True, name="input").start()
    kernel = ReadyKernel(folder, ROOT / "notebooks", on_start=lambda pid: tell({"kernel": pid}))
    try:
        collaborators = report_collaborators(load(), partial(run_notebook, kernel=kernel))
        prepare(collaborators)
        _serve(json.loads(jobs.get()), collaborators, tell)
    finally:
        kernel.kill()


def _listen(jobs: queue.Queue[str]) -> None:
    """Take the one job from standard input; when that closes, end at once. The kernel looks after its parent itself."""
    if line := sys.stdin.readline():
        jobs.put(line)
        sys.stdin.read()
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)


def _serve(job: dict[str, Any], collaborators: Any, tell: Tell) -> None:
    def on_progress(stage: str, done: int, total: int) -> None:
        tell({"stage": stage, "done": done, "total": total})

    shelf = Shelf(Path(job["folder"]))
    try:
        tell({"record": make_report(_request(job), collaborators, shelf, on_progress)})
    except PycemakerError as error:
        tell({"error": error.to_facts()})
    except Exception as error:
        failure = RunnerFailed(stage="report", reason=type(error).__name__)
        shelf.close_failed(failure)
        tell({"error": failure.to_facts()})
        raise


def _request(job: dict[str, Any]) -> ReportRequest:
    window = Window(datetime.fromisoformat(job["end_utc"]), job["hours"])
    return ReportRequest(job["report_id"], Path(job["notebook"]), window, job["email_to"], job["more"])


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
