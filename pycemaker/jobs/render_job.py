"""Render worker: runs one claimed report in a process, stores its files, and records its result."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from pycemaker.errors import DatabaseUnreachable, PycemakerError, ReportExpired, RunnerFailed
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.deliver_job import headers_for
from pycemaker.jobs.job_document import JobDocument, is_alert, sha256_hex
from pycemaker.jobs.job_store import ORPHANED, JobStore
from pycemaker.jobs.outage_retry import RetryOnOutage
from pycemaker.jobs.render_task import task_of
from pycemaker.mail.compose import readdress
from pycemaker.reports import workspace
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, MESSAGE
from pycemaker.reports.report_model import OnProgress
from pycemaker.settings import NOTEBOOKS

MOST_RUNS = 3  # Runs of a report whose server ended during a run, or whose database went away
AGAIN_SECONDS = 5.0  # The wait before the next run of a report whose database went away
_PROGRESS_SECONDS = 0.5
_NO_FACTS: Mapping[str, Any] = {}
_PACKAGES = ("pycemaker", "papermill", "nbconvert", "pandas", "seaborn")
_log = logging.getLogger(__name__)


RunTask = Callable[[dict[str, Any], OnProgress], dict[str, Any]]
"""The facts of the report that a process of its own makes of a task (`make_report`); raises as `ReportProcess.run`."""


@dataclass(frozen=True)
class RenderWorker:
    """Renders reports, one after another."""

    job_store: JobStore
    files: ArtifactStore
    workspaces: Path
    run: RunTask
    retry_on_outage: RetryOnOutage
    notebooks: Path = NOTEBOOKS

    def render(self, job: JobDocument, on_progress: OnProgress) -> None:
        """Render the report and release the job to delivery workers, or end it with the error.

        Raises:
            LeaseLost: another server has claimed it; DatabaseUnreachable: MongoDB is away for longer than the lease;
                the report is rendered anew then.
        """
        report_id = str(job["_id"])
        folder = self.workspaces / report_id
        shutil.rmtree(folder, ignore_errors=True)
        try:
            if refusal := self._refusal(job):
                self.retry_on_outage(lambda: self._fail(job, refusal))
                return
            self._render(job, folder, on_progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _refusal(self, job: JobDocument) -> PycemakerError | None:
        """The error of a report that is not run (again); None for one that is."""
        if self.job_store.is_orphan(job):
            return ReportExpired(reason=ORPHANED)
        if job["runs"] > MOST_RUNS:
            reason = f"the server that made it ended in the midst of it, {MOST_RUNS} times"
            return RunnerFailed(stage=job["stage"] or "start", reason=reason)
        return None

    def _render(self, job: JobDocument, folder: Path, on_progress: OnProgress) -> None:
        report_id = str(job["_id"])
        notebook = self.notebooks / f"{job['notebook']}.ipynb"
        progress = _Progress(self.job_store, report_id, on_progress)
        provenance = _provenance(notebook)  # before the run: the notebook may be edited meanwhile
        try:
            facts = self.run(task_of(job, notebook, folder), progress.report) | progress.facts()
        except DatabaseUnreachable as error:
            if job["runs"] >= MOST_RUNS:
                self.retry_on_outage(partial(self._fail, job, error, provenance | progress.facts()))
                return
            facts = {"after_seconds": AGAIN_SECONDS, "last_error": _error_facts(error)}
            self.retry_on_outage(lambda: self.job_store.release(report_id, states.QUEUED, **facts))
        except OSError as error:
            reason = f"its process cannot be started: {error.strerror or type(error).__name__}"
            failure = RunnerFailed(stage="start", reason=reason)
            self.retry_on_outage(partial(self._fail, job, failure, provenance))
        except PycemakerError as error:
            failure_facts = provenance | progress.facts()
            contents = workspace.contents(folder)
            self._store(report_id, {name: contents[name] for name in (EXECUTED_NOTEBOOK,) if name in contents})
            self.retry_on_outage(partial(self._fail, job, error, failure_facts))
        else:
            contents = workspace.contents(folder)
            # With the first recipient's Message-ID, which a mail server logs. The unsubscribe link is left out: readers
            # of a stored message could unsubscribe the recipient.
            contents[MESSAGE] = readdress(contents[MESSAGE], headers_for(job, 0))
            self._store(report_id, contents)
            fields = facts | provenance
            if _is_quiet(job, facts):
                self.retry_on_outage(lambda: self.job_store.finish(report_id, states.QUIET, {}, **fields))
            else:
                self.retry_on_outage(lambda: self.job_store.release(report_id, states.RENDERED, stage="mail", **fields))
            seconds = round(sum(facts["stage_seconds"].values()), 3)
            _log.info("report %s: made", report_id, extra={"seconds": seconds, "message_bytes": facts["message_bytes"]})

    def _store(self, report_id: str, contents: Mapping[str, bytes]) -> None:
        """Store the files, checking the lease before each: another worker's files may be there already."""

        def put(name: str, content: bytes) -> None:
            self.job_store.extend_lease(report_id)
            self.files.put(report_id, {name: content})

        for name, content in contents.items():
            self.retry_on_outage(partial(put, name, content))

    def _fail(self, job: JobDocument, error: PycemakerError, facts: Mapping[str, Any] = _NO_FACTS) -> None:
        """End the job with the error; an alert goes on with the plain message that it was enqueued with."""
        report_id, state = str(job["_id"]), states.EXPIRED if isinstance(error, ReportExpired) else states.FAILED
        _log.error("report %s: %s", report_id, error)
        if is_alert(job) and state == states.FAILED:
            fields = dict(facts) | {"stage": "mail", "plain": True, "last_error": _error_facts(error)}
            self.job_store.release(report_id, states.RENDERED, **fields)
            return
        self.job_store.finish(report_id, state, {}, error=_error_facts(error), **facts)


