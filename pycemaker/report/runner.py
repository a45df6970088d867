"""Makes reports in processes of their own: one deadline each, nothing left behind, and a spare that stands ready.

Starting Python, a kernel and the libraries takes seconds; a spare process has done that before the report is asked for.
It serves one report and is replaced, so that no report sees what another left.
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from pycemaker.errors import PycemakerError, ReportTimedOut, RunnerFailed, TooManyReports, from_facts
from pycemaker.report.pipeline import OnProgress, ReportRequest
from pycemaker.report.shelf import Shelf
from pycemaker.settings import ROOT
from pycemaker.window import to_iso_text

WAITING_LIMIT = 8
"""How many reports may wait for the one that runs."""

NICENESS = 5
"""How far a report's processes stand back for the metric routes."""

_TYPICAL_SECONDS = 5


class Runner:
    """One report process, started when made.

    Args:
        environment: its variables.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pycemaker-"))
        self._stage = "start"
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "pycemaker.report.child", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=dict(environment),
            start_new_session=True,
            encoding="utf-8",
        )
        self._own = psutil.Process(self._process.pid)
        self._kernel: psutil.Process | None = None
        with contextlib.suppress(psutil.Error, OSError):
            self._own.nice(NICENESS if sys.platform != "win32" else None)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True, name="report").start()

    @property
    def is_alive(self) -> bool:
        """Whether it can still take a job."""
        return self._process.poll() is None

    def run(self, job: dict[str, Any], limit_seconds: float, on_progress: OnProgress) -> dict[str, Any]:
        """Hand it the job and wait for the record.

        Raises:
            ReportTimedOut: it was not done after `limit_seconds`.
            RunnerFailed: it ended without an answer.
            PycemakerError: what the pipeline raised.
        """
        until = time.monotonic() + limit_seconds
        self._send(job)
        while True:
            try:
                answer = self._answers.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise ReportTimedOut(
                    stage=self._stage, limit_seconds=round(limit_seconds), possibly_sent=self._stage == "mail"
                ) from None
            if answer is None:
                raise RunnerFailed(
                    stage=self._stage,
                    reason=f"it ended with {self._process.wait()}",
                    possibly_sent=self._stage == "mail",
                )
            if "error" in answer:
                raise from_facts(answer["error"])
            if "record" in answer:
                return dict(answer["record"])
            self._note(answer, on_progress)

    def kill(self) -> None:
        """End the process, its kernel, and whatever they started. Twice is once."""
        with contextlib.suppress(psutil.Error):
            self._own.suspend()  # so that it starts nothing while its descendants are looked up
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, job: dict[str, Any]) -> None:
        try:
            assert self._process.stdin is not None  # noqa: S101 - it was asked for as a pipe
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except OSError:
            reason = "it ended before it was given the report"
            raise RunnerFailed(stage="start", reason=reason, possibly_sent=False) from None

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

    def _family(self) -> list[psutil.Process]:
        """The process, its descendants, and the kernel with its own, whose parent may be gone already.

        psutil knows a process by its start too, so that none is taken for one of ours that has got its number since.
        """
        found: list[psutil.Process] = []
        for process in filter(None, (self._own, self._kernel)):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [*process.children(recursive=True), process]
        return found


class ReportDesk:
    """Takes reports in, one after another, a bounded number of them waiting. Threads share it.

    Args:
        environment: the variables of the processes that make them.
        reports: the folder in which each gets its own.
        limit_seconds: the deadline of one.
        keep_spare: whether a process stands ready for the next.
    """

    def __init__(
        self, environment: Mapping[str, str], reports: Path, limit_seconds: float, *, keep_spare: bool = True
    ) -> None:
        self._environment = dict(environment)
        self._reports = reports
        self._limit_seconds = limit_seconds
        self._keep_spare = keep_spare
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._inside = 0
        self._runner: Runner | None = None
        self._closed = False

    def start(self) -> None:
        """Make the spare ready, in the background."""
        if self._keep_spare and not self._closed:
            self._runner = Runner(self._environment)

    def make(self, request: ReportRequest, on_progress: OnProgress = lambda _s, _d, _t: None) -> dict[str, Any]:
        """Make and send one report; its record.

        Raises:
            TooManyReports: as many are waiting as may.
            ReportTimedOut, RunnerFailed: it did not end, or not well; said in the record on the shelf too.
            PycemakerError: what the pipeline raised. Each of these names the report among its facts (`report_id`).
        """
        until = time.monotonic() + self._limit_seconds
        try:
            with self._place(), self._its_turn():
                return self._make(request, until - time.monotonic(), on_progress)
        except PycemakerError as error:
            error.facts["report_id"] = request.report_id
            raise

    def close(self) -> None:
        """End the spare, and whatever runs."""
        self._closed = True
        self._end_runner()

    @contextlib.contextmanager
    def _its_turn(self) -> Iterator[None]:
        """Wait for those before it; the deadline runs meanwhile."""
        limit_seconds = int(self._limit_seconds)
        if not self._turn.acquire(timeout=self._limit_seconds):
            raise ReportTimedOut(stage="waiting", limit_seconds=limit_seconds, possibly_sent=False)
        try:
            yield
        finally:
            self._turn.release()

    def _make(self, request: ReportRequest, seconds_left: float, on_progress: OnProgress) -> dict[str, Any]:
        folder = self._reports / request.report_id
        try:
            return self._run(_job(request, folder), seconds_left, on_progress)
        except (ReportTimedOut, RunnerFailed) as error:
            self._end_runner()  # before the record is written, so that nobody else writes it
            with contextlib.suppress(OSError):
                Shelf(folder).mark_failed(request, error)
            raise
        finally:
            self._end_runner()
            self.start()

    def _run(self, job: dict[str, Any], seconds_left: float, on_progress: OnProgress) -> dict[str, Any]:
        """Run it in the spare; where that ended before it had begun anything, once more in a new process."""
        until = time.monotonic() + seconds_left
        if self._runner and self._runner.is_alive:
            try:
                return self._runner.run(job, seconds_left, on_progress)
            except RunnerFailed as error:
                if error.facts["stage"] != "start":
                    raise
        self._end_runner()
        self._runner = Runner(self._environment)
        return self._runner.run(job, until - time.monotonic(), on_progress)

    def _end_runner(self) -> None:
        if self._runner:
            self._runner.kill()
            self._runner = None

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        with self._count:
            if self._inside > WAITING_LIMIT:
                raise TooManyReports(waiting=self._inside - 1, retry_after_seconds=_TYPICAL_SECONDS * self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._count:
                self._inside -= 1


def _job(request: ReportRequest, folder: Path) -> dict[str, Any]:
    return {
        "report_id": request.report_id,
        "notebook": str(request.notebook),
        "end_utc": to_iso_text(request.window.end_utc),
        "hours": request.window.hours,
        "email_to": request.email_to,
        "more": dict(request.more),
        "attach": list(request.attach),
        "folder": str(folder),
    }
