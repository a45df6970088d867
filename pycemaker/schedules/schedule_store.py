"""The schedules and their occurrences in MongoDB.

A schedule's document holds its fields (`schedule_fields`), its next nominal instant (`next_at`) and the instant from
which a server enters that (`due_at`, later by its spread). An occurrence is one nominal instant, under the id that its
report has or would have: whoever inserts it first has decided what becomes of it.
"""

import hmac
import secrets
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, InsertOne, ReturnDocument, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from pycemaker.errors import TooManySchedules, UnknownSchedule
from pycemaker.jobs.job_document import derived_report_id
from pycemaker.mongo.absent_inserts import insert_absent
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.schedules.schedule_fields import Fields, recurrence_of
from pycemaker.window import to_iso_text

COLLECTION = "schedules"
OCCURRENCES = "schedule_occurrences"
Document = dict[str, Any]

ENTERED, MADE, QUIET, MISSED, FAILED = "entered", "made", "quiet", "missed", "failed"
"""An occurrence's states: its report is in work; it was made and sent, or is in the outbox; it was made and nobody
wanted it; it was not made since no server lived; it could not be made or sent."""
STATES = (ENTERED, MADE, QUIET, MISSED, FAILED)

MOST_SCHEDULES = 10_000
_BULK_SECONDS = 10.0


