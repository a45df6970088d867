"""Leases and progress of sources, in MongoDB: each source is collected by one process, whichever lives.

The collection `collect_sources` has a document for each source (`CollectSource.id`): `owner` and `until`, the stretches
of its past that are still to be fetched (`gaps`, milliseconds since 1970), the instant up to which it is fetched
(`reached`), and since when and why it fails; and one for each living process. Instants are MongoDB's own.
"""

import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from pycemaker.collect.collect_file import CollectSource
from pycemaker.mongo.database import Database, Document, one_exchange

COLLECTION = "collect_sources"
LEASE_SECONDS, RENEW_SECONDS = 9.0, 3.0
"""A source whose process died is another's after 12 s at most."""

_PROCESS = "process:"


class SourceLeases:
    """This process's leases on the sources of its file. One thread claims; others may save."""

    def __init__(
        self, database: Database, sources: Iterable[CollectSource], lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._names = {source.id: source.name for source in sources}
        self._lease_ms = round(lease_seconds * 1000)
        self._owner = f"{_PROCESS}{socket.gethostname()[:40]}/{secrets.token_hex(4)}"

    def claim(self) -> set[str]:
        """Renew the leases, take those that are free up to a fair share, give back what is beyond it; the ids held.

        Raises:
            DatabaseUnreachable.
        """
        ids, share = sorted(self._names), self._share()
        until = [{"$set": {"owner": self._owner, "until": {"$add": ["$$NOW", self._lease_ms]}}}]
        expired = {"$or": [{"owner": None}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
        with one_exchange():
            collection = self._database[COLLECTION]
            collection.update_many({"_id": {"$in": ids}, "owner": self._owner}, until)
            held = [each["_id"] for each in collection.find({"_id": {"$in": ids}, "owner": self._owner}, {"_id": 1})]
            for surplus in held[share:]:
                collection.update_one({"_id": surplus, "owner": self._owner}, {"$set": {"owner": None}})
            free = collection.find({"_id": {"$in": ids}, **expired}, {"_id": 1}, limit=max(1, share - len(held)))
            wanted = [each["_id"] for each in free] if len(held) < share else []
            if wanted:
                collection.update_many({"_id": {"$in": wanted}, **expired}, until)
            return {each["_id"] for each in collection.find({"_id": {"$in": ids}, "owner": self._owner}, {"_id": 1})}

    def release(self) -> None:
        """Give everything back. Raises DatabaseUnreachable."""
        with one_exchange():
            self._database[COLLECTION].update_many({"owner": self._owner}, {"$set": {"owner": None}})
            self._database[COLLECTION].delete_one({"_id": self._owner})

    def load(self, source_id: str) -> Document:
        """What is known of a source. Raises DatabaseUnreachable."""
        with one_exchange():
            return self._database[COLLECTION].find_one({"_id": source_id}) or {}

    def save(self, source_id: str, **fields: Any) -> bool:
        """Write fields of a source that this process holds; False where it does not. Raises DatabaseUnreachable."""
        with one_exchange():
            held = {"_id": source_id, "owner": self._owner}
            return bool(self._database[COLLECTION].update_one(held, {"$set": fields}).matched_count)

    def _share(self) -> int:
        """The number of sources that this process may hold beside the others that live; makes missing documents."""
        alive = {"$expr": {"$gt": ["$until", "$$NOW"]}}
        renewed: Any = [{"$set": {"until": {"$add": ["$$NOW", self._lease_ms]}}}]
        with one_exchange():
            collection = self._database[COLLECTION]
            collection.update_one({"_id": self._owner}, renewed, upsert=True)
            processes = collection.count_documents({"_id": {"$regex": f"^{_PROCESS}"}, **alive})
            known = {each["_id"] for each in collection.find({"_id": {"$in": list(self._names)}}, {"_id": 1})}
            missing = [
                UpdateOne({"_id": each}, {"$setOnInsert": {"name": name, "owner": None}}, upsert=True)
                for each, name in self._names.items()
                if each not in known
            ]
            if missing:
                collection.bulk_write(missing, ordered=False)
        return -(-len(self._names) // max(1, processes))


@dataclass(frozen=True)
class SourceState:
    """The state of a source, whichever process collects from it.

    Attributes:
        is_held: a living process does; `fault`: why it fails; `gap_seconds`: its past that is still to be fetched.
    """

    name: str
    is_held: bool
    fault: str | None
    failing_since_utc: datetime | None
    gap_seconds: int

    def failing_minutes(self, now_utc: datetime) -> float:
        """The minutes since it fails; 0 where it works."""
        return max(0.0, (now_utc - self.failing_since_utc).total_seconds() / 60) if self.failing_since_utc else 0.0


def read_states(database: Database, sources: Iterable[CollectSource]) -> list[SourceState]:
    """The state of each of these sources, in their order. Raises DatabaseUnreachable."""
    names = {source.id: source.name for source in sources}
    held: Document = {"is_held": {"$and": [{"$ne": ["$owner", None]}, {"$gt": ["$until", "$$NOW"]}]}}
    with one_exchange():
        rows = database[COLLECTION].aggregate([{"$match": {"_id": {"$in": list(names)}}}, {"$addFields": held}])
        known = {row["_id"]: row for row in rows}
    return [_state(name, known.get(source_id, {})) for source_id, name in names.items()]


def _state(name: str, row: Document) -> SourceState:
    gap_seconds = sum(stop - start for start, stop in row.get("gaps", []))
    return SourceState(name, row.get("is_held", False), row.get("fault"), row.get("failing_since"), gap_seconds)
