"""The ledger: a document for each report in the collection `reports`, and who works on which.

Work is divided by one field, `due_at`: a report is anybody's from that instant on. Whoever takes it moves the field
forward (a lease), moves it on as long as it works, and takes it away at the end; whoever dies stops moving it. Every
later write names its writer, so that one who lost the report changes nothing. Instants are MongoDB's own (`$$NOW`),
those that are only shown included: servers' clocks need not agree.

Writes are acknowledged by a majority and are in the journal then: what the ledger says survives a failover and a crash.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, ReturnDocument

from pycemaker.jobs import states
from pycemaker.jobs.enqueue import LEASE_SECONDS, JobEnqueuer
from pycemaker.jobs.job_reader import JobDocument
from pycemaker.jobs.job_updates import (
    append_refusal,
    give_up_at,
    history_with,
    literal,
    now_minus,
    now_plus,
    recipient_state,
    update_recipient,
    update_recipients_in,
)
from pycemaker.jobs.report_counts import ReportCounts
from pycemaker.mongo.database import Database, one_exchange

ORPHAN_SECONDS = 86_400
"""For how long a report waits for a server that sends as its sender; then any may end it, and none may send it."""

MOST_REFUSALS = 20
"""Temporary refusals of a recipient that are kept, the latest ones: those of more than four hours."""

ORPHANED = "no server that sends by the account that it was asked for with took it up within a day"


class LeaseLost(Exception):
    """Somebody else has taken the report over; whatever was being done with it is theirs now."""


class JobStore(JobEnqueuer):
    """The reports of all servers over one database. Threads share it.

    Args:
        database: where they are.
        owner: by what name this server takes reports; no two that live have the same.
        lease_seconds: see LEASE_SECONDS.
        sender: by which account reports leave from here. Only they are taken: another account is another server's,
            with other recipients. None takes any.

    Every method raises DatabaseUnreachable where MongoDB is away.
    """

    def __init__(
        self, database: Database, owner: str, lease_seconds: float = LEASE_SECONDS, sender: str | None = None
    ) -> None:
        super().__init__(database, owner, lease_seconds, sender)
        self.counts = ReportCounts()

    # --- working

    def with_owner(self, owner: str | None = None) -> JobStore:
        """The same ledger for one piece of work: what is taken and written is so by this name, a new one by default.

        What one thread of a server has passed on and another has taken is then not the first one's any more.
        """
        twin = copy.copy(self)
        twin._owner = owner or f"{self._owner}/{secrets.token_hex(4)}"
        return twin

    def claim(self, kind: Sequence[str], report_id: str | None = None) -> JobDocument | None:
        """Take the report in one of these states that has been due longest, or this one; None where none is due.

        Its `taken_at` is now, by the clock by which all its instants are.

        One that has to be made becomes RUNNING, and its `runs` are counted; one to be sent becomes SENDING. One of
        another sender that nobody has taken up for ORPHAN_SECONDS is given too: see `is_orphan`.
        """
        making = states.QUEUED in kind
        state = states.RUNNING if making else states.SENDING
        change: JobDocument = {
            "owner": self._owner,
            "due_at": now_plus(self._lease_ms),
            "state": state,
            "taken_at": "$$NOW",
        }
        change["history"] = history_with(state)  # one that a server left in its midst begins anew
        change |= {"runs": {"$add": ["$runs", 1]}} if making else {}
        due = {"state": {"$in": list(kind)}, "due_at": {"$type": "date"}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        orphan = {"$expr": {"$lte": ["$due_at", now_minus(ORPHAN_SECONDS)]}}
        with one_exchange():
            self._ensure_indexes()
            return self._reports.find_one_and_update(
                due | {"$or": [self._own, orphan]} | ({"_id": report_id} if report_id else {}),
                [{"$set": change}],
                sort=[("due_at", ASCENDING), ("asked_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )

    def is_orphan(self, entry: Mapping[str, Any]) -> bool:
        """Whether a report that was taken is another sender's: nobody is there who could send it."""
        return self.sender is not None and entry.get("sender") not in (None, self.sender)

    def renew_leases(self, owners: Iterable[str]) -> set[str]:
        """Keep what was taken under these names for another lease; those under which there is nothing any more."""
        wanted = set(owners)
        if not wanted:
            return set()
        with one_exchange():
            query = {"owner": {"$in": sorted(wanted)}, "due_at": {"$type": "date"}}
            self._reports.update_many(query, [{"$set": {"due_at": now_plus(self._lease_ms)}}])
            kept = {str(found["owner"]) for found in self._reports.find(query, {"owner": 1})}
        return wanted - kept

    def extend_lease(self, report_id: str) -> None:
        """Keep a report that is ours for another lease. Raises LeaseLost where it is not."""
        self._write({"_id": report_id}, [{"$set": {"due_at": now_plus(self._lease_ms)}}])

    def set_fields(self, report_id: str, **fields: Any) -> None:
        """Write fields of a report that is ours. Raises LeaseLost where it is not."""
        self._write({"_id": report_id}, {"$set": fields})

    def release(
        self, report_id: str, state: str, *, after_seconds: float = 0.0, due_at: datetime | None = None, **fields: Any
    ) -> None:
        """Give a report that is ours into another state, in which anybody may take it.

        Args:
            report_id: the report.
            state: which.
            after_seconds: how long after now.
            due_at: from when on, where that is an instant by MongoDB's clock.
            fields: what else there is to write.

        Raises:
            LeaseLost: it is not ours.
        """
        values: JobDocument = literal(fields)
        values |= {
            "state": state,
            "owner": None,
            "due_at": due_at or now_plus(round(after_seconds * 1000)),
            "history": history_with(state),
        }
        if state == states.RENDERED:
            values |= {"give_up_at": give_up_at(), "progress": "$$REMOVE"}
        self._write({"_id": report_id}, [{"$set": values}])

    def finish(self, report_id: str, state: str, unsent: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """Bring a report that is ours to its end. Unless somebody got it, the next request for it starts anew.

        Args:
            report_id: the report.
            state: how it ends.
            unsent: fields of the recipients who may still be sent to: with them, they end in `state` too.
            fields: what else there is to write.

        Raises:
            LeaseLost: it is not ours.
        """
        values: JobDocument = literal(fields) | {"state": state, "ended_at": "$$NOW", "history": history_with(state)}
        if unsent is not None:
            values["recipients"] = update_recipients_in(states.UNSENT, literal(unsent) | recipient_state(state))
        gone = ["due_at", "owner"]
        if state not in (states.SENT, states.WRITTEN, states.PARTLY_SENT, states.POSSIBLY_SENT):
            gone.append("repeat_key")
        self._write({"_id": report_id}, [{"$set": values}, {"$unset": gone}])
        self.counts.ended(state, fields)

    # --- sending

    def begin_sending(self, report_id: str, place: int) -> None:
        """Write down, before the mail server is given the message's end, that it is about to be: later is too late.

        Raises:
            LeaseLost: the report is not ours, or its recipient is past being sent to. Nothing may be sent then.
        """
        begun = recipient_state(states.SENDING) | {"attempts": {"$add": ["$$one.attempts", 1]}, "begun_by": self._owner}
        query = {"_id": report_id, f"recipients.{place}.state": {"$in": list(states.UNSENT)}}
        self._write(query, [{"$set": {"recipients": update_recipient(place, begun)}}])

    def record_result(
        self, report_id: str, place: int, state: str, *, again_in_seconds: float | None = None, **fields: Any
    ) -> None:
        """What became of a recipient, and when they are next tried; the report is ours.

        Raises:
            LeaseLost: it is not.
        """
        self._write({"_id": report_id}, [_settled(place, state, fields, again_in_seconds)])
        self.counts.settled(state)

    def record_late_result(
        self, report_id: str, place: int, state: str, *, again_in_seconds: float | None = None, **fields: Any
    ) -> None:
        """What became of a recipient, known for certain by a sender who has lost the report meanwhile.

        Whoever took it over found the recipient at SENDING and wrote POSSIBLY_SENT; this is the better knowledge, and
        opens the report again where the mail server did not take it for now. It is no knowledge of what another has
        begun to send: that is left as it is.
        """
        name = f"recipients.{place}"
        with one_exchange():
            query: JobDocument = {"_id": report_id, f"{name}.begun_by": self._owner}
            query |= {f"{name}.state": {"$in": [states.SENDING, states.POSSIBLY_SENT]}}
            self._reports.update_one(query, [_settled(place, state, fields, again_in_seconds)])
        self.recompute_state(report_id)
        self.counts.settled(state)

    def recompute_state(self, report_id: str) -> None:
        """Give an ended report the state that its recipients' make: one of them may have been settled late.

        Called by who settles late and by who ends it, each after their own write: the later one sees both.
        """
        with one_exchange():
            found = self._reports.find_one({"_id": report_id, "state": {"$in": [*states.ENDED]}})
            if found is None:
                return
            told = states.overall(recipient["state"] for recipient in found["recipients"])
            if told == found["state"]:
                return
            change: JobDocument = {"state": told, "history": history_with(told)}
            if told in states.OPEN:
                change |= {"due_at": "$$NOW", "ended_at": "$$REMOVE"}
            self._reports.update_one({"_id": report_id, "state": found["state"]}, [{"$set": change}])

    # --- clearing away

    def remove(self, report_id: str) -> None:
        """Forget an ended report."""
        with one_exchange():
            self._reports.delete_one({"_id": report_id, "state": {"$in": [*states.ENDED]}})

    # --- below

    def _write(self, query: JobDocument, change: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        with one_exchange():
            done = self._reports.update_one(query | {"owner": self._owner}, change)
        if not done.matched_count:
            raise LeaseLost


def _settled(place: int, state: str, fields: Mapping[str, Any], again_in_seconds: float | None) -> JobDocument:
    """A recipient's state, and what belongs to it: a past attempt's time and reason do not, but stay as refusals."""
    told = literal(fields) | recipient_state(state)
    over = [] if state == states.DEFERRED else ["next_attempt_at"]
    if state in (states.SENT, states.WRITTEN):
        over.append("reason")
    if again_in_seconds is not None:
        told["next_attempt_at"] = now_plus(round(again_in_seconds * 1000))
    if state == states.DEFERRED and "reason" in fields:
        told["refusals"] = append_refusal(fields["reason"], MOST_REFUSALS)
    return {"$set": {"recipients": update_recipient(place, told, over)}}