class ScheduleStore:
    """The schedules of all servers over one database. Threads share it.

    Args:
        database: the database.
        mails: whether this server has a mail account. One without leaves alone what a server with one has saved: its
            reports would end in this machine's outbox.

    Every method raises DatabaseUnreachable where MongoDB is away.
    """

    def __init__(self, database: Database, *, mails: bool) -> None:
        self._database = database
        self._mails = mails
        self._indexed = threading.Event()

    def now(self) -> datetime:
        """The present by MongoDB's clock."""
        return self._database.now()

    # --- schedules

    def create(self, fields: Fields, now: datetime) -> Document:
        """Store a new schedule; its document. Raises TooManySchedules: there are MOST_SCHEDULES."""
        with one_exchange():
            if self._schedules.count_documents({}, limit=MOST_SCHEDULES) == MOST_SCHEDULES:
                raise TooManySchedules(limit=MOST_SCHEDULES)
        return self.save(secrets.token_urlsafe(16), fields, now)

    def save(self, schedule_id: str, fields: Fields, now: datetime, **more: Any) -> Document:
        """Store the schedule of an id, a new one or in place of the one that is there; its document."""
        new = {"$setOnInsert": {"key": secrets.token_bytes(16), "created_at": now, "last": None}}
        return self._replace(schedule_id, self._changed(schedule_id, fields, now) | more, new)

    def get(self, schedule_id: str) -> Document:
        """A schedule. Raises UnknownSchedule."""
        with one_exchange():
            return _known(self._schedules.find_one({"_id": schedule_id}))

    def every(self) -> list[Document]:
        """All schedules by name."""
        with one_exchange(_BULK_SECONDS):
            return list(self._schedules.find({}).sort("name", ASCENDING))

    def upcoming(self, application: str, count: int) -> list[Document]:
        """Up to `count` schedules of an application that are not paused and have not ended, the next ones first."""
        with one_exchange():
            self._ensure_indexes()
            query = {"due_at": {"$type": "date"}, "application": application}
            return list(self._schedules.find(query).sort("due_at", ASCENDING).limit(count))

    def change(self, schedule_id: str, fields: Fields, now: datetime) -> Document:
        """Replace a schedule's fields; from now on it is due by the new ones. Raises UnknownSchedule."""
        return self._replace(schedule_id, self._changed(schedule_id, fields, now), {})

    def _replace(self, schedule_id: str, values: Document, new: Document) -> Document:
        """The document after the change; where there is none, a new one with what `new` sets."""
        change = {"$set": values, "$inc": {"revision": 1}} | new
        with one_exchange():
            stored = self._schedules.find_one_and_update(
                {"_id": schedule_id}, change, upsert=bool(new), return_document=ReturnDocument.AFTER
            )
        return _known(stored)

    def remove(self, schedule_id: str) -> None:
        """Delete a schedule; reports that are in work go on. Raises UnknownSchedule."""
        with one_exchange():
            _known(self._schedules.find_one_and_delete({"_id": schedule_id}))

    def pause(self, schedule: Document, reason: str) -> None:
        """Pause a schedule as it was read; nothing where it was changed since."""
        query = {"_id": schedule["_id"], "revision": schedule["revision"]}
        paused = {"paused": True, "paused_reason": reason, "next_at": None, "due_at": None}
        with one_exchange():
            self._schedules.update_one(query, {"$set": paused, "$inc": {"revision": 1}})

    def _changed(self, schedule_id: str, fields: Fields, now: datetime) -> Document:
        """The fields, the next instants that follow from them, and no failures: earlier ones no longer count."""
        spread = spread_of(schedule_id, fields)
        next_at = None if fields["paused"] else next(recurrence_of(fields).after(now), None)
        counted = {"failures": 0, "counted_from": now, "paused_reason": None, "mails": self._mails}
        return fields | counted | {"next_at": next_at, "due_at": next_at and next_at + spread}

    # --- the clock's work

    def due(self, now: datetime, count: int) -> list[Document]:
        """Up to `count` schedules that are due, the ones due longest first."""
        query = {"due_at": {"$lte": now, "$type": "date"}, **self._own}
        with one_exchange():
            self._ensure_indexes()
            return list(self._schedules.find(query).sort("due_at", ASCENDING).limit(count))

    def decide(self, occurrences: Sequence[Document]) -> list[Document]:
        """Insert occurrences; those stored under their ids: these, or those of a server that was quicker."""
        if not occurrences:
            return []
        with one_exchange(_BULK_SECONDS):
            if not insert_absent(self._occurrences, [InsertOne(each) for each in occurrences]):
                return list(occurrences)
            return list(self._occurrences.find({"_id": {"$in": [each["_id"] for each in occurrences]}}))

    def move(self, moves: Sequence[tuple[Document, datetime | None, Document | None]]) -> None:
        """Move schedules on, each as it was read, to its next instant, and note its last occurrence where there is one.

        A schedule that another server has moved, or somebody changed, stays as it is.
        """
        updates = []
        for schedule, next_at, last in moves:
            due_at = next_at and next_at + spread_of(schedule["_id"], schedule)
            values = {"next_at": next_at, "due_at": due_at} | ({"last": last} if last else {})
            query = {"_id": schedule["_id"], "revision": schedule["revision"], "next_at": schedule["next_at"]}
            updates.append(UpdateOne(query, {"$set": values}))
        if updates:
            with one_exchange(_BULK_SECONDS):
                self._schedules.bulk_write(updates, ordered=False)

    def reopen(self, occurrence: Document) -> tuple[bool, str]:
        """Enter an occurrence by hand where it is new or was missed; whether it was entered now, and its state."""
        changed = {"$set": {"state": ENTERED}, "$unset": {"reason": ""}}
        with one_exchange():
            try:
                self._occurrences.insert_one(occurrence)
            except DuplicateKeyError:
                missed = {"_id": occurrence["_id"], "state": MISSED}
                is_new = self._occurrences.update_one(missed, changed).modified_count > 0
                return is_new, _known(self._occurrences.find_one({"_id": occurrence["_id"]}))["state"]
        return True, ENTERED

    # --- outcomes

    def end(self, report_id: str, state: str, reason: str | None) -> None:
        """Store the outcome of an occurrence."""
        with one_exchange():
            self._occurrences.update_one({"_id": report_id}, {"$set": {"state": state, "reason": reason}})

    def latest(self, schedule_id: str, count: int, *states: str, since: datetime | None = None) -> list[Document]:
        """The latest occurrences of a schedule, newest first: those in these states, of instants after one."""
        query: Document = {"schedule": schedule_id} | ({"state": {"$in": list(states)}} if states else {})
        query |= {"at": {"$gt": since}} if since else {}
        with one_exchange():
            self._ensure_indexes()
            return list(self._occurrences.find(query).sort("at", DESCENDING).limit(count))

    def note(self, schedule_id: str, counted_from: datetime, failures: int, last: Document | None) -> None:
        """Note a schedule's failures in a row since an instant, and its last occurrence."""
        values = {"failures": failures} | ({"last": last} if last else {})
        with one_exchange():
            self._schedules.update_one({"_id": schedule_id, "counted_from": counted_from}, {"$set": values})

    def claim_ping(self, report_id: str) -> bool:
        """True for the first caller with this occurrence."""
        with one_exchange():
            done = self._occurrences.update_one({"_id": report_id, "pinged": None}, {"$set": {"pinged": True}})
        return done.modified_count > 0

    def apply_retention(self, now: datetime, days: float) -> None:
        """Delete the occurrences of instants that are so many days old."""
        with one_exchange(_BULK_SECONDS):
            self._occurrences.delete_many({"at": {"$lt": now - timedelta(days=days)}, "state": {"$ne": ENTERED}})

    # --- to watch

    def late_seconds(self) -> float:
        """How long the schedule that is due longest has waited for a server; 0 where none is due."""
        now = self.now()
        query = {"due_at": {"$lte": now, "$type": "date"}}
        with one_exchange():
            self._ensure_indexes()
            latest = self._schedules.find_one(query, {"due_at": 1}, sort=[("due_at", ASCENDING)])
        return max(0.0, (now - latest["due_at"]).total_seconds()) if latest else 0.0

    def count_by_state(self) -> dict[str, int]:
        """The number of occurrences in each state, every state included."""
        with one_exchange():
            self._ensure_indexes()
            groups = self._occurrences.aggregate(
                [{"$match": {"state": {"$gte": ""}}}, {"$group": {"_id": "$state", "count": {"$sum": 1}}}]
            )
            counted = {str(group["_id"]): group["count"] for group in groups}
        return {state: counted.get(state, 0) for state in STATES}

    # --- below

    @property
    def _own(self) -> Document:
        return {} if self._mails else {"mails": False}

    @property
    def _schedules(self) -> Collection[Document]:
        return self._database.durable(COLLECTION)

    @property
    def _occurrences(self) -> Collection[Document]:
        return self._database.durable(OCCURRENCES)

    def _ensure_indexes(self) -> None:
        if not self._indexed.is_set():
            due = IndexModel([("due_at", ASCENDING)], partialFilterExpression={"due_at": {"$type": "date"}})
            self._schedules.create_indexes([due])
            keys = [("schedule", ASCENDING), ("at", DESCENDING)], [("state", ASCENDING), ("at", ASCENDING)]
            self._occurrences.create_indexes([IndexModel(list(key)) for key in keys])
            self._indexed.set()


def report_id_of(schedule: Mapping[str, Any], at_utc: datetime | str) -> str:
    """The id of the report of a nominal instant: the same on every server, and unguessable."""
    text = at_utc if isinstance(at_utc, str) else to_iso_text(at_utc)
    return derived_report_id(schedule["key"], text)


def spread_of(schedule_id: str, fields: Mapping[str, Any]) -> timedelta:
    """How long after its nominal instants a schedule is due: whole minutes, always the same."""
    number = int.from_bytes(hmac.digest(b"spread", schedule_id.encode(), "sha256")[:8], "big")
    return timedelta(minutes=number % (fields["spread_minutes"] + 1))


def _known(document: Document | None) -> Document:
    if document is None:
        raise UnknownSchedule
    return document
