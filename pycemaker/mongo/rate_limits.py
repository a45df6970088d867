"""Rate limits, counted in MongoDB: the same for all servers, and across restarts.

One document for each key holds the instants of the requests admitted in the last window. One `findAndModify` reads and
counts at once, by the database's clock (`$$NOW`), so that two servers never both admit the last one. Refused requests
are not counted. A TTL index removes a document when its window is over.
"""

import hashlib
import logging
import math
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure

from pycemaker.mongo.database import Database, Document, one_exchange

COLLECTION = "limits"

MOST = 1000  # The largest `RateLimit.most`: a document holds an instant for each, some 40 bytes

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RateLimit:
    """At most `most` in any `seconds`, for each key of this `name`; 0 limits nothing."""

    name: str
    most: int
    seconds: int = 3600


@dataclass(frozen=True)
class LimitExceeded:
    """A key at its limit, and the whole seconds until one more is admitted."""

    limit: RateLimit
    key: str
    retry_after_seconds: int


class Admission:
    """The counts of one request. `release` undoes them where the request is refused later on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hit_id = secrets.token_hex(6)
        self._ids: list[str] = []

    def release(self) -> None:
        """Undo the counts. Twice is once. Raises DatabaseUnreachable: they stay."""
        if self._ids:
            with one_exchange():
                self._database[COLLECTION].update_many(
                    {"_id": {"$in": self._ids}}, {"$pull": {"hits": {"mark": self._hit_id}}}
                )
            self._ids = []

    def take(self, limit: RateLimit, key: str, count: int = 1) -> LimitExceeded | None:
        """Count `count` of `key` under `limit`; nothing where that would exceed it.

        Raises:
            DatabaseUnreachable: it is unknown whether it was counted.
        """
        document_id = _id(limit, key)
        with one_exchange():
            document = _count(self._database, document_id, limit, [self._hit_id] * count)
        if any(hit["mark"] == self._hit_id for hit in document["hits"]):
            self._ids.append(document_id)
            return None
        return LimitExceeded(limit, key, _wait_seconds(document, limit, count))


class RateLimits:
    """Counts in one database. Threads and processes share it. `database`: holds the collection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_index = False

    def admit(self, wanted: Iterable[tuple[RateLimit, str]]) -> Admission | LimitExceeded:
        """Count one under each limit and key; none at all where one of them is at its limit.

        A pair that is there twice counts twice.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        self._ensure_index()
        admission = Admission(self._database)
        for (limit, key), count in Counter(wanted).items():
            if limit.most and (refused := admission.take(limit, key, count)):
                admission.release()
                return refused
        return admission

    def look(self, limit: RateLimit, key: str) -> LimitExceeded | None:
        """The limit that would refuse one more of `key` now; None where none would. Counts nothing.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        with one_exchange():
            document = next(self._database[COLLECTION].aggregate(
                [{"$match": {"_id": _id(limit, key)}}, {"$set": _still_counting(limit)}], comment="limits"
            ), None)  # fmt: skip
        if not limit.most or document is None or len(document["hits"]) < limit.most:
            return None
        return LimitExceeded(limit, key, _wait_seconds(document, limit))

    def _ensure_index(self) -> None:
        """Make the TTL index. Where that is forbidden, documents stay, and counts are right all the same."""
        if self._has_index:
            return
        with one_exchange():
            try:
                self._database[COLLECTION].create_index("expires_at", expireAfterSeconds=0)
            except OperationFailure as error:
                _log.warning("no index made on %s: %s", COLLECTION, error.details and error.details.get("codeName"))
        self._has_index = True


def _id(limit: RateLimit, key: str) -> str:
    """The document's id. Keys are addresses of people and machines: only a digest of them is kept."""
    return f"{limit.name}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _still_counting(limit: RateLimit) -> dict[str, Any]:
    began = {"$subtract": ["$$NOW", limit.seconds * 1000]}
    recent = {"$filter": {"input": {"$ifNull": ["$hits", []]}, "as": "hit", "cond": {"$gt": ["$$hit.at", began]}}}
    return {"hits": recent, "looked_at": "$$NOW"}


def _count(database: Database, document_id: str, limit: RateLimit, hit_ids: list[str]) -> Document:
    added = {"$concatArrays": ["$hits", [{"at": "$$NOW", "mark": hit_id} for hit_id in hit_ids]]}
    has_room = {"$lte": [{"$size": "$hits"}, limit.most - len(hit_ids)]}
    update = [
        {"$set": _still_counting(limit)},
        {"$set": {"hits": {"$cond": [has_room, added, "$hits"]}}},
        {"$set": {"expires_at": {"$add": [{"$max": ["$$NOW", {"$max": "$hits.at"}]}, limit.seconds * 1000]}}},
    ]

    def update_one() -> Document:
        return cast("Document", database[COLLECTION].find_one_and_update(
            {"_id": document_id}, update, upsert=True, return_document=ReturnDocument.AFTER
        ))  # fmt: skip

    try:
        return update_one()
    except DuplicateKeyError:  # two servers made the document at once; now it is there
        return update_one()


def _wait_seconds(document: Document, limit: RateLimit, count: int = 1) -> int:
    """The seconds until the window has room for `count` more; the limit may have been larger before."""
    times: list[datetime] = sorted(hit["at"] for hit in document["hits"])
    too_many = len(times) + count - limit.most
    if not 0 < too_many <= len(times):
        return limit.seconds
    waited = (document["looked_at"] - times[too_many - 1]).total_seconds()
    return int(min(limit.seconds, max(1, math.ceil(limit.seconds - waited))))
