"""The job store: a document for each report in the collection `reports`, and the claims on them.

Work is divided by one field, `due_at`: from that instant on any server may claim the job. A claim moves the field ahead
(a lease), a heartbeat moves it on, the job's end removes it; a server that dies stops moving it. Every later write
names its owner, so that a server whose lease was lost changes nothing. Instants are MongoDB's own (`$$NOW`): servers'
clocks need not agree.

Writes are acknowledged by a majority and journaled: they survive a failover and a crash.
"""

import copy
import secrets
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pymongo import ASCENDING, ReturnDocument

from pycemaker.jobs import states
from pycemaker.jobs.claim_turns import ClaimTurns
from pycemaker.jobs.job_document import JobDocument
from pycemaker.jobs.job_inserts import JobInserter
from pycemaker.jobs.job_reader import WHOLE
from pycemaker.jobs.job_updates import (
    append_refusal,
    history_with,
    literal,
    now_minus,
    now_plus,
    recipient_state,
    update_recipient,
    update_recipients_in,
)
from pycemaker.jobs.report_counts import ReportCounts
from pycemaker.jobs.report_settings import LEASE_SECONDS
from pycemaker.jobs.retry_policy import give_up_at
from pycemaker.mongo.database import Database, one_exchange

ORPHAN_SECONDS = 86_400
"""The time that a job waits for a server with its sender; then any server may end it, and none may send it."""

MOST_REFUSALS = 20
"""Temporary refusals stored of a recipient, the latest ones: those of more than four hours."""

ORPHANED = "no server that sends by the account that it was asked for with took it up within a day"


class LeaseLost(Exception):
    """Another worker has claimed the job since; this one may not write to it any more."""


def new_owner() -> str:
    """A new owner name of a server or worker on this machine."""
    return f"{socket.gethostname()}-{secrets.token_hex(6)}"


