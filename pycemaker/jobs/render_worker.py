"""Makes one report that the ledger has given to this server, and writes down what came of it."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from pycemaker.errors import DatabaseUnreachable, PycemakerError, ReportExpired, RunnerFailed
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.delivery_worker import headers_for
from pycemaker.jobs.job_document import sha256_hex
from pycemaker.jobs.job_reader import JobDocument
from pycemaker.jobs.job_store import ORPHANED, JobStore
from pycemaker.mail.compose import readdress
from pycemaker.reports import workspace
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, MESSAGE
from pycemaker.reports.model import OnProgress
from pycemaker.settings import NOTEBOOKS
from pycemaker.window import to_iso_text

MOST_RUNS = 3
"""How often a report is begun whose server ended in the midst of it, or whose database went away."""

AGAIN_SECONDS = 5.0
"""How long a report waits whose database went away."""

_NOTE_SECONDS = 0.5
_NO_FACTS: Mapping[str, Any] = {}
_MADE_WITH = ("pycemaker", "papermill", "nbconvert", "pandas", "seaborn")
_log = logging.getLogger(__name__)


class RunTask(Protocol):
    """Runs a job in a process of its own, as `Runner.run` does; raises what that raises."""

    def __call__(self, task: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        """What the report came to."""


@dataclass(frozen=True)
class RenderWorker:
    """Makes reports, one after another.

    Attributes:
        ledger: where they stand.
        files: where what is made of them goes.
        scratch: the folder in which each gets one of its own while it is made.
        run: runs the job.
        insist: calls something again while MongoDB is away, for as long as it makes sense.
        notebooks: the folder in which the notebooks are.
    """

    job_store: JobStore
    files: ArtifactStore
    scratch: Path
    run: RunTask
    retry_on_outage: Callable[[Callable[[], None]], None]
    notebooks: Path = NOTEBOOKS

    def make(self, entry: JobDocument, on_progress: OnProgress) -> None:
        """Make the report and give it on to whoever sends it, or write down why there is none.

        Raises:
            LeaseLost: another server has taken it over.
            DatabaseUnreachable: MongoDB is away for so long that the lease runs out; the report is begun anew then.
        """
        report_id = str(entry["_id"])
        folder = self.scratch / report_id
        shutil.rmtree(folder, ignore_errors=True)
        try:
            if refusal := self._refusal(entry):
                self.retry_on_outage(lambda: self._fail(report_id, refusal))
                return
            self._make(entry, folder, on_progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _refusal(self, entry: JobDocument) -> PycemakerError | None:
        """Why a report is not begun (again)."""
        if self.job_store.is_orphan(entry):
            return ReportExpired(reason=ORPHANED)
        if entry["runs"] > MOST_RUNS:
            reason = f"the server that made it ended in the midst of it, {MOST_RUNS} times"
            return RunnerFailed(stage=entry["stage"] or "start", reason=reason)
        return None

    def _make(self, entry: JobDocument, folder: Path, on_progress: OnProgress) -> None:
        report_id = str(entry["_id"])
        notebook = self.notebooks / f"{entry['notebook']}.ipynb"
        progress = _Progress(self.job_store, report_id, on_progress)
        provenance = _provenance(notebook)  # before it runs: what is edited meanwhile is another one
        try:
            made = self.run(task_of(entry, notebook, folder), progress.tell)
        except DatabaseUnreachable as error:
            if entry["runs"] >= MOST_RUNS:
                self.retry_on_outage(partial(self._fail, report_id, error, provenance | progress.facts()))
                return
            told = _told(error)
            self.retry_on_outage(
                lambda: self.job_store.release(report_id, states.QUEUED, after_seconds=AGAIN_SECONDS, last_error=told)
            )
        except OSError as error:
            reason = f"its process cannot be started: {error.strerror or type(error).__name__}"
            failure = RunnerFailed(stage="start", reason=reason)
            self.retry_on_outage(partial(self._fail, report_id, failure, provenance))
        except PycemakerError as error:
            executed = {name: told for name, told in workspace.contents(folder).items() if name == EXECUTED_NOTEBOOK}
            facts = provenance | progress.facts()
            self._keep(report_id, executed)
            self.retry_on_outage(partial(self._fail, report_id, error, facts))
        else:
            facts = made | provenance
            self._keep(report_id, _kept(entry, workspace.contents(folder)))
            self.retry_on_outage(lambda: self.job_store.release(report_id, states.RENDERED, stage="mail", **facts))
            told = {"seconds": round(sum(made["stage_seconds"].values()), 3), "message_bytes": made["message_bytes"]}
            _log.info("report %s: made", report_id, extra=told)

    def _keep(self, report_id: str, contents: Mapping[str, bytes]) -> None:
        """Keep the files, each as long as the report is ours: they may be somebody else's already, and be read."""

        def put(name: str, content: bytes) -> None:
            self.job_store.extend_lease(report_id)
            self.files.put(report_id, {name: content})

        for name, content in contents.items():
            self.retry_on_outage(partial(put, name, content))

    def _fail(self, report_id: str, error: PycemakerError, facts: Mapping[str, Any] = _NO_FACTS) -> None:
        state = states.EXPIRED if isinstance(error, ReportExpired) else states.FAILED
        _log.error("report %s: %s", report_id, error)
        self.job_store.finish(report_id, state, {}, error=_told(error), **facts)


