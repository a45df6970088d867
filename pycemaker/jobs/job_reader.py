"""What stands in the ledger, read: by those who show it, and by those who watch over it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, WriteConcern
from pymongo.collection import Collection

from pycemaker.errors import UnknownReport
from pycemaker.jobs import states
from pycemaker.jobs.job_updates import now_minus
from pycemaker.mongo.database import Database, one_exchange

COLLECTION = "reports"
_IS_TEXT = {"$type": "string"}
_INDEXES = [
    IndexModel([("due_at", ASCENDING)], partialFilterExpression={"due_at": {"$type": "date"}}),
    IndexModel([("repeat_key", ASCENDING)], unique=True, partialFilterExpression={"repeat_key": _IS_TEXT}),
    IndexModel([("idempotency_key", ASCENDING)], unique=True, partialFilterExpression={"idempotency_key": _IS_TEXT}),
    IndexModel([("asked_at", DESCENDING)]),
    IndexModel([("ended_at", ASCENDING)], partialFilterExpression={"ended_at": {"$type": "date"}}),
]
_STATES = IndexModel([("state", ASCENDING)])
_INDEXING_SECONDS = 300.0

JobDocument = dict[str, Any]


class JobReader:
    """The reports of all servers over one database, as they stand. Threads share it.

    Args:
        database: where they are.
        sender: by which account reports leave from here, so that those of other accounts are not waited for; None
            where every report is meant.

    Every method raises DatabaseUnreachable where MongoDB is away.
    """

    def __init__(self, database: Database, sender: str | None = None) -> None:
        self._database = database
        self.sender = sender
        self._indexed = threading.Event()
        self._states_indexed = threading.Event()

    def get(self, report_id: str) -> JobDocument:
        """A report's whole entry. Raises UnknownReport where there is none."""
        with one_exchange():
            found = self._reports.find_one({"_id": report_id})
        if found is None:
            raise UnknownReport
        return found

    def newest(self, count: int, before: datetime | None = None) -> list[JobDocument]:
        """The entries asked for last, newest first; those asked for before an instant."""
        query = {"asked_at": {"$lt": before}} if before else {}
        with one_exchange():
            self._ensure_indexes()
            return list(self._reports.find(query).sort("asked_at", DESCENDING).limit(count))

    def count_waiting(self) -> int:
        """Reports that nobody has begun to make."""
        with one_exchange():
            self._ensure_indexes()
            return self._reports.count_documents(self._own | {"state": states.QUEUED, "due_at": {"$type": "date"}})

    def overdue_seconds(self) -> float:
        """For how long the report that is due longest has been nobody's; 0 where none is due."""
        query = self._own | {"state": {"$in": list(states.OPEN)}, "due_at": {"$type": "date"}}
        with one_exchange():
            self._ensure_indexes()
            found = self._reports.find_one(query, {"due_at": 1}, sort=[("due_at", 1)])
            now = self._database.handle.command("hello")["localTime"].replace(tzinfo=UTC)
        return max(0.0, (now - found["due_at"]).total_seconds()) if found else 0.0

    def count_by_state(self) -> dict[str, int]:
        """How many reports are in each state; every state is there. Out of an index where there is one."""
        any_state = {"$match": {"state": {"$gte": ""}}}  # a range has MongoDB look for an index; grouping does not
        with one_exchange():
            found = self._reports.aggregate([any_state, {"$group": {"_id": "$state", "count": {"$sum": 1}}}])
            counted = {group["_id"]: group["count"] for group in found}
        return {state: counted.get(state, 0) for state in states.ALL}

    def ended_before(self, days: float, count: int = 100) -> list[str]:
        """Ids of reports that ended so long ago."""
        query = {
            "ended_at": {"$type": "date"},
            "$expr": {"$lte": ["$ended_at", now_minus(days * 86_400)]},
        }
        with one_exchange():
            return [str(found["_id"]) for found in self._reports.find(query, {"_id": 1}).limit(count)]

    def index_states(self) -> None:
        """Make the index out of which reports are counted; where there are many of them already, that takes a while."""
        if not self._states_indexed.is_set():
            with one_exchange(_INDEXING_SECONDS):
                self._reports.create_indexes([_STATES])
            self._states_indexed.set()

    # --- below

    @property
    def _own(self) -> JobDocument:
        """What is to leave by this account; what was asked for before accounts were written down is anybody's."""
        return {"sender": {"$in": [self.sender, None]}} if self.sender else {}

    @property
    def _reports(self) -> Collection[JobDocument]:
        concern = WriteConcern(w="majority", j=True, wtimeout=5000)
        return self._database[COLLECTION].with_options(write_concern=concern)

    def _ensure_indexes(self) -> None:
        if not self._indexed.is_set():
            self._reports.create_indexes(_INDEXES)
            self._indexed.set()