_LEAST_SEVERITY = {"finding": 1, "critical": 3}


def _is_quiet(job: JobDocument, facts: Mapping[str, Any]) -> bool:
    """True where the report lacks the findings without which nothing is mailed; unknown ones are not lacking."""
    severity = facts.get("severity")
    return severity is not None and severity < _LEAST_SEVERITY.get(job.get("only_if", "always"), 0)


class _Progress:
    """Records the stage when it changes and cells twice a second, and calls `on_progress` each time."""

    def __init__(self, job_store: JobStore, report_id: str, on_progress: OnProgress) -> None:
        self._job_store, self._report_id, self._on_progress = job_store, report_id, on_progress
        self._stage = ""
        self._recorded_at = 0.0
        self._began: dict[str, float] = {}

    def facts(self) -> dict[str, Any]:
        """The duration of each stage that was begun, the last one until now."""
        instants = [*self._began.values(), time.monotonic()]
        seconds = [round(end - began, 3) for began, end in pairwise(instants)]
        return {"stage_seconds": dict(zip(self._began, seconds, strict=True))}

    def report(self, stage: str, done: int, total: int) -> None:
        self._began.setdefault(stage, time.monotonic())
        self._on_progress(stage, done, total)
        if stage == self._stage and time.monotonic() < self._recorded_at + _PROGRESS_SECONDS:
            return
        self._stage, self._recorded_at = stage, time.monotonic()
        try:
            self._job_store.set_fields(self._report_id, stage=stage, progress={"done": done, "total": total})
        except DatabaseUnreachable:
            return  # progress is only shown


def _provenance(notebook: Path) -> dict[str, Any]:
    """The notebook's digest and the packages' versions: enough to tell later why two reports differ."""
    try:
        notebook_sha256 = sha256_hex(notebook.read_bytes())
    except OSError:  # it was removed a moment ago
        notebook_sha256 = None
    return {"notebook_sha256": notebook_sha256, "versions": {name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _error_facts(error: PycemakerError) -> dict[str, Any]:
    return error.to_facts() | {"message": str(error)}
