"""How a report comes into the ledger: as a new one, or as the one that stands for the request already."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from pymongo.errors import DuplicateKeyError

from pycemaker.errors import IdempotencyKeyReused, TooManyReports
from pycemaker.jobs import states
from pycemaker.jobs.job_document import Submission, digest
from pycemaker.jobs.job_reader import Document, JobReader
from pycemaker.jobs.job_updates import each_in, in_state, literal, now_minus, now_plus
from pycemaker.mongo.database import Database, one_exchange

LEASE_SECONDS = 15.0
"""How long a report stays with a server that says nothing; it renews three times in that."""

MOST_KEYS = 100
"""Idempotency keys of one report: those of requests that meant the same while it was in flight."""

_TYPICAL_SECONDS = 5


class JobEnqueuer(JobReader):
    """Where reports are asked for, over one database. Threads share it.

    Args: those of `Ledger`.

    Every method raises DatabaseUnreachable where MongoDB is away.
    """

    def __init__(
        self, database: Database, owner: str, lease_seconds: float = LEASE_SECONDS, sender: str | None = None
    ) -> None:
        super().__init__(database, sender)
        self._owner = owner
        self._lease_ms = round(lease_seconds * 1000)
        self._asking = threading.Lock()

    def ask(self, document: Document, asked: Submission, *, own: bool = False) -> tuple[str, bool]:
        """Enter a report, or find the one that stands for it already.

        Args:
            document: `_id`, `recipients` and what the report is.
            asked: how it was asked for.
            own: take it at once, so that no other server does.

        Returns:
            The report's id, and whether it was entered now.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            TooManyReports: as many are waiting as may.
        """
        began = time.monotonic()
        with self._asking:  # so that on one server the limit holds to the last one
            self._database.outage.fail_since(began)
            while True:
                if found := self.find_same(asked):
                    return found, False
                if (waiting := self.count_waiting()) >= asked.queue_limit and not own:
                    raise TooManyReports(waiting=waiting, retry_after_seconds=_TYPICAL_SECONDS * (waiting + 1))
                if self._enter(document, asked, own=own):
                    return str(document["_id"]), True

    def find_same(self, asked: Submission) -> str | None:
        """The report that stands for this request already: by its key, in flight, or accepted a moment ago.

        A request with a key that finds one makes it the key's report, for good.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            TooManyReports: the report has been given as many keys as it takes.
        """
        if not asked.idempotency_key:
            return self._find_repeated(asked)
        while (found := self._find_by_key(asked)) is None and (same := self._find_repeated(asked)):
            self._add_key(same, asked)
        return found

    def _find_by_key(self, asked: Submission) -> str | None:
        with one_exchange():
            found = self._reports.find_one({"idempotency_key": _exactly(digest(asked.idempotency_key or ""))})
        if found and "sender" in found and found["idempotency_digest"] != asked.repeat_key:  # else made otherwise once
            raise IdempotencyKeyReused
        return str(found["_id"]) if found else None

    def _add_key(self, report_id: str, asked: Submission) -> None:
        """Make the key one of the report's, where that still stands for the request and nobody has taken the key."""
        found: Document = {"$ifNull": ["$idempotency_key", []]}
        kept: Document = {"$cond": [{"$isArray": [found]}, found, [found]]}  # it was one text once
        added = {"idempotency_key": {"$setUnion": [kept, [digest(asked.idempotency_key or "")]]}}
        standing = {"_id": report_id, "repeat_key": asked.repeat_key}
        has_room = {f"idempotency_key.{MOST_KEYS - 1}": {"$exists": False}}
        with one_exchange(), suppress(DuplicateKeyError):
            change = added | {"idempotency_digest": asked.repeat_key}
            done = self._reports.update_one(standing | has_room, [{"$set": change}])
            if not done.matched_count and self._reports.count_documents(standing):
                raise TooManyReports(waiting=MOST_KEYS, retry_after_seconds=60)

    def _find_repeated(self, asked: Submission) -> str | None:
        """The report that is in flight, or was accepted a moment ago."""
        with one_exchange():
            self._reports.update_one(
                {
                    "repeat_key": _exactly(asked.repeat_key),
                    "ended_at": {"$type": "date"},
                    "$expr": {"$lte": ["$ended_at", now_minus(asked.repeat_seconds)]},
                },
                {"$unset": {"repeat_key": ""}},
            )
            found = self._reports.find_one({"repeat_key": _exactly(asked.repeat_key)}, {"_id": 1})
        return str(found["_id"]) if found else None

    def _enter(self, document: Document, asked: Submission, *, own: bool) -> bool:
        """Enter it; false where another server has entered the same between the look and the write."""
        state = states.RUNNING if own else states.QUEUED
        whole = document | {
            "state": state,
            "sender": self.sender,
            "give_up_seconds": asked.give_up_seconds,
            "runs": int(own),
            "stage": None,
            "stage_seconds": {},
            "owner": self._owner if own else None,
            "repeat_key": asked.repeat_key,
        }
        if asked.idempotency_key:
            whole["idempotency_key"] = [digest(asked.idempotency_key)]
            whole["idempotency_digest"] = asked.repeat_key
        del whole["_id"]
        values = literal(whole) | {
            "asked_at": "$$NOW",
            "taken_at": "$$NOW",
            "history": [{"state": state, "at": "$$NOW"}],
            "recipients": each_in(document["recipients"], in_state(states.QUEUED)),
            "due_at": now_plus(self._lease_ms if own else 0),
        }
        with one_exchange():
            self._ensure_indexes()
            try:
                # An insert knows no $$NOW: an update that may only insert does.
                self._reports.update_one({"_id": document["_id"]}, [{"$set": values}], upsert=True)
            except DuplicateKeyError:
                return False
        return True


def _exactly(text: str) -> Document:
    """That text, said so that a partial index over texts serves: MongoDB does not see that one text is some text."""
    return {"$eq": text, "$type": "string"}
