"""The report service: enqueues reports, and runs this server's workers, heartbeat and retention in threads.

Enqueuing writes a job document and returns. Render workers claim what is to render, each with a warm process; delivery
workers claim what is to send; the heartbeat renews this server's leases; retention removes old reports. Any server over
the same database claims what another one left.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.dask_cluster import DaskCluster
from pycemaker.jobs.deliver_job import DeliveryWorker, MailTransport
from pycemaker.jobs.heartbeat import Heartbeat, repeat
from pycemaker.jobs.job_document import JobDocument, new_document
from pycemaker.jobs.job_store import JobStore, LeaseLost, new_owner
from pycemaker.jobs.outage_retry import outage_retry
from pycemaker.jobs.render_job import RenderWorker
from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.jobs.retention import remove_old
from pycemaker.jobs.submission_keys import Submission, submission_of
from pycemaker.jobs.waiting_callers import Waiters
from pycemaker.jobs.warm_slot import WarmSlot
from pycemaker.jobs.worker_template import CAN_FORK, WorkerTemplate
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import OnProgress, ReportRequest
from pycemaker.settings import NOTEBOOKS
from pycemaker.telemetry.request_ids import REQUEST_ID

DELIVERY_WORKERS = 2
"""Mails sent at a time: a mail server that keeps one waiting does not hold up the others."""

POLL_SECONDS = 1.0
"""The interval of reading the job store for jobs that other servers left, and for results of theirs."""

_OUTAGE_SECONDS = 60.0
_RETENTION_SECONDS = 600.0
_AWAY_SECONDS = 2.5
_LOOK_SECONDS = 0.1
_log = logging.getLogger(__name__)


class ReportService:
    """Enqueues reports and sees them through. Threads share it.

    Args:
        keep_spare: whether a warm worker process waits for the next report.
        remove_message: removes a message from the outbox, by its file's name and its Message-ID.
        cluster: makes the reports; the slots here make some while no worker of it does.
        owner: the name of this server; without one it gets a new one.
        template: forks the worker processes, and stays open; without one the service has its own.
    """

    def __init__(
        self,
        database: Database,
        environment: Mapping[str, str],
        data_dir: Path,
        transport: MailTransport,
        settings: ReportSettings,
        *,
        keep_spare: bool = True,
        remove_message: Callable[[str, str], None] = lambda _name, _message_id: None,
        cluster: DaskCluster | None = None,
        owner: str = "",
        template: WorkerTemplate | None = None,
    ) -> None:
        self.settings = settings
        self.notebooks = NOTEBOOKS
        self.transport = transport
        self.job_store = JobStore(database, owner or new_owner(), settings.lease_seconds, transport.sender.lower())
        self.files = ArtifactStore(database)
        self._template = WorkerTemplate(environment) if CAN_FORK and template is None else None
        self.slots = [WarmSlot(environment, template or self._template) for _ in range(settings.report_workers)]
        self.waiters = Waiters()
        self.cluster = cluster
        self._workspaces = data_dir / "reports"
        self._remove_message = remove_message
        self._keep_spare = keep_spare
        self._heartbeat = Heartbeat()
        self._changed = threading.Condition()
        self._changes = 0
        self.closing = threading.Event()
        self._draining = threading.Event()
        self._workers: list[threading.Thread] = []
        self._retry_on_outage = outage_retry(_OUTAGE_SECONDS, self.closing.wait, time.monotonic)
        self._delivery_worker = DeliveryWorker(
            self.job_store, self.files, transport, self._retry_on_outage, settings.first_retry_seconds
        )

    # --- for routes and commands

    def submission(self, request: ReportRequest, idempotency_key: str | None = None) -> Submission:
        """The submission of a request to this service."""
        return submission_of(request, self.settings, self.transport.sender, idempotency_key)

    def find_duplicate(self, submission: Submission) -> str | None:
        """The report that answers such a request already; see `JobInserter`."""
        return self.job_store.find_duplicate(submission)

    def enqueue(self, request: ReportRequest, submission: Submission, *, claimed: bool = False) -> tuple[str, bool]:
        """Enqueue a report, or find the one that answers the request already.

        Args:
            claimed: keep it for `run_now`. The report's id, and whether it was enqueued now.

        Raises:
            TooManyReports, IdempotencyKeyReused, DatabaseUnreachable.
        """
        enqueued = self.job_store.enqueue(new_document(request, self.transport.domain), submission, claimed=claimed)
        self._notify_change()
        return enqueued

    def enqueue_scheduled(self, requests: Sequence[ReportRequest]) -> None:
        """Enqueue the reports of schedules, beyond the queue's limit; those whose ids are known stay as they are.

        Raises:
            DatabaseUnreachable: some may be enqueued; the same call may be made again.
        """
        if requests:
            documents = [new_document(request, self.transport.domain) for request in requests]
            self.job_store.insert_absent(documents, self.settings.report_retry_seconds)
            self._notify_change()

    def wait(self, report_id: str, seconds: float) -> JobDocument:
        """The job once it has ended or is deferred; as it stands where that takes longer than `seconds`.

        Raises:
            UnknownReport: there is none; DatabaseUnreachable: MongoDB has been away for some seconds; the report goes
                on without this caller.
        """
        until = time.monotonic() + seconds
        seen_at = time.monotonic()
        while True:
            changes = self._changes
            try:
                job = self.job_store.get(report_id)
                seen_at = time.monotonic()
            except DatabaseUnreachable as error:
                if time.monotonic() > seen_at + _AWAY_SECONDS:
                    error.facts["report_id"] = report_id
                    raise
            else:
                if job["state"] in (*states.ENDED, states.DEFERRED) or time.monotonic() > until:
                    return job
            self._wait_for_change(changes)

    def run_now(self, report_id: str, on_progress: OnProgress) -> JobDocument:
        """Render and send, in this thread, a report that was enqueued as claimed; the job afterwards."""
        self.start_upkeep()
        self.render(self.job_store.get(report_id), self.slots[0], on_progress)
        on_progress("mail", 0, 1)
        while (job := self.job_store.get(report_id))["state"] not in (*states.ENDED, states.DEFERRED, states.QUEUED):
            if claimed := self.job_store.with_owner().claim(states.TO_SEND, report_id):
                self.deliver(claimed)
            else:
                time.sleep(_LOOK_SECONDS)  # a server over the same database was quicker
        on_progress("mail", 1, 1)
        return job

    # --- workers

    def start(self, *, delivers: bool = True) -> None:
        """Start the threads of the workers, the heartbeat and retention; those of no worker without slots and cluster.

        Args:
            delivers: send mails as well.
        """
        for number, slot in enumerate(self.slots):
            self._workers.append(self._thread(f"render worker {number}", self._work_in, slot))
        if self.cluster:
            hand_over = partial(self.cluster.hand_over, self.job_store, self._notify_change)
            self._workers.append(self._thread("dask", self._work, states.TO_RENDER, hand_over, self.cluster.has_room))
        for number in range(DELIVERY_WORKERS if delivers and (self.slots or self.cluster) else 0):
            self._workers.append(self._thread(f"delivery worker {number}", self._work, states.TO_SEND, self.deliver))
        self.start_upkeep()
        self._thread("prepare", self._prepare)

    def drain(self, seconds: float, wait: Callable[[float], bool]) -> bool:
        """Claim nothing more, and wait until the workers have done what they have begun.

        Args:
            seconds: the longest wait.
            wait: waits so many seconds; True ends the wait at once.

        Returns:
            True if everything begun is done.
        """
        self._draining.set()
        self._notify_change()
        until = time.monotonic() + seconds
        while any(worker.is_alive() for worker in self._workers):
            if time.monotonic() > until or wait(_LOOK_SECONDS):
                return False
        return True

    def close(self) -> None:
        """Claim nothing more, and end the reports that run; another server, or this one restarted, claims them."""
        self.closing.set()
        self._notify_change()
        if self._template is not None:
            self._template.close()
        for slot in self.slots:
            slot.kill()
        if self.cluster:
            self.cluster.close()

    def render(
        self, job: JobDocument, slot: WarmSlot, on_progress: OnProgress = lambda _stage, _done, _total: None
    ) -> None:
        """Render a claimed report in a slot's process."""
        owner = str(job["owner"])
        REQUEST_ID.set(job.get("request_id", ""))

        def run(task: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
            process = slot.acquire()
            self._heartbeat.on_lost(owner, process.kill)
            return process.run(task, self.settings.report_timeout_seconds, on_progress, self.settings.report_memory_mb)

        store = self.job_store.with_owner(owner)
        worker = RenderWorker(store, self.files, self._workspaces, run, self._retry_on_outage, self.notebooks)
        try:
            with self._heartbeat.track(owner):
                worker.render(job, on_progress)
        except LeaseLost:
            _log.warning("report %s was taken over by another server", job["_id"])
        finally:
            self._notify_change()  # first: ending processes takes a tenth of a second, and mailing need not wait for it
            slot.kill()
            if self._keep_spare and not self._is_ending:
                slot.acquire()

    def deliver(self, job: JobDocument) -> None:
        """Send the mails of a claimed report."""
        owner = str(job["owner"])
        REQUEST_ID.set(job.get("request_id", ""))
        try:
            with self._heartbeat.track(owner):
                replace(self._delivery_worker, job_store=self.job_store.with_owner(owner)).deliver(job)
        except LeaseLost:
            _log.warning("report %s was taken over by another server", job["_id"])
        finally:
            self._notify_change()

    @property
    def _is_ending(self) -> bool:
        return self.closing.is_set() or self._draining.is_set()

    def _work_in(self, slot: WarmSlot) -> None:
        """Render what is to render in the slot's processes; the first is made ready before there is anything."""
        if self._keep_spare and not self.cluster:
            with contextlib.suppress(OSError):  # the report that wants one says why
                slot.acquire()
        if self._is_ending:
            slot.kill()
        self._work(states.TO_RENDER, partial(self.render, slot=slot), lambda: not self.cluster or self.cluster.is_away)

    def _work(
        self, kind: tuple[str, ...], work: Callable[[JobDocument], None], may_claim: Callable[[], bool] = lambda: True
    ) -> None:
        """Claim jobs of these states, one after another while that may be, until the service closes."""
        while not self._is_ending:
            changes = self._changes
            try:
                job = self.job_store.with_owner().claim(kind) if may_claim() else None
                if job is not None:
                    work(job)
                    continue
            except DatabaseUnreachable:
                self.closing.wait(POLL_SECONDS)
            except Exception:  # noqa: BLE001 - nobody would notice a worker that ended, and its reports would wait for ever
                _log.exception("a report could not be worked on")
                self.closing.wait(POLL_SECONDS)
            self._wait_for_change(changes)

    # --- upkeep

    def apply_retention(self) -> int:
        """Remove old reports (see `remove_old`); the number removed."""
        days = self.settings.report_retention_days
        return remove_old(self.job_store, self.files, self._workspaces, days, self._remove_message)

    def _prepare(self) -> None:
        self.transport.prepare()
        with contextlib.suppress(DatabaseUnreachable):  # counts read every document then
            self.job_store.index_states()

    def start_upkeep(self) -> None:
        """Start the threads of the heartbeat and of retention."""
        seconds = self.settings.lease_seconds / 3
        renew = partial(self._heartbeat.renew, self.job_store)
        self._thread("heartbeat", repeat, self.closing, renew, seconds, seconds)
        self._thread("retention", repeat, self.closing, self.apply_retention, seconds, _RETENTION_SECONDS)

    def _thread(self, name: str, work: Callable[..., None], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True, name=name)
        thread.start()
        return thread

    def _notify_change(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _wait_for_change(self, changes: int) -> None:
        """Wait for a change since the count was `changes`, for POLL_SECONDS at most: other servers notify nobody."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != changes, POLL_SECONDS)
