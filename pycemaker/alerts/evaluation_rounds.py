"""Rounds of evaluation: the one document in MongoDB by which one server at a time evaluates a minute.

It has the minute that was evaluated last, and who evaluates now, with a lease.
"""

import secrets
from datetime import datetime

from pymongo.collection import Collection

from pycemaker.analysis.health import MINUTE_MS
from pycemaker.jobs.job_updates import now_plus
from pycemaker.mongo.database import Database, Document, one_exchange
from pycemaker.mongo.stored_fields import LENIENT
from pycemaker.window import from_epoch_ms, to_epoch_ms

COLLECTION = "alert_rounds"

LATE_SECONDS = 180
"""The seconds after which the evaluation counts as late: a minute is evaluated some seconds after its end."""

LEASE_SECONDS = 20.0
"""The time after which another server takes over what one that ended has claimed; a minute takes a few seconds."""

CLOCK_STEP_MS = 2 * MINUTE_MS
"""How far ahead the minute that was evaluated last may be: further ahead a clock was wrong, and it does not count."""

_ROUND = "round"


class EvaluationRounds:
    """The rounds in one database. Threads share it. Every method raises DatabaseUnreachable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = secrets.token_hex(8)

    def claim(self, minute_ms: int) -> int | None:
        """Claim the evaluation up to this minute; the minute that was evaluated last.

        None where that is done, or another server is at it, whose claim lapses after LEASE_SECONDS.
        """
        lease_ms, last = round(LEASE_SECONDS * 1000), from_epoch_ms(minute_ms)
        is_leased = {"$and": [{"$gt": ["$lease_until", "$$NOW"]}, {"$lte": ["$lease_until", now_plus(2 * lease_ms)]}]}
        claim = {"owner": self._owner, "lease_until": now_plus(lease_ms)}
        is_done = {
            "$and": [{"$gte": ["$minute", last]}, {"$lte": ["$minute", from_epoch_ms(minute_ms + CLOCK_STEP_MS)]}]
        }
        query = {"_id": _ROUND, "$expr": {"$not": {"$or": [is_done, is_leased]}}}
        first = {"minute": from_epoch_ms(minute_ms - MINUTE_MS), "lease_until": from_epoch_ms(0)}
        with one_exchange():
            self._collection.update_one({"_id": _ROUND}, {"$setOnInsert": first}, upsert=True)
            document = self._collection.find_one_and_update(query, [{"$set": claim}])
        return None if document is None else min(_minute_ms(document), minute_ms - MINUTE_MS)

    def finish(self, minute_ms: int, *, is_last: bool) -> bool:
        """Note that a minute is evaluated, and give the claim back after the last one; False where it was lost."""
        until = from_epoch_ms(0) if is_last else now_plus(round(LEASE_SECONDS * 1000))
        values = {"minute": from_epoch_ms(minute_ms), "lease_until": until}
        with one_exchange():
            return (
                self._collection.update_one({"_id": _ROUND, "owner": self._owner}, [{"$set": values}]).matched_count > 0
            )

    def last_minute_ms(self) -> int:
        """The end of the minute that was evaluated last, milliseconds since 1970 in UTC; 0 before the first round."""
        with one_exchange():
            document = self._collection.find_one({"_id": _ROUND})
        return _minute_ms(document or {})

    def late_seconds(self) -> float | None:
        """The seconds since the end of the minute that was evaluated last, by MongoDB's clock; None before any."""
        last_ms = self.last_minute_ms()
        return max(0.0, (to_epoch_ms(self._database.now()) - last_ms) / 1000) if last_ms else None

    @property
    def _collection(self) -> Collection[Document]:
        return self._database.durable(COLLECTION, LENIENT)


def _minute_ms(document: Document) -> int:
    """The minute of the round's document; 0 where it has none."""
    minute = document.get("minute")
    return to_epoch_ms(minute) if isinstance(minute, datetime) else 0
