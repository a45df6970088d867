"""Suppressions: addresses that get no more of a report, looked up before each mail is sent.

A suppression is for one address and one report, the reports of one schedule, or every report. The recipient set it,
through the link in a mail, or the operator; either can lift only their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions

from pycemaker.mongo.database import Database, one_exchange, translated

COLLECTION = "suppressions"
EVERY_REPORT = "*"  # In place of a report's name: all reports, future ones included
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)

RECIPIENT = "recipient"
OPERATOR = "operator"


@dataclass(frozen=True)
class Suppression:
    """One address and one report (or EVERY_REPORT): set by RECIPIENT or OPERATOR, and when."""

    address: str
    notebook: str
    by: str
    since_utc: datetime


_SCHEDULE = "schedule:"


def subscription_of(schedule_id: str) -> str:
    """A schedule's name in place of a report's: `schedule:<id>`."""
    return _SCHEDULE + schedule_id


def schedule_of(subscription: str) -> str | None:
    """The schedule's id out of such a name; None for a report's name."""
    return subscription.removeprefix(_SCHEDULE) if subscription.startswith(_SCHEDULE) else None


def inbox(address: str) -> str:
    """The inbox of an address: `Ana+x@b.com` and `ana+y@b.com` are one inbox with most providers."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


class Suppressions:
    """The suppressions in one database. Addresses are compared without regard to case.

    A suppression of an inbox (`ana@b.com`) holds for each tag of it (`ana+x@b.com`), not the other way round.

    Every method raises DatabaseUnreachable where MongoDB is away: nobody is mailed without a look at the suppressions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_suppressed(self, address: str, notebook: str = EVERY_REPORT) -> bool:
        """True if this report (by default any report) must not be mailed to the address."""
        return bool(self.of(address, notebook))

    def of(self, address: str, notebook: str) -> list[Suppression]:
        """The suppressions that keep this report from the address; empty where it may be mailed."""
        ids = [each for name in dict.fromkeys((notebook, EVERY_REPORT)) for each in _ids(address, name)]
        with one_exchange():
            return [_read(document) for document in self._database[COLLECTION].find({"_id": {"$in": ids}})]

    def add(self, address: str, notebook: str = EVERY_REPORT, *, by: str = OPERATOR) -> bool:
        """Suppress the report for the address; whether that is new. The operator overwrites a recipient's."""
        known: dict[str, Any] = {"by": by, "since": datetime.now(UTC)}
        update = {"$set": known} if by == OPERATOR else {"$setOnInsert": known}
        with one_exchange():
            written = self._database[COLLECTION].update_one({"_id": _id(address, notebook)}, update, upsert=True)
        return written.upserted_id is not None

    def remove(self, address: str, notebook: str = EVERY_REPORT, *, by: str = OPERATOR) -> bool:
        """Lift the suppression; whether there was one.

        The operator lifts the inbox's too. A recipient lifts neither that, which may be another person's wish, nor the
        operator's: the link in a tag's mail reaches anybody who reads that mail.
        """
        own: dict[str, Any] = {"_id": _id(address, notebook), "by": RECIPIENT}
        query = own if by == RECIPIENT else {"_id": {"$in": _ids(address, notebook)}}
        with one_exchange():
            return self._database[COLLECTION].delete_many(query).deleted_count > 0

    def every(self) -> Iterator[Suppression]:
        """All suppressions by address, in as many exchanges as it takes."""
        batches: Any = self._database.find_raw_batches(COLLECTION, sort=[("_id", 1)])
        with translated():
            for raw in batches:
                yield from map(_read, bson.decode_all(raw, _AWARE))


def _id(address: str, notebook: str) -> dict[str, str]:
    """The document's id; MongoDB compares it with its fields in this order."""
    return {"address": address.lower(), "notebook": notebook}


def _ids(address: str, notebook: str) -> list[dict[str, str]]:
    """The ids for the address itself, and for its inbox."""
    return [_id(each, notebook) for each in dict.fromkeys((address.lower(), inbox(address)))]


def _read(document: dict[str, Any]) -> Suppression:
    return Suppression(document["_id"]["address"], document["_id"]["notebook"], document["by"], document["since"])
