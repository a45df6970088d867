"""Where reports are asked for, and the threads of this server that make and send them.

Asking writes into the ledger and is done. Makers take what is to be made, a process each (`Runner`), a spare standing
ready; couriers take what is to be sent; a keeper renews what this server holds, a cleaner removes what is old. Any
server over the same database takes what another one left.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.delivery_worker import DeliveryWorker, MailTransport, outage_retry
from pycemaker.jobs.heartbeat import Heartbeat
from pycemaker.jobs.job_document import Submission
from pycemaker.jobs.job_reader import JobDocument
from pycemaker.jobs.job_store import JobStore, LeaseLost
from pycemaker.jobs.limits import JobLimits
from pycemaker.jobs.render_worker import RenderWorker
from pycemaker.jobs.retention import Retention
from pycemaker.jobs.submission import document_of, submission_of
from pycemaker.jobs.waiters import Waiters
from pycemaker.jobs.warm_slot import WarmSlot
from pycemaker.mongo.database import Database
from pycemaker.reports.model import OnProgress, ReportRequest
from pycemaker.settings import NOTEBOOKS
from pycemaker.telemetry.request_ids import REQUEST_ID

DELIVERY_WORKERS = 2
"""Mails handed over at a time: a server that keeps one waiting does not hold up the others."""

POLL_SECONDS = 1.0
"""How often the ledger is looked at for what other servers left, and for what became of a report made elsewhere."""

_OUTAGE_SECONDS = 60.0
_CLEAR_SECONDS = 600.0
_AWAY_SECONDS = 2.5
_LOOK_SECONDS = 0.1
_USUAL = JobLimits()
_log = logging.getLogger(__name__)


class ReportService:
    """Takes reports in and sees them through. Threads share it.

    Args:
        database: where the ledger is.
        environment: the variables of the processes that make reports.
        data_dir: the scratch folders are under it.
        post: how messages leave.
        bounds: how much, how long, how often.
        keep_spare: whether a process stands ready for the next report.
        notebooks: the folder in which the notebooks are.
        remove_message: removes one from the outbox, by its file's name and its Message-ID.
    """

    def __init__(
        self,
        database: Database,
        environment: Mapping[str, str],
        data_dir: Path,
        transport: MailTransport,
        limits: JobLimits = _USUAL,
        *,
        keep_spare: bool = True,
        notebooks: Path = NOTEBOOKS,
        remove_message: Callable[[str, str], None] = lambda _name, _message_id: None,
    ) -> None:
        self.limits = limits
        self.notebooks = notebooks
        owner = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        self.job_store = JobStore(database, owner, limits.lease_seconds, transport.sender.lower())
        self.files = ArtifactStore(database)
        self._scratch = data_dir / "reports"
        self.transport = transport
        self._remove_message = remove_message
        self._keep_spare = keep_spare
        self.slots = [WarmSlot(environment) for _ in range(limits.workers)]
        self._heartbeat = Heartbeat()
        self._changed = threading.Condition()
        self._changes = 0
        self.waiters = Waiters()
        self._closing = threading.Event()
        retry_on_outage = outage_retry(_OUTAGE_SECONDS, self._closing.wait, time.monotonic)
        self.retry_on_outage = retry_on_outage
        self._delivery_worker = DeliveryWorker(
            self.job_store, self.files, transport, retry_on_outage, limits.first_retry_seconds
        )

    # --- for who asks

    def submission(self, request: ReportRequest, idempotency_key: str | None = None) -> Submission:
        """How such a request is asked for here: within this desk's bounds, by its sender."""
        return submission_of(request, self.limits, self.transport.sender, idempotency_key)

    def find_duplicate(self, submission: Submission) -> str | None:
        """The report that stands for such a request already."""
        return self.job_store.find_duplicate(submission)

    def enqueue(self, request: ReportRequest, submission: Submission, *, claimed: bool = False) -> tuple[str, bool]:
        """Enter a report, or find the one that stands for the request already.

        Args:
            request: what is asked for.
            submission: how it was requested.
            claimed: claim it at once, so that no other server does.

        Returns:
            The report's id, and whether it was entered now.

        Raises:
            TooManyReports, IdempotencyKeyReused, DatabaseUnreachable.
        """
        entered = self.job_store.enqueue(document_of(request, self.transport.domain), submission, claimed=claimed)
        self._notify_change()
        return entered

    def wait(self, report_id: str, seconds: float) -> JobDocument:
        """The report's entry once it is at its end or deferred; as it stands where that takes longer than `seconds`.

        Raises:
            UnknownReport: there is none.
            DatabaseUnreachable: MongoDB has been away for some seconds; the report goes on without this caller.
        """
        until = time.monotonic() + seconds
        seen_at = time.monotonic()
        while True:
            changes = self._changes
            try:
                entry = self.job_store.get(report_id)
                seen_at = time.monotonic()
            except DatabaseUnreachable as error:
                if time.monotonic() > seen_at + _AWAY_SECONDS:
                    error.facts["report_id"] = report_id
                    raise
            else:
                if entry["state"] in (*states.ENDED, states.DEFERRED) or time.monotonic() > until:
                    return entry
            with self._changed:
                self._changed.wait_for(lambda seen=changes: self._changes != seen, POLL_SECONDS)  # type: ignore[misc]

    def run_now(self, report_id: str, on_progress: OnProgress) -> JobDocument:
        """Make and send, here and now, a report that was asked for with `own`; its entry then."""
        self._start_upkeep()
        self._make(self.job_store.get(report_id), self.slots[0], on_progress)
        on_progress("mail", 0, 1)
        while (entry := self.job_store.get(report_id))["state"] not in (*states.ENDED, states.DEFERRED, states.QUEUED):
            if claimed := self.job_store.with_owner().claim(states.TO_SEND, report_id):
                self.deliver(claimed)
            else:
                time.sleep(_LOOK_SECONDS)  # a server over the same database was quicker
        on_progress("mail", 1, 1)
        return entry

    # --- the work

    def start(self) -> None:
        """Begin to take what there is to do."""
        for place, slot in enumerate(self.slots):
            if self._keep_spare:
                slot.acquire()
            self._thread(f"maker {place}", self._loop, states.TO_MAKE, partial(self._make, slot=slot))
        for place in range(DELIVERY_WORKERS):
            self._thread(f"courier {place}", self._loop, states.TO_SEND, self.deliver)
        self._start_upkeep()
        self._thread("prepare", self._prepare)

    def close(self) -> None:
        """Take nothing more, and end what runs; another server, or this one started again, takes it up."""
        self._closing.set()
        self._notify_change()
        for slot in self.slots:
            slot.kill()

    def _prepare(self) -> None:
        self.transport.prepare()
        with contextlib.suppress(DatabaseUnreachable):  # counting reads every entry then
            self.job_store.index_states()

    def _thread(self, name: str, work: Callable[..., None], *args: Any) -> None:
        threading.Thread(target=work, args=args, daemon=True, name=name).start()

    def _loop(self, kind: tuple[str, ...], work: Callable[[JobDocument], None]) -> None:
        """Take what is due, one after another; wait for word of a change in between, and not for ever."""
        while not self._closing.is_set():
            changes = self._changes
            try:
                entry = self.job_store.with_owner().claim(kind)
                if entry is not None:
                    work(entry)
                    continue
            except DatabaseUnreachable:
                self._closing.wait(POLL_SECONDS)
            except Exception:  # noqa: BLE001 - a maker that ends would never be missed, and its reports never made
                _log.exception("a report could not be worked on")
                self._closing.wait(POLL_SECONDS)
            with self._changed:
                self._changed.wait_for(lambda seen=changes: self._changes != seen, POLL_SECONDS)  # type: ignore[misc]

    def _make(
        self, entry: JobDocument, slot: WarmSlot, on_progress: OnProgress = lambda _stage, _done, _total: None
    ) -> None:
        owner = str(entry["owner"])
        REQUEST_ID.set(entry.get("request_id", ""))

        def run(task: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
            runner = slot.acquire()
            self._heartbeat.end_with(owner, runner.kill)
            return runner.run(task, self.limits.timeout_seconds, on_progress, self.limits.memory_mb)

        render_worker = RenderWorker(
            self.job_store.with_owner(owner), self.files, self._scratch, run, self.retry_on_outage, self.notebooks
        )
        try:
            with self._heartbeat.hold(owner):
                render_worker.make(entry, on_progress)
        except LeaseLost:
            _log.warning("report %s was taken over by another server", entry["_id"])
        finally:
            slot.kill()
            self._notify_change()
            if self._keep_spare and not self._closing.is_set():
                slot.acquire()

    def deliver(self, entry: JobDocument) -> None:
        """Send the mails of a claimed job."""
        owner = str(entry["owner"])
        REQUEST_ID.set(entry.get("request_id", ""))
        try:
            with self._heartbeat.hold(owner):
                replace(self._delivery_worker, job_store=self.job_store.with_owner(owner)).deliver(entry)
        except LeaseLost:
            _log.warning("report %s was taken over by another server", entry["_id"])
        finally:
            self._notify_change()

    def _keep(self) -> None:
        """Renew what is held, end what was lost."""
        self._heartbeat.renew(self.job_store)

    def apply_retention(self) -> int:
        """Remove what is old: see `Retention`; how many reports."""
        return Retention(
            self.job_store, self.files, self._scratch, self.limits.retention_days, self._remove_message
        ).run()

    def _start_upkeep(self) -> None:
        """Begin to do, in threads of their own, what has to be done time and again."""
        seconds = self.limits.lease_seconds / 3
        self._thread("keeper", self._regularly, self._keep, seconds, seconds)
        self._thread("cleaner", self._regularly, self.apply_retention, seconds, _CLEAR_SECONDS)

    def _regularly(self, work: Callable[[], Any], first_seconds: float, seconds: float) -> None:
        """Do it after the first seconds, and every so many from then on, until the desk closes."""
        wait = first_seconds
        while not self._closing.wait(wait):
            wait = seconds
            try:
                work()
            except DatabaseUnreachable:
                continue
            except Exception:  # noqa: BLE001 - once ended it would never be missed, and every report be lost to others
                if not self._closing.is_set():
                    _log.exception("what is done every %g s failed", seconds)

    # --- below

    def _notify_change(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()
