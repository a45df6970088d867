"""How a report comes into the ledger: as a new one, or as the one that stands for the request already."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from pymongo.errors import DuplicateKeyError

from pycemaker.errors import IdempotencyKeyReused, TooManyReports
from pycemaker.jobs import states
from pycemaker.jobs.job_document import Submission, sha256_hex
from pycemaker.jobs.job_reader import JobDocument, JobReader
from pycemaker.jobs.job_updates import literal, now_minus, now_plus, recipient_state, with_each_recipient
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

    def enqueue(self, document: JobDocument, submission: Submission, *, claimed: bool = False) -> tuple[str, bool]:
        """Enter a report, or find the one that stands for it already.

        Args:
            document: `_id`, `recipients` and what the report is.
            submission: how it was requested.
            claimed: claim it at once, so that no other server does.

        Returns:
            The report's id, and whether it was entered now.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            TooManyReports: as many are waiting as may.
        """
        began = time.monotonic()
        with self._asking:  # so that on one server the limit holds to the last one
            self._database.circuit_breaker.fail_since(began)
            while True:
                if found := self.find_duplicate(submission):
                    return found, False
                if (waiting := self.count_waiting()) >= submission.queue_limit and not claimed:
                    raise TooManyReports(waiting=waiting, retry_after_seconds=_TYPICAL_SECONDS * (waiting + 1))
                if self._enter(document, submission, claimed=claimed):
                    return str(document["_id"]), True

    def find_duplicate(self, submission: Submission) -> str | None:
        """The report that stands for this request already: by its key, in flight, or accepted a moment ago.

        A request with a key that finds one makes it the key's report, for good.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            TooManyReports: the report has been given as many keys as it takes.
        """
        if not submission.idempotency_key:
            return self._find_repeated(submission)
        while (found := self._find_by_key(submission)) is None and (same := self._find_repeated(submission)):
            self._add_key(same, submission)
        return found

    def _find_by_key(self, submission: Submission) -> str | None:
        with one_exchange():
            found = self._reports.find_one({"idempotency_key": _exactly(sha256_hex(submission.idempotency_key or ""))})
        if (
            found and "sender" in found and found["idempotency_digest"] != submission.repeat_key
        ):  # else made otherwise once
            raise IdempotencyKeyReused
        return str(found["_id"]) if found else None

    def _add_key(self, report_id: str, submission: Submission) -> None:
        """Make the key one of the report's, where that still stands for the request and nobody has taken the key."""
        found: JobDocument = {"$ifNull": ["$idempotency_key", []]}
        kept: JobDocument = {"$cond": [{"$isArray": [found]}, found, [found]]}  # it was one text once
        added = {"idempotency_key": {"$setUnion": [kept, [sha256_hex(submission.idempotency_key or "")]]}}
        standing = {"_id": report_id, "repeat_key": submission.repeat_key}
        has_room = {f"idempotency_key.{MOST_KEYS - 1}": {"$exists": False}}
        with one_exchange(), suppress(DuplicateKeyError):
            change = added | {"idempotency_digest": submission.repeat_key}
            done = self._reports.update_one(standing | has_room, [{"$set": change}])
            if not done.matched_count and self._reports.count_documents(standing):
                raise TooManyReports(waiting=MOST_KEYS, retry_after_seconds=60)

    def _find_repeated(self, submission: Submission) -> str | None:
        """The report that is in flight, or was accepted a moment ago."""
        with one_exchange():
            self._reports.update_one(
                {
                    "repeat_key": _exactly(submission.repeat_key),
                    "ended_at": {"$type": "date"},
                    "$expr": {"$lte": ["$ended_at", now_minus(submission.repeat_seconds)]},
                },
                {"$unset": {"repeat_key": ""}},
            )
            found = self._reports.find_one({"repeat_key": _exactly(submission.repeat_key)}, {"_id": 1})
        return str(found["_id"]) if found else None

    def _enter(self, document: JobDocument, submission: Submission, *, claimed: bool) -> bool:
        """Enter it; false where another server has entered the same between the look and the write."""
        state = states.RUNNING if claimed else states.QUEUED
        whole = document | {
            "state": state,
            "sender": self.sender,
            "give_up_seconds": submission.give_up_seconds,
            "runs": int(claimed),
            "stage": None,
            "stage_seconds": {},
            "owner": self._owner if claimed else None,
            "repeat_key": submission.repeat_key,
        }
        if submission.idempotency_key:
            whole["idempotency_key"] = [sha256_hex(submission.idempotency_key)]
            whole["idempotency_digest"] = submission.repeat_key
        del whole["_id"]
        values = literal(whole) | {
            "asked_at": "$$NOW",
            "taken_at": "$$NOW",
            "history": [{"state": state, "at": "$$NOW"}],
            "recipients": with_each_recipient(document["recipients"], recipient_state(states.QUEUED)),
            "due_at": now_plus(self._lease_ms if claimed else 0),
        }
        with one_exchange():
            self._ensure_indexes()
            try:
                # An insert knows no $$NOW: an update that may only insert does.
                self._reports.update_one({"_id": document["_id"]}, [{"$set": values}], upsert=True)
            except DuplicateKeyError:
                return False
        return True


def _exactly(text: str) -> JobDocument:
    """That text, said so that a partial index over texts serves: MongoDB does not see that one text is some text."""
    return {"$eq": text, "$type": "string"}
