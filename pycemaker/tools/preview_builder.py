"""Runs a notebook and makes the preview of its mail, step by step, so that only what changed is done again."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from shutil import rmtree
from typing import Any

from pycemaker.jobs.pipeline_factory import forbidden_texts, report_collaborators
from pycemaker.jobs.worker_template import WorkerTemplate
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK
from pycemaker.reports.execute import ReadyKernel, run_notebook
from pycemaker.reports.message_lint import Flaw, flaws
from pycemaker.reports.pipeline import stage
from pycemaker.reports.report_model import Page, ReportRequest
from pycemaker.settings import NOTEBOOKS, Settings
from pycemaker.tools.preview_page import preview_page

RECIPIENT = "preview@localhost.localdomain"
OnCell = Callable[[int, int], None]


@dataclass(frozen=True)
class Preview:
    """One preview.

    Attributes:
        flaws: why it would not be sent; nothing where it would.
        run_seconds: how long the notebook ran.
        render_seconds: how long the rest took.
    """

    page: Page
    message: EmailMessage
    flaws: list[Flaw]
    run_seconds: float
    render_seconds: float


class PreviewBuilder:
    """Makes the preview of one request, in a folder of its own. Nothing is mailed or stored anywhere else.

    Args:
        on_kernel: called with the process id of each kernel, as soon as that stands ready.
        template: forks the kernels; without one each is started anew.
    """

    def __init__(
        self,
        request: ReportRequest,
        settings: Settings,
        folder: Path,
        on_kernel: Callable[[int], None] = lambda _process_id: None,
        template: WorkerTemplate | None = None,
    ) -> None:
        self._request = request
        self._template = template
        self._on_kernel = on_kernel
        self._parts = report_collaborators(settings, self._run_in_kernel)
        self._withheld = forbidden_texts(settings)
        self.run_seconds = 0.0
        self.folder = folder
        self.file = folder / "preview.html"
        self._executed = folder / EXECUTED_NOTEBOOK
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, on_cell: OnCell = lambda _done, _total: None) -> None:
        """Run the notebook in a kernel of its own. Raises NotebookFailed, DatabaseUnreachable: as `run_notebook`."""
        self._parts.run_notebook(self._request.notebook, self._request.papermill_parameters, self._executed, on_cell)

    def render(self) -> Preview:
        """Render the output of the last run, lint it, and write the preview.

        Raises:
            NothingToSend: the notebook left nothing; RunnerFailed: a library failed; names the stage.
        """
        began = time.monotonic()
        with stage("render"):
            page = self._parts.render_page(self._executed, replace(self._request, report_id=""), self._request.notes)
        with stage("compose"):
            message = self._parts.compose(page, RECIPIENT, None, ())
        problems = flaws(message, page.full_html, self._withheld, page.cells)
        preview = Preview(page, message, problems, self.run_seconds, time.monotonic() - began)
        self.file.write_text(preview_page(page, message, problems, title=self._request.notebook.stem), encoding="utf-8")
        # An open preview loads this file to see that there is a newer one.
        (self.folder / "stamp.js").write_text(f"pycemakerStamp({json.dumps(time.time())})", encoding="utf-8")
        return preview

    def _run_in_kernel(self, notebook: Path, parameters: Mapping[str, Any], executed: Path, on_cell: OnCell) -> None:
        scratch = Path(tempfile.mkdtemp(prefix="pycemaker-"))
        try:
            started: list[int] = []
            forked = self._template.fork_kernel() if self._template else None
            kernel = ReadyKernel(scratch, NOTEBOOKS, started.append, forked)
            self._on_kernel(started[0])
            began = time.monotonic()
            try:
                run_notebook(notebook, parameters, executed, on_cell, kernel=kernel)
            finally:
                self.run_seconds = time.monotonic() - began
                kernel.kill()
        finally:
            rmtree(scratch, ignore_errors=True)
