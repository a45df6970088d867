"""Reads job documents: for routes and commands that show them, and for probes and metrics."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection

from pycemaker.errors import UnknownReport
from pycemaker.jobs import states
from pycemaker.jobs.job_document import JobDocument
from pycemaker.jobs.job_updates import now_minus
from pycemaker.jobs.queue_place import Share, latest_place, ready_in_seconds
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.stored_fields import LENIENT

COLLECTION = "reports"
_EPOCH, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_IS_TEXT = {"$type": "string"}
WHOLE: JobDocument = {"runs": {"$type": "number"}, "history": {"$type": "array"}, "recipients.address": _IS_TEXT}
"""A filter for documents that can be claimed; the update of another one fails, and is tried first by each worker."""

_IS_DUE = {"due_at": {"$type": "date"}}
_INDEXES = [
    IndexModel([("due_at", ASCENDING)], partialFilterExpression=_IS_DUE),
    IndexModel(
        [(name, ASCENDING) for name in ("unsettled", "state", "application", "due_at")], partialFilterExpression=_IS_DUE
    ),
    IndexModel([("alert", ASCENDING), ("due_at", ASCENDING)], partialFilterExpression={"alert": True}),
    IndexModel([("repeat_key", ASCENDING)], unique=True, partialFilterExpression={"repeat_key": _IS_TEXT}),
    IndexModel([("idempotency_key", ASCENDING)], unique=True, partialFilterExpression={"idempotency_key": _IS_TEXT}),
    IndexModel([("application", ASCENDING), ("asked_at", DESCENDING)]),
    IndexModel([("ended_at", ASCENDING)], partialFilterExpression={"ended_at": {"$type": "date"}}),
    IndexModel([("state", ASCENDING), ("schedule.id", ASCENDING)], partialFilterExpression={"unsettled": True}),
]
_STATES = IndexModel([("state", ASCENDING)])
_INDEXING_SECONDS = 300.0
_RECENT = 20


class JobReader:
    """Reads the jobs of all servers over one database. Threads share it.
    Every method raises DatabaseUnreachable where MongoDB is away.

    Args:
        sender: the account that sends from here, which limits counts to its jobs; None for every job.
    """

    def __init__(self, database: Database, sender: str | None = None) -> None:
        self._database = database
        self.sender = sender
        self._indexed = threading.Event()
        self._states_indexed = threading.Event()

    def get(self, report_id: str) -> JobDocument:
        """A job document. Raises UnknownReport where there is none."""
        with one_exchange():
            job = self._reports.find_one({"_id": report_id})
        if job is None:
            raise UnknownReport
        return job

    def newest(self, count: int, before: datetime | None = None, application: str = "") -> list[JobDocument]:
        """An application's latest jobs by `asked_at`, newest first; those before an instant."""
        query = {"application": application or None, "asked_at": {"$gte": _EPOCH, "$lt": before or _LATEST}}
        with one_exchange():
            self._ensure_indexes()
            return list(self._reports.find(query).sort("asked_at", DESCENDING).limit(count))

    def count_waiting(self, *, with_scheduled: bool = False) -> int:
        """The number of reports that no worker has begun to render: callers' alone, or schedules' with them."""
        query = WHOLE | self._own | {"state": states.QUEUED, "due_at": {"$type": "date"}}
        query |= {} if with_scheduled else {"schedule": None}
        with one_exchange():
            self._ensure_indexes()
            return self._reports.count_documents(query)

    def count_waiting_by_application(self) -> dict[str, int]:
        """The number of callers' reports that no worker has begun to render, by application."""
        groups = self._count_by({"state": states.QUEUED, "unsettled": None}, {"application": "$application"})
        return {str(group["_id"].get("application") or ""): group["count"] for group in groups}

    def find_place(self, job: JobDocument) -> JobDocument:
        """A queued report's `place`, the latest at which it is claimed, and `ready_in_seconds`; empty for others."""
        if job["state"] != states.QUEUED or not isinstance(job.get("due_at"), datetime):
            return {}
        share = {"state": "$state", "scheduled": {"$eq": ["$unsettled", True]}, "application": "$application"}
        groups = self._count_by({"state": {"$in": list(states.TO_RENDER)}}, share, job["due_at"])
        waiting: dict[Share, int] = {}
        ahead: dict[Share, int] = {}
        for group in groups:
            if group["_id"]["state"] == states.QUEUED:
                key = (group["_id"]["scheduled"], str(group["_id"].get("application") or ""))
                waiting[key], ahead[key] = group["count"], group["ahead"]
        own = ("schedule" in job, str(job.get("application", "")))
        place = latest_place(waiting, own, max(0, ahead.get(own, 0) - 1))
        running = sum(group["count"] for group in groups) - sum(waiting.values())
        return {"place": place, "ready_in_seconds": ready_in_seconds(place, running, self._recent_seconds())}

    def _recent_seconds(self) -> list[float]:
        """The durations of the latest reports that were made."""
        made = WHOLE | {"ended_at": {"$type": "date"}, "stage_seconds.compose": {"$type": "number"}}
        with one_exchange():
            jobs = self._reports.find(made, {"stage_seconds": 1}).sort("ended_at", DESCENDING).limit(_RECENT)
            stages = [job["stage_seconds"].values() for job in jobs if isinstance(job["stage_seconds"], dict)]
        return [sum(each for each in seconds if isinstance(each, int | float)) for seconds in stages]

    def _count_by(self, query: JobDocument, key: JobDocument, until: datetime = _EPOCH) -> list[JobDocument]:
        """The numbers of due jobs of this account by a key, and of them those due by an instant (`ahead`)."""
        ahead = {"$sum": {"$cond": [{"$lte": ["$due_at", until]}, 1, 0]}}
        group = {"_id": key, "count": {"$sum": 1}, "ahead": ahead}
        with one_exchange():
            self._ensure_indexes()
            return list(self._reports.aggregate([{"$match": WHOLE | self._own | _IS_DUE | query}, {"$group": group}]))

    def count_open(self, schedule_ids: Sequence[str]) -> dict[str, int]:
        """The number of reports of each of these schedules that have not ended; without those that have none."""
        query = {"unsettled": True, "state": {"$in": list(states.OPEN)}, "schedule.id": {"$in": list(schedule_ids)}}
        with one_exchange():
            groups = self._reports.aggregate(
                [{"$match": query}, {"$group": {"_id": "$schedule.id", "count": {"$sum": 1}}}]
            )
            return {group["_id"]: group["count"] for group in groups}

    def unsettled(self, count: int) -> list[JobDocument]:
        """Up to `count` reports of schedules that have ended and of which their schedule has not taken note."""
        query = {"unsettled": True, "state": {"$in": list(states.ENDED)}}
        with one_exchange():
            self._ensure_indexes()
            return list(self._reports.find(query).limit(count))

    def settle(self, report_id: str) -> None:
        """Note that its schedule has taken note of the report's end."""
        with one_exchange():
            self._reports.update_one({"_id": report_id}, {"$unset": {"unsettled": ""}})

    def overdue_seconds(self) -> float:
        """The longest time that a due job has waited for a worker; 0 where none is due."""
        query = WHOLE | self._own | {"state": {"$in": list(states.OPEN)}, "due_at": {"$type": "date"}}
        with one_exchange():
            self._ensure_indexes()
            job = self._reports.find_one(query, {"due_at": 1}, sort=[("due_at", 1)])
        now = self._database.now()
        return max(0.0, (now - job["due_at"]).total_seconds()) if job else 0.0

    def count_by_state(self) -> dict[str, int]:
        """The number of jobs in each state, every state included; from an index where there is one."""
        any_state = {"$match": {"state": {"$gte": ""}}}  # MongoDB uses an index for a range, not for a grouping
        with one_exchange():
            groups = self._reports.aggregate([any_state, {"$group": {"_id": "$state", "count": {"$sum": 1}}}])
            counted = {str(group["_id"]): group["count"] for group in groups}  # another program may write an array
        return {state: counted.get(state, 0) for state in states.ALL}

    def count_by_worker(self) -> dict[str, int]:
        """The number of jobs that each server or worker of this database has in hand; without those that have none."""
        in_hand = {"$match": {"state": {"$in": [states.RUNNING, states.SENDING]}, "owner": _IS_TEXT}}
        worker = {"$first": {"$split": ["$owner", "/"]}}
        with one_exchange():
            groups = self._reports.aggregate([in_hand, {"$group": {"_id": worker, "count": {"$sum": 1}}}])
            return {group["_id"]: group["count"] for group in groups}

    def ended_before(self, days: float, count: int = 100) -> list[str]:
        """Ids of up to `count` reports that ended so many days ago or earlier."""
        query = {"ended_at": {"$type": "date"}, "$expr": {"$lte": ["$ended_at", now_minus(days * 86_400)]}}
        with one_exchange():
            return [str(job["_id"]) for job in self._reports.find(query, {"_id": 1}).limit(count)]

    def index_states(self) -> None:
        """Create the index that counts use; over many documents that takes a while."""
        if not self._states_indexed.is_set():
            with one_exchange(_INDEXING_SECONDS):
                self._reports.create_indexes([_STATES])
            self._states_indexed.set()

    # --- below

    @property
    def _own(self) -> JobDocument:
        """A filter for this account's jobs; older documents without a sender are any account's."""
        return {"sender": {"$in": [self.sender, None]}} if self.sender else {}

    @property
    def _reports(self) -> Collection[JobDocument]:
        return self._database.durable(COLLECTION, LENIENT)

    def _ensure_indexes(self) -> None:
        if not self._indexed.is_set():
            self._reports.create_indexes(_INDEXES)
            self._indexed.set()
