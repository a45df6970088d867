"""Inserts jobs, or finds the one that answers the same request; `report_service.enqueue` is the way in."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from pycemaker.errors import IdempotencyKeyReused, TooManyReports
from pycemaker.jobs import states
from pycemaker.jobs.job_document import JobDocument, sha256_hex
from pycemaker.jobs.job_reader import JobReader
from pycemaker.jobs.job_updates import literal, now_minus, now_plus, recipient_state, with_each_recipient
from pycemaker.jobs.queue_place import has_room
from pycemaker.jobs.submission_keys import Submission
from pycemaker.mongo.absent_inserts import insert_absent
from pycemaker.mongo.database import one_exchange

MOST_KEYS = 100
"""Idempotency keys of one report: those of requests that meant the same while it was in flight."""

_TYPICAL_SECONDS = 5
_BULK_SECONDS = 10.0


class JobInserter(JobReader):
    """Enqueues jobs in one database. Threads share it.

    Every method raises DatabaseUnreachable where MongoDB is away.
    """

    _owner: str
    _lease_ms: int
    _enqueuing: threading.Lock

    def enqueue(self, document: JobDocument, submission: Submission, *, claimed: bool = False) -> tuple[str, bool]:
        """Insert a job, or find the one that answers the same request already.

        Args:
            claimed: claim it at once, so that no other server does; the queue's limit does not apply. The report's id,
                and whether it was inserted now.

        Raises:
            IdempotencyKeyReused: the key was used for another request; TooManyReports: the queue is full.
        """
        began = time.monotonic()
        with self._enqueuing:  # on one server the queue's limit is exact
            self._database.circuit_breaker.fail_since(began)
            while True:
                if report_id := self.find_duplicate(submission):
                    return report_id, False
                if not claimed:
                    self._check_room(str(document.get("application", "")), submission.settings.report_queue)
                if self._insert(document, submission, claimed=claimed):
                    return str(document["_id"]), True

    def _check_room(self, application: str, limit: int) -> None:
        waiting = self.count_waiting_by_application()
        if not has_room(waiting, application, limit):
            total = sum(waiting.values())
            raise TooManyReports(waiting=total, retry_after_seconds=_TYPICAL_SECONDS * (total + 1))

    def find_duplicate(self, submission: Submission) -> str | None:
        """The report that answers this request already: by its key, in flight, or accepted a moment ago.

        A key whose request finds a report is stored with it for good.

        Raises:
            IdempotencyKeyReused: the key was used for another request; TooManyReports: the report has MOST_KEYS keys.
        """
        if not submission.idempotency_key:
            return self._find_repeated(submission)
        while (by_key := self._find_by_key(submission)) is None and (repeated := self._find_repeated(submission)):
            self._add_key(repeated, submission)
        return by_key

    def _find_by_key(self, submission: Submission) -> str | None:
        with one_exchange():
            job = self._reports.find_one({"idempotency_key": _equals(sha256_hex(submission.idempotency_key or ""))})
        if job is None:
            return None
        # A document without a sender is an older version's, whose digest was computed otherwise.
        if "sender" in job and job["idempotency_digest"] != submission.repeat_key:
            raise IdempotencyKeyReused
        return str(job["_id"])

    def _add_key(self, report_id: str, submission: Submission) -> None:
        """Store the key with the report, where that still answers the request and no other report has the key."""
        stored: JobDocument = {"$ifNull": ["$idempotency_key", []]}
        keys: JobDocument = {"$cond": [{"$isArray": [stored]}, stored, [stored]]}  # older versions stored one text
        added = {"idempotency_key": {"$setUnion": [keys, [sha256_hex(submission.idempotency_key or "")]]}}
        answering = {"_id": report_id, "repeat_key": submission.repeat_key}
        has_room = {f"idempotency_key.{MOST_KEYS - 1}": {"$exists": False}}
        with one_exchange(), suppress(DuplicateKeyError):
            change = added | {"idempotency_digest": submission.repeat_key}
            done = self._reports.update_one(answering | has_room, [{"$set": change}])
            if not done.matched_count and self._reports.count_documents(answering):
                raise TooManyReports(waiting=MOST_KEYS, retry_after_seconds=60)

    def _find_repeated(self, submission: Submission) -> str | None:
        """The report that is in flight, or was accepted less than `report_repeat_seconds` ago."""
        repeat_seconds = submission.settings.report_repeat_seconds
        with one_exchange():
            self._reports.update_one(
                {
                    "repeat_key": _equals(submission.repeat_key),
                    "ended_at": {"$type": "date"},
                    "$expr": {"$lte": ["$ended_at", now_minus(repeat_seconds)]},
                },
                {"$unset": {"repeat_key": ""}},
            )
            job = self._reports.find_one({"repeat_key": _equals(submission.repeat_key)}, {"_id": 1})
        return str(job["_id"]) if job else None

    def insert_absent(self, documents: Sequence[JobDocument], retry_seconds: float) -> None:
        """Insert jobs, in one exchange; those that are there already, under the same ids, stay as they are.

        The queue's limit is for callers and does not apply.
        """
        jobs = [_new_job(document | {"give_up_seconds": retry_seconds}, self.sender) for document in documents]
        updates = [UpdateOne(_absent(job_id), [{"$set": values}], upsert=True) for job_id, values in jobs]
        with one_exchange(_BULK_SECONDS):
            self._ensure_indexes()
            insert_absent(self._reports, updates)

    def _insert(self, document: JobDocument, submission: Submission, *, claimed: bool) -> bool:
        """Insert the job; False where another server has inserted the same since `find_duplicate`."""
        whole = document | {
            "repeat_key": submission.repeat_key,
            "give_up_seconds": submission.settings.report_retry_seconds,
        }
        if submission.idempotency_key:
            whole["idempotency_key"] = [sha256_hex(submission.idempotency_key)]
            whole["idempotency_digest"] = submission.repeat_key
        job_id, values = _new_job(whole, self.sender)
        if claimed:
            values |= {
                "state": states.RUNNING,
                "runs": 1,
                "owner": self._owner,
                "history": [{"state": states.RUNNING, "at": "$$NOW"}],
                "due_at": now_plus(self._lease_ms),
            }
        with one_exchange():
            self._ensure_indexes()
            try:
                # An insert has no $$NOW; an upsert whose filter matches nothing has.
                self._reports.update_one(_absent(job_id), [{"$set": values}], upsert=True)
            except DuplicateKeyError:
                return False
        return True


def _new_job(document: JobDocument, sender: str | None) -> tuple[str, JobDocument]:
    """The id of a new job, and the expressions of its fields; it is queued unless `document` has another state."""
    whole: JobDocument = {
        "state": states.QUEUED,
        "sender": sender,
        "runs": 0,
        "stage": None,
        "stage_seconds": {},
        "owner": None,
    }
    whole |= {name: value for name, value in document.items() if name != "_id"}
    sent_until = {"give_up_at": now_plus(1000 * whole["give_up_seconds"])} if whole["state"] == states.RENDERED else {}
    return str(document["_id"]), literal(whole) | sent_until | {
        "asked_at": "$$NOW",
        "taken_at": "$$NOW",
        "history": [{"state": whole["state"], "at": "$$NOW"}],
        "recipients": with_each_recipient(document["recipients"], recipient_state(states.QUEUED)),
        "due_at": "$$NOW",
    }


def _absent(job_id: str) -> JobDocument:
    """A filter that matches no job: where there is one of this id, the upsert fails for its key."""
    return {"_id": job_id, "state": {"$exists": False}}


def _equals(text: str) -> JobDocument:
    """A filter for that text that a partial index over texts serves: MongoDB does not infer the type by itself."""
    return {"$eq": text, "$type": "string"}
