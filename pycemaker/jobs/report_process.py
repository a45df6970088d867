"""Runs a worker process for one report: a deadline, a memory limit, no process left behind.

Starting Python, a kernel and the libraries takes seconds; a warm process has done that before it gets a task. It serves
one report, so that none sees what another left.
"""

import contextlib
import json
import logging
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import psutil

from pycemaker.errors import ReportTimedOut, ReportTooLarge, ReportWroteTooMuch, RunnerFailed, from_facts
from pycemaker.jobs.process_output import ProcessOutput
from pycemaker.jobs.process_tree import MARK, end_process_tree, process_tree
from pycemaker.jobs.worker_template import ForkedWorker, WorkerTemplate
from pycemaker.reports import run_folder
from pycemaker.reports.report_model import OnProgress
from pycemaker.settings import ROOT, module_command, secrets_of, without_secrets

NICENESS = 5
"""The niceness of worker processes, which yield to the metric routes."""

END_SECONDS = 2.0
"""The time for a worker process to end itself and its descendants after its input has closed."""

_LOOK_SECONDS = 0.25
"""The interval between checks of its memory, in which a runaway takes a gigabyte or two."""

_log = logging.getLogger(__name__)


class ReportProcess:
    """One worker process, started by the constructor.

    Args:
        environment: its variables; it gets the secrets among them on its standard input.
        end_seconds: see END_SECONDS.
        template: forks the process; None starts a new interpreter, as does a template that fails.

    Attributes:
        folder: its working folder, which is removed with it.
        process: the process.
        kernel: its kernel's process; None until that has started.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        end_seconds: float = END_SECONDS,
        template: WorkerTemplate | None = None,
    ) -> None:
        self._end_seconds = end_seconds
        self.folder = Path(tempfile.mkdtemp(prefix="pycemaker-"))
        self._stage = "start"
        self._looked_at = 0.0
        self._popen = _forked(template, self.folder, environment) or _started(environment, self.folder)
        self._output = ProcessOutput()
        self.process = psutil.Process(self._popen.pid)
        with contextlib.suppress(OSError):  # it has ended already; `run` raises then
            self._write(secrets_of(environment))
        self.kernel: psutil.Process | None = None
        with contextlib.suppress(psutil.Error, OSError):
            self.process.nice(NICENESS if sys.platform != "win32" else None)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True, name="report").start()
        threading.Thread(target=self._output.follow, args=(self._popen.stderr,), daemon=True, name="output").start()

    @property
    def is_alive(self) -> bool:
        """True if the process is alive."""
        return self._popen.poll() is None

    def wait(self, seconds: float) -> None:
        """Wait for its end. Raises subprocess.TimeoutExpired where it does not end in time."""
        self._popen.wait(seconds)

    def run(
        self, task: dict[str, Any], limit_seconds: float, on_progress: OnProgress, memory_mb: int = 0
    ) -> dict[str, Any]:
        """Send it the task and wait for the result.

        Args:
            task: see `worker_entry`.
            limit_seconds: the deadline.
            on_progress: called with each stage and cell.
            memory_mb: the memory limit of its processes together, in MiB; 0 for none.

        Raises:
            ReportTimedOut: it was not done after `limit_seconds`.
            ReportTooLarge: its processes used more memory than `memory_mb`.
            ReportWroteTooMuch: its cells wrote more than `run_folder.MOST_MB` into their folder.
            RunnerFailed: it ended without an answer.
            PycemakerError: what the pipeline raised.
        """
        until = time.monotonic() + limit_seconds
        self._output.report_id, self._output.request_id = task["report_id"], task.get("request_id", "")
        try:
            self._write(task)
        except OSError:
            raise RunnerFailed(stage="start", reason="it ended before it was given the report") from None
        while True:
            answer = self._next_answer(until, limit_seconds, memory_mb)
            if answer is None:
                raise RunnerFailed(stage=self._stage, reason="it ended without an answer")
            if "error" in answer:
                raise from_facts(answer["error"])
            if "report" in answer:
                return dict(answer["report"])
            if "stage" in answer:
                self._stage = answer["stage"]
                on_progress(answer["stage"], answer["done"], answer["total"])

    def _next_answer(self, until: float, limit_seconds: float, memory_mb: int) -> dict[str, Any] | None:
        """Its next answer. Memory and deadline are checked however fast answers come."""
        while True:
            self._check_limits(memory_mb)
            left = until - time.monotonic()
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=max(0.0, min(left, _LOOK_SECONDS)))
                if left > 0 or answer is None or "stage" not in answer:
                    return answer
            if left <= 0:
                raise ReportTimedOut(stage=self._stage, limit_seconds=round(limit_seconds))

    def _check_limits(self, memory_mb: int) -> None:
        if time.monotonic() < self._looked_at + _LOOK_SECONDS:
            return
        held_mb, written_mb = self.held_bytes() >> 20 if memory_mb else 0, run_folder.written_bytes(self.folder) >> 20
        self._looked_at = time.monotonic()
        if held_mb > memory_mb:
            raise ReportTooLarge(stage=self._stage, limit_mb=memory_mb, held_mb=held_mb)
        if written_mb > run_folder.MOST_MB:
            raise ReportWroteTooMuch(stage=self._stage, limit_mb=run_folder.MOST_MB)

    def held_bytes(self) -> int:
        """The resident memory of all its processes; shared memory counts for each."""
        held = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                held += process.memory_info().rss
        return held

    def _processes(self) -> set[psutil.Process]:
        """The process and its kernel, each with its descendants: the kernel's parent may have ended."""
        return process_tree(filter(None, (self.process, self.kernel)))

    def kill(self) -> None:
        """End the process, its kernel, and all that they started. A second call does nothing.

        Its input is closed first: the process then ends all of that by itself, even where this server dies meanwhile.
        """
        self.close_input()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(self._end_seconds)
        end_process_tree(filter(None, (self.process, self.kernel)), self.folder.name, keeping=self.process)
        self._popen.kill()  # last: until then it adopts orphans of its descendants
        self._popen.wait()
        end_process_tree((), self.folder.name, keeping=self.process)
        self._close(self._popen.stdout)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close_input(self) -> None:
        """Close its input, upon which it ends by itself, with all that it started."""
        self._close(self._popen.stdin)

    @staticmethod
    def _close(pipe: IO[bytes] | None) -> None:
        with contextlib.suppress(OSError):
            if pipe:
                pipe.close()

    def _write(self, line: dict[str, Any]) -> None:
        assert self._popen.stdin is not None  # noqa: S101 - Popen was called with PIPE
        self._popen.stdin.write(json.dumps(line).encode() + b"\n")
        self._popen.stdin.flush()

    def _listen(self) -> None:
        assert self._popen.stdout is not None  # noqa: S101 - Popen was called with PIPE
        with contextlib.suppress(ValueError, OSError):
            for line in self._popen.stdout:
                answer = json.loads(line)
                if "kernel" in answer:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        self.kernel = psutil.Process(answer["kernel"])
                if "log" in answer:
                    self._output.relay(answer["log"])
                else:
                    self._answers.put(answer)
        self._answers.put(None)


def _forked(template: WorkerTemplate | None, folder: Path, environment: Mapping[str, str]) -> ForkedWorker | None:
    """A fork of the template; None without one, and where it fails."""
    if template is not None:
        try:
            return template.fork(folder, environment)
        except (OSError, ValueError) as error:
            _log.warning("a report's process is started anew: %s", error)
    return None


def _started(environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    python, variables = module_command(without_secrets(environment))
    return subprocess.Popen(  # noqa: S603 - our own command
        [*python, "pycemaker.jobs.worker_entry", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**variables, MARK: folder.name},
        start_new_session=True,
    )
