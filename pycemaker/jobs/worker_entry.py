"""Worker process: renders one report. `python -m pycemaker.jobs.worker_entry FOLDER`, or a fork of the template.

Its standard input has two lines of JSON. The first is the secret settings, which stand in no variable, since cells
could read that; the process then starts a kernel and imports what a report needs. The second is the task (see
`render_task`). It answers with one JSON object a line on standard output, its own log lines among them; standard error
is for what cells write. When its input closes, before the task or during it, its server has gone: it ends at once, and
its kernel with it.
"""

import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from pycemaker.errors import PycemakerError, RunnerFailed
from pycemaker.jobs import process_tree
from pycemaker.jobs.pipeline_factory import prepare, report_collaborators
from pycemaker.jobs.render_task import request_of
from pycemaker.reports.execute import ReadyKernel, run_notebook
from pycemaker.reports.forked_kernel import ForkedKernel
from pycemaker.reports.pipeline import make_report
from pycemaker.reports.report_model import Collaborators
from pycemaker.reports.workspace import Workspace
from pycemaker.settings import NOTEBOOKS, load
from pycemaker.telemetry import logs
from pycemaker.telemetry.secret_masker import Masker

Answer = Callable[[dict[str, Any]], None]
"""Writes one JSON object to the server."""

_REMOVE = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"


def main(folder: Path, forked: ForkedKernel | None = None) -> None:
    """Render one report, then end.

    Args:
        folder: of this process alone.
        forked: becomes its kernel, where this process was forked from a template; None starts one.
    """
    process_tree.forbid_reading()
    process_tree.adopt_orphans()
    answer = _redirect_stdout()
    secrets = json.loads(sys.stdin.readline() or "{}")
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(tasks, folder), daemon=True, name="input").start()
    has_task = threading.Event()

    def on_start(process_id: int) -> None:
        answer({"kernel": process_id})
        threading.Thread(target=_end_with_kernel, args=(process_id, has_task), daemon=True, name="kernel").start()

    def log(line: str) -> None:
        answer({"log": line})

    kernel = ReadyKernel(folder, NOTEBOOKS, on_start, forked)
    try:
        settings = load(secrets=secrets)
        logs.set_up(settings, write=log)
        logs.log_uncaught()
        mask = Masker(settings.secrets)
        collaborators = report_collaborators(settings, partial(run_notebook, kernel=kernel, mask=mask))
        prepare(collaborators)
        line = tasks.get()
        has_task.set()
        task = json.loads(line)
        logs.set_up(settings, request_id=task.get("request_id", ""), write=log)
        _render(task, collaborators, answer)
    finally:
        kernel.kill()
        _end_descendants()
        shutil.rmtree(folder, ignore_errors=True)  # also where `_listen` is about to, which ends with this thread


def _end_descendants() -> None:
    """End all processes that were started below this one, those of cells included."""
    own = psutil.Process()
    process_tree.end_process_tree([own], os.environ.get(process_tree.MARK, ""), keeping=own)


def _end_with_kernel(process_id: int, has_task: threading.Event) -> None:
    """End this process where its kernel ends before the task has come: a spare without a kernel is useless."""
    kernel = psutil.Process(process_id)
    while not has_task.wait(0.5):
        if not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE:
            os._exit(1)


def _listen(tasks: queue.Queue[str], folder: Path) -> None:
    """Read the one task from standard input; when that closes, end at once, the kernel and the folder included."""
    if line := sys.stdin.readline():
        tasks.put(line)
        sys.stdin.read()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # whatever the others say of what ends under them is no fault
    _end_descendants()
    # This ends the threads that write there, too.
    os.execv(sys.executable, [sys.executable, "-ISc", _REMOVE, str(folder)])  # noqa: S606 - our own command


def _render(task: dict[str, Any], collaborators: Collaborators, answer: Answer) -> None:
    def on_progress(stage: str, done: int, total: int) -> None:
        answer({"stage": stage, "done": done, "total": total})

    try:
        workspace = Workspace(Path(task["folder"]))
        answer({"report": make_report(request_of(task), collaborators, workspace, on_progress)})
    except PycemakerError as error:
        answer({"error": error.to_facts()})
    except OSError as error:
        reason = f"the folder of reports cannot be written: {error.strerror or type(error).__name__}"
        answer({"error": RunnerFailed(stage="report", reason=reason).to_facts()})
    except Exception as error:
        answer({"error": RunnerFailed(stage="report", reason=type(error).__name__).to_facts()})
        raise


def _redirect_stdout() -> Answer:
    """Write answers to the real standard output; all other printing goes to standard error."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def answer(facts: dict[str, Any]) -> None:
        with lock:
            output.write(json.dumps(facts) + "\n")
            output.flush()

    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