def _kept(entry: JobDocument, contents: dict[str, bytes]) -> dict[str, bytes]:
    """The files, with the message as its first recipient gets it: under the id by which a mail server knows it.

    Left out is the link by which they leave: whoever reads a kept message could leave in their name.
    """
    return contents | {MESSAGE: readdress(contents[MESSAGE], headers_for(entry, 0))}


class _Progress:
    """Writes the stage down as it changes, and cells now and then; says it to whoever watches, too."""

    def __init__(self, job_store: JobStore, report_id: str, on_progress: OnProgress) -> None:
        self._job_store, self._report_id, self._on_progress = job_store, report_id, on_progress
        self._stage = ""
        self._noted = 0.0
        self._began: dict[str, float] = {}

    def facts(self) -> dict[str, Any]:
        """How long each stage took that was begun, the last one until now."""
        moments = [*self._began.values(), time.monotonic()]
        seconds = [round(end - began, 3) for began, end in pairwise(moments)]
        return {"stage_seconds": dict(zip(self._began, seconds, strict=True))}

    def tell(self, stage: str, done: int, total: int) -> None:
        self._began.setdefault(stage, time.monotonic())
        self._on_progress(stage, done, total)
        if stage == self._stage and time.monotonic() < self._noted + _NOTE_SECONDS:
            return
        self._stage, self._noted = stage, time.monotonic()
        try:
            self._job_store.set_fields(self._report_id, stage=stage, progress={"done": done, "total": total})
        except DatabaseUnreachable:
            return  # it is only for show


def task_of(entry: JobDocument, notebook: Path, folder: Path) -> dict[str, Any]:
    """What the worker process gets of a job, as JSON; see `worker_entry`."""
    return {
        "report_id": entry["_id"],
        "request_id": entry.get("request_id", ""),
        "notebook": str(notebook),
        "end_utc": to_iso_text(entry["end"]),
        "hours": entry["hours"],
        "recipients": [recipient["address"] for recipient in entry["recipients"]],
        "parameters": entry["parameters"],
        "attach": entry["attach"],
        "folder": str(folder),
    }


def _provenance(notebook: Path) -> dict[str, Any]:
    """With what it was made: enough to tell later why two reports differ."""
    try:
        notebook_sha256 = sha256_hex(notebook.read_bytes())
    except OSError:  # it was there a second ago; whoever took it away has a reason
        notebook_sha256 = None
    return {"notebook_sha256": notebook_sha256, "versions": {name: _version(name) for name in _MADE_WITH}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _told(error: PycemakerError) -> dict[str, Any]:
    return error.to_facts() | {"message": str(error)}
