"""Who wants no more reports: looked up before each mail leaves.

A suppression is of one address and one report, or of every report. It was asked for by the recipient, through the link
that their mail carries, or set by whoever operates the service; only they can lift their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions

from pycemaker.mongo.database import Database, one_exchange, translated

COLLECTION = "suppressions"
EVERY_REPORT = "*"
"""In the place of a report's name: all of them, those that are yet to be written too."""

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)

RECIPIENT = "recipient"
OPERATOR = "operator"


@dataclass(frozen=True)
class Suppression:
    """One address and one report (or EVERY_REPORT): by whom (RECIPIENT or OPERATOR), and since when."""

    address: str
    notebook: str
    by: str
    since_utc: datetime


def inbox(address: str) -> str:
    """Where mail to the address arrives: `Ana+x@b.com` and `ana+y@b.com` are one inbox with most providers."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


class Suppressions:
    """The suppressions in one database. Addresses are compared without regard to case.

    What is suppressed for an inbox (`ana@b.com`) is suppressed for each tag of it (`ana+x@b.com`), not the other way.

    Every method raises DatabaseUnreachable where MongoDB is away: nobody is mailed while it is not
    known whether they may be.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_suppressed(self, address: str, notebook: str = EVERY_REPORT) -> bool:
        """Whether this report (by default: any report whatever) must not be mailed to the address."""
        return bool(self.of(address, notebook))

    def of(self, address: str, notebook: str) -> list[Suppression]:
        """What keeps this report from the address: nothing, or one or several."""
        ids = [each for name in dict.fromkeys((notebook, EVERY_REPORT)) for each in _ids(address, name)]
        with one_exchange():
            return [_read(found) for found in self._database[COLLECTION].find({"_id": {"$in": ids}})]

    def add(self, address: str, notebook: str = EVERY_REPORT, *, by: str = OPERATOR) -> bool:
        """Keep the report from the address; whether that is new. The operator's word stands over the recipient's."""
        known: dict[str, Any] = {"by": by, "since": datetime.now(UTC)}
        update = {"$set": known} if by == OPERATOR else {"$setOnInsert": known}
        with one_exchange():
            written = self._database[COLLECTION].update_one({"_id": _id(address, notebook)}, update, upsert=True)
        return written.upserted_id is not None

    def remove(self, address: str, notebook: str = EVERY_REPORT, *, by: str = OPERATOR) -> bool:
        """Lift what suppresses it; whether there was any.

        The operator lifts its inbox's too. A recipient lifts neither that, which may be somebody else's wish, nor the
        operator's: a tag's link reaches whoever reads the tag's mail.
        """
        own: dict[str, Any] = {"_id": _id(address, notebook), "by": RECIPIENT}
        query = own if by == RECIPIENT else {"_id": {"$in": _ids(address, notebook)}}
        with one_exchange():
            return self._database[COLLECTION].delete_many(query).deleted_count > 0

    def every(self) -> Iterator[Suppression]:
        """All of them, by address, however many exchanges that takes."""
        batches: Any = self._database.find_raw_batches(COLLECTION, sort=[("_id", 1)])
        with translated():
            for raw in batches:
                yield from map(_read, bson.decode_all(raw, _AWARE))


def _id(address: str, notebook: str) -> dict[str, str]:
    """The document's id; MongoDB compares it with its fields in this order."""
    return {"address": address.lower(), "notebook": notebook}


def _ids(address: str, notebook: str) -> list[dict[str, str]]:
    """Those of what is for the address itself, and for the inbox that it is a tag of."""
    return [_id(one, notebook) for one in dict.fromkeys((address.lower(), inbox(address)))]


def _read(found: dict[str, Any]) -> Suppression:
    return Suppression(found["_id"]["address"], found["_id"]["notebook"], found["by"], found["since"])
