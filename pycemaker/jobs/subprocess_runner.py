"""One report in a process of its own: one deadline, a bound on its memory, nothing left behind.

Starting Python, a kernel and the libraries takes seconds; a runner has done that before it is given a report. It serves
one, so that no report sees what another left.
"""

from __future__ import annotations

import contextlib
import json
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
from pycemaker.jobs.process_tree import MARK, end_process_tree, process_tree
from pycemaker.reports import run_folder
from pycemaker.reports.model import OnProgress
from pycemaker.settings import ROOT, secrets_of, without_secrets

NICENESS = 5
"""How far a report's processes stand back for the metric routes."""

_END_SECONDS = 2.0
"""How long it has to end what it started, and itself, once its input has closed."""

_LOOK_SECONDS = 0.25
"""How often its memory is looked at: a runaway takes a gigabyte or two in that, no more."""


class ReportProcess:
    """One report process, started when made.

    Args:
        environment: its variables; the secrets among them it gets on its standard input.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pycemaker-"))
        self._stage = "start"
        self._looked_at = 0.0
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "pycemaker.jobs.worker_entry", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**without_secrets(environment), MARK: self._folder.name},
            start_new_session=True,
            encoding="utf-8",
        )
        self._own = psutil.Process(self._process.pid)
        with contextlib.suppress(OSError):  # it has ended already, which whoever gives it a job is told
            self._write(secrets_of(environment))
        self._kernel: psutil.Process | None = None
        with contextlib.suppress(psutil.Error, OSError):
            self._own.nice(NICENESS if sys.platform != "win32" else None)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True, name="report").start()

    @property
    def is_alive(self) -> bool:
        """Whether it can still take a job."""
        return self._process.poll() is None

    def run(
        self, task: dict[str, Any], limit_seconds: float, on_progress: OnProgress, memory_mb: int = 0
    ) -> dict[str, Any]:
        """Hand it the job and wait for what came of it.

        Args:
            task: see `worker_entry`.
            limit_seconds: the deadline.
            on_progress: told as it goes on.
            memory_mb: how much memory its processes may hold together, in MiB; 0 for any.

        Raises:
            ReportTimedOut: it was not done after `limit_seconds`.
            ReportTooLarge: it held more memory than it may.
            ReportWroteTooMuch: its cells wrote more into their folder than they may.
            RunnerFailed: it ended without an answer.
            PycemakerError: what the pipeline raised.
        """
        until = time.monotonic() + limit_seconds
        self._send(task)
        while True:
            answer = self._next_answer(until, limit_seconds, memory_mb)
            if answer is None:
                raise RunnerFailed(stage=self._stage, reason=f"it ended with {self._process.wait()}")
            if "error" in answer:
                raise from_facts(answer["error"])
            if "made" in answer:
                return dict(answer["made"])
            self._note(answer, on_progress)

    def _next_answer(self, until: float, limit_seconds: float, memory_mb: int) -> dict[str, Any] | None:
        """What it says next. Its memory and the deadline are looked at however fast it says something."""
        while True:
            self._check_bounds(memory_mb)
            left = until - time.monotonic()
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=max(0.0, min(left, _LOOK_SECONDS)))
                if left > 0 or answer is None or "stage" not in answer:
                    return answer
            if left <= 0:
                raise ReportTimedOut(stage=self._stage, limit_seconds=round(limit_seconds))

    def _check_bounds(self, memory_mb: int) -> None:
        if time.monotonic() < self._looked_at + _LOOK_SECONDS:
            return
        held_mb, written_mb = self._held_bytes() >> 20 if memory_mb else 0, run_folder.written_bytes(self._folder) >> 20
        self._looked_at = time.monotonic()
        if held_mb > memory_mb:
            raise ReportTooLarge(stage=self._stage, limit_mb=memory_mb, held_mb=held_mb)
        if written_mb > run_folder.MOST_MB:
            raise ReportWroteTooMuch(stage=self._stage, limit_mb=run_folder.MOST_MB)

    def _held_bytes(self) -> int:
        """The resident memory of all its processes; what they share counts for each."""
        held = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                held += process.memory_info().rss
        return held

    def _family(self) -> set[psutil.Process]:
        """The process, its descendants, and the kernel with its own, whose parent may be gone already."""
        return process_tree(filter(None, (self._own, self._kernel)))

    def kill(self) -> None:
        """End the process, its kernel, and whatever they started. Twice is once.

        Its input closes first, upon which it ends all of that by itself, whatever becomes of whoever closed it.
        """
        self._close(self._process.stdin)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        end_process_tree(filter(None, (self._own, self._kernel)), self._folder.name, keeping=self._own)
        self._process.kill()  # last: until then it is the parent of what its descendants leave
        self._process.wait()
        end_process_tree((), self._folder.name, keeping=self._own)
        self._close(self._process.stdout)
        shutil.rmtree(self._folder, ignore_errors=True)

    @staticmethod
    def _close(pipe: IO[str] | None) -> None:
        with contextlib.suppress(OSError):
            if pipe:
                pipe.close()

    def _send(self, task: dict[str, Any]) -> None:
        try:
            self._write(task)
        except OSError:
            reason = "it ended before it was given the report"
            raise RunnerFailed(stage="start", reason=reason) from None

    def _write(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for as a pipe
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _note(self, answer: dict[str, Any], on_progress: OnProgress) -> None:
        if "stage" in answer:
            self._stage = answer["stage"]
            on_progress(answer["stage"], answer["done"], answer["total"])

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        with contextlib.suppress(ValueError, OSError):
            for line in self._process.stdout:
                answer = json.loads(line)
                if "kernel" in answer:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        self._kernel = psutil.Process(answer["kernel"])
                self._answers.put(answer)
        self._answers.put(None)
