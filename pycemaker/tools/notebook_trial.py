"""Runs one notebook on one hard interval, as a preview does."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from pycemaker.errors import PycemakerError
from pycemaker.jobs.worker_template import WorkerTemplate
from pycemaker.reports.notebook_catalogue import Notebook
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import Settings
from pycemaker.tools.breaking_intervals import HardInterval
from pycemaker.tools.preview_builder import RECIPIENT, PreviewBuilder
from pycemaker.window import Window

_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class NotebookOutcome:
    """The outcome of one notebook on one case.

    Attributes:
        seconds: of running, rendering and linting, in a kernel that stood ready.
        peak_mb: the most memory that kernel held.
        problems: what went wrong, in English; none where it passed.
        notes: what cells show and readers do not see, and what its author may not have meant, in English.
    """

    notebook: str
    case: str
    seconds: float
    peak_mb: float
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_notebook(
    notebook: Notebook, case: HardInterval, settings: Settings, folder: Path, template: WorkerTemplate | None
) -> NotebookOutcome:
    """Run the notebook on the case with its own parameters, render it, lint the mail.

    Args:
        case: whose samples are in the database that the environment names.
        settings: zone, links, and the deadline, after which the kernel is ended.
        template: forks the kernel; None starts one anew.
    """
    window = Window(case.end_utc, max(case.hours, notebook.hours))
    watch = _Watch(settings.report_timeout_seconds)
    request = ReportRequest("check", notebook.path, window, (RECIPIENT,))
    preview_builder = PreviewBuilder(request, settings, folder, watch.start, template)
    notes: tuple[str, ...] = ()
    try:
        preview_builder.run()
        preview = preview_builder.render()
        problems = tuple(f"{flaw.rule}: {flaw.message}" for flaw in preview.flaws)
        notes = (*(f"not shown: {line}" for line in preview.page.left_out), *preview.page.remarks)
        seconds = preview.run_seconds + preview.render_seconds
    except PycemakerError as error:
        seconds = preview_builder.run_seconds
        problems = (f"still running after {watch.limit_seconds:.0f} s" if watch.has_ended_it else str(error),)
    finally:
        watch.stop()
    return NotebookOutcome(notebook.name, case.name, seconds, watch.peak_bytes / 1e6, problems, notes)


class _Watch:
    """Looks at a kernel's memory, and ends it at the deadline."""

    def __init__(self, limit_seconds: float) -> None:
        self.limit_seconds = limit_seconds
        self.peak_bytes = 0
        self.has_ended_it = False
        self._done = threading.Event()

    def start(self, process_id: int) -> None:
        threading.Thread(target=self._look, args=(process_id,), daemon=True, name="memory").start()

    def stop(self) -> None:
        self._done.set()

    def _look(self, process_id: int) -> None:
        until = time.monotonic() + self.limit_seconds
        try:
            process = psutil.Process(process_id)
            while not self._done.wait(_LOOK_SECONDS):
                self.peak_bytes = max(self.peak_bytes, process.memory_info().rss)
                if time.monotonic() > until:
                    self.has_ended_it = True
                    process.kill()
        except psutil.Error:
            return