class JobStore(JobInserter):
    """The jobs of all servers over one database. Threads share it.
    Every method raises DatabaseUnreachable where MongoDB is away.

    Args:
        owner: the name under which jobs are claimed; unique among living servers.
        sender: the account that sends from here. Only its jobs are claimed: another account is another server's, with
            other recipients. None claims any.
    """

    def __init__(
        self, database: Database, owner: str, lease_seconds: float = LEASE_SECONDS, sender: str | None = None
    ) -> None:
        super().__init__(database, sender)
        self._owner = owner
        self._lease_ms = round(lease_seconds * 1000)
        self._enqueuing = threading.Lock()
        self.counts = ReportCounts()
        self._turns = ClaimTurns()

    # --- working

    def with_owner(self, owner: str | None = None) -> Self:
        """The same store under another owner name, by default a new one.

        Each piece of work has its own owner name, so a thread that released a job cannot write to it after another
        thread claimed it.
        """
        store = copy.copy(self)
        store._owner = owner or f"{self._owner}/{secrets.token_hex(4)}"
        return store

    def claim(self, kind: Sequence[str], report_id: str | None = None) -> JobDocument | None:
        """Claim the job in one of these states that has been due longest, or this one; None where none is due.

        Alerts come first. Reports are claimed in turn (`ClaimTurns`), in two or three exchanges, one more after a
        round. A report becomes RUNNING and its `runs` grow; a job to send becomes SENDING. `taken_at` becomes now. A
        job of another sender that was due for ORPHAN_SECONDS is claimed too: see `is_orphan`.
        """
        renders = states.QUEUED in kind
        state = states.RUNNING if renders else states.SENDING
        change: JobDocument = {
            "owner": self._owner,
            "due_at": now_plus(self._lease_ms),
            "state": state,
            "taken_at": "$$NOW",
            "history": history_with(state),  # again for a job that a server left unfinished
        }
        change |= {"runs": {"$add": ["$runs", 1]}} if renders else {}
        due = {"state": {"$in": list(kind)}, "due_at": {"$type": "date"}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        orphan = {"$expr": {"$lte": ["$due_at", now_minus(ORPHAN_SECONDS)]}}
        wanted: JobDocument = WHOLE | due | {"$or": [self._own, orphan]} | ({"_id": report_id} if report_id else {})
        shares = self._turns.shares() if renders and not report_id else [{}]
        for share in [{"alert": True}, *shares] if not report_id else shares:  # an alert waits for no report
            with one_exchange():
                self._ensure_indexes()
                job = self._reports.find_one_and_update(
                    wanted | share,
                    [{"$set": change}],
                    sort=[*([("application", ASCENDING)] if "unsettled" in share else []), ("due_at", ASCENDING)],
                    return_document=ReturnDocument.AFTER,
                )
            self._turns.note(share, job)
            if job is not None:
                return job
        return None

    def take_over(self, report_id: str, owner: str) -> JobDocument | None:
        """Claim a job to render that is handed over under this name; None where it has another owner by now."""
        with one_exchange():
            return self._reports.find_one_and_update(
                {"_id": report_id, "owner": owner, "state": states.RUNNING},
                [{"$set": {"owner": self._owner, "due_at": now_plus(self._lease_ms)}}],
                return_document=ReturnDocument.AFTER,
            )

    def release_late_alerts(self, seconds: float) -> int:
        """Put alerts that were enqueued so many seconds ago, and are not made, in the way of delivery workers.

        Their plain messages are sent; whoever renders one has lost its lease. The number of them.
        """
        query = {"due_at": {"$type": "date"}, "alert": True, "state": {"$in": list(states.TO_RENDER)}}
        late = {"$expr": {"$lte": ["$asked_at", now_minus(seconds)]}}
        values = released_fields(states.RENDERED) | {"due_at": "$$NOW", "stage": "mail", "plain": True}
        with one_exchange():
            self._ensure_indexes()
            return self._reports.update_many(query | late, [{"$set": values}]).modified_count

    def is_orphan(self, job: Mapping[str, Any]) -> bool:
        """True if a claimed job is another sender's, of which no server is left."""
        return self.sender is not None and job.get("sender") not in (None, self.sender)

    def renew_leases(self, owners: Iterable[str]) -> set[str]:
        """Renew the leases under these names; the names whose lease was lost."""
        wanted = set(owners)
        if not wanted:
            return set()
        with one_exchange():
            query = {"owner": {"$in": sorted(wanted)}, "due_at": {"$type": "date"}}
            self._reports.update_many(query, [{"$set": {"due_at": now_plus(self._lease_ms)}}])
            renewed = {str(job["owner"]) for job in self._reports.find(query, {"owner": 1})}
        return wanted - renewed

    def extend_lease(self, report_id: str) -> None:
        """Renew the lease of our job. Raises LeaseLost where it is not ours."""
        self._write({"_id": report_id}, [{"$set": {"due_at": now_plus(self._lease_ms)}}])

    def set_fields(self, report_id: str, **fields: Any) -> None:
        """Write fields of our job. Raises LeaseLost where it is not ours."""
        self._write({"_id": report_id}, {"$set": fields})

    def release(
        self, report_id: str, state: str, *, after_seconds: float = 0.0, due_at: datetime | None = None, **fields: Any
    ) -> None:
        """Put our job into another state, in which any server may claim it.

        Args:
            after_seconds: how long from now it becomes due.
            due_at: the instant at which it becomes due, by MongoDB's clock; instead of `after_seconds`.

        Raises:
            LeaseLost: it is not ours.
        """
        values = literal(fields) | released_fields(state)
        values["due_at"] = due_at or now_plus(round(after_seconds * 1000))
        self._write({"_id": report_id}, [{"$set": values}])

    def finish(self, report_id: str, state: str, unsent: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """End our job. Unless a recipient may have got it, the next request for it makes a new one.

        Args:
            unsent: fields for the recipients that are unsent; they end in `state` too.

        Raises:
            LeaseLost: it is not ours.
        """
        values: JobDocument = literal(fields) | {"state": state, "ended_at": "$$NOW", "history": history_with(state)}
        if unsent is not None:
            values["recipients"] = update_recipients_in(states.UNSENT, literal(unsent) | recipient_state(state))
        removed = ["due_at", "owner"]
        if state not in (states.SENT, states.WRITTEN, states.PARTLY_SENT, states.POSSIBLY_SENT):
            removed.append("repeat_key")
        self._write({"_id": report_id}, [{"$set": values}, {"$unset": removed}])
        self.counts.count_report(state, fields)

    # --- sending

    def begin_sending(self, report_id: str, recipient_index: int) -> None:
        """Record that a message is about to be ended. It must be called before the mail server gets the last line.

        Raises:
            LeaseLost: the job is not ours, or the recipient is not unsent any more. Nothing may be sent then.
        """
        begun = recipient_state(states.SENDING) | {"attempts": {"$add": ["$$one.attempts", 1]}, "begun_by": self._owner}
        query = {"_id": report_id, f"recipients.{recipient_index}.state": {"$in": list(states.UNSENT)}}
        self._write(query, [{"$set": {"recipients": update_recipient(recipient_index, begun)}}])

    def record_result(
        self, report_id: str, recipient_index: int, state: str, *, again_in_seconds: float | None = None, **fields: Any
    ) -> None:
        """Record a recipient's result, and when the next attempt is due; the job is ours.

        Raises:
            LeaseLost: it is not ours.
        """
        self._write({"_id": report_id}, [_result(recipient_index, state, fields, again_in_seconds)])
        self.counts.count_mail(state)

    def record_late_result(
        self, report_id: str, recipient_index: int, state: str, *, again_in_seconds: float | None = None, **fields: Any
    ) -> None:
        """Record a result that came after the lease was lost: it replaces the POSSIBLY_SENT of the next worker.

        A deferral opens the job again. An attempt that another worker began is left as it is.
        """
        name = f"recipients.{recipient_index}"
        with one_exchange():
            query: JobDocument = {"_id": report_id, f"{name}.begun_by": self._owner}
            query |= {f"{name}.state": {"$in": [states.SENDING, states.POSSIBLY_SENT]}}
            self._reports.update_one(query, [_result(recipient_index, state, fields, again_in_seconds)])
        self.recompute_state(report_id)
        self.counts.count_mail(state)

    def recompute_state(self, report_id: str) -> None:
        """Set an ended job's state anew from its recipients: one of them may have a late result.

        The worker with the late result and the one that ends the job both call it after their write; the later call
        sees both writes.
        """
        with one_exchange():
            job = self._reports.find_one({"_id": report_id, "state": {"$in": [*states.ENDED]}})
            if job is None:
                return
            state = states.overall(recipient["state"] for recipient in job["recipients"])
            if state == job["state"]:
                return
            change: JobDocument = {"state": state, "history": history_with(state)}
            if state in states.OPEN:
                change |= {"due_at": "$$NOW", "ended_at": "$$REMOVE"}
            self._reports.update_one({"_id": report_id, "state": job["state"]}, [{"$set": change}])

    # --- retention

    def remove(self, report_id: str) -> None:
        """Delete an ended job."""
        with one_exchange():
            self._reports.delete_one({"_id": report_id, "state": {"$in": [*states.ENDED]}})

    # --- below

    def _write(self, query: JobDocument, change: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        with one_exchange():
            done = self._reports.update_one(query | {"owner": self._owner}, change)
        if not done.matched_count:
            raise LeaseLost


def released_fields(state: str) -> JobDocument:
    """The fields of a job that anybody may claim in this state, but for the instant from which it is due."""
    values: JobDocument = {"state": state, "owner": None, "history": history_with(state)}
    return values | ({"give_up_at": give_up_at(), "progress": "$$REMOVE"} if state == states.RENDERED else {})


def _result(recipient_index: int, state: str, fields: Mapping[str, Any], again_in_seconds: float | None) -> JobDocument:
    """The update for a recipient's result: an earlier attempt's time and reason go, its refusals stay."""
    values = literal(fields) | recipient_state(state)
    outdated = [] if state == states.DEFERRED else ["next_attempt_at"]
    if state in (states.SENT, states.WRITTEN):
        outdated.append("reason")
    if again_in_seconds is not None:
        values["next_attempt_at"] = now_plus(round(again_in_seconds * 1000))
    if state == states.DEFERRED and "reason" in fields:
        values["refusals"] = append_refusal(fields["reason"], MOST_REFUSALS)
    return {"$set": {"recipients": update_recipient(recipient_index, values, outdated)}}
