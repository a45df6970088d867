"""Keys that every server signs with: random, kept in MongoDB, each under a number that only grows.

The newest one signs. Older ones still verify until they are forgotten, so that a new key does not break what is out.
What a key signs says what it is for (see `derived`): a signature made for one purpose is none for another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from pycemaker.mongo.database import Database, one_exchange

COLLECTION = "signing_keys"
_BYTES = 32
_LASTING = WriteConcern("majority")  # a key that a failover takes back has signed what is out


@dataclass(frozen=True)
class SigningKey:
    """A key and its number."""

    number: int
    secret: bytes = field(repr=False)

    def derived(self, purpose: str) -> bytes:
        """A key for this purpose alone: HMAC-SHA256 of the purpose's name, the expanding step of HKDF (RFC 5869)."""
        return hmac.digest(self.secret, purpose.encode() + b"\x01", hashlib.sha256)


class SigningKeys:
    """The keys in one database. Every method raises DatabaseUnreachable where MongoDB is away.

    Args:
        database: where they are; the first one is made when it is first needed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> SigningKey:
        """The key to sign with."""
        return self._newest() or self._make(1)

    def find(self, number: int) -> SigningKey | None:
        """The key of that number; None where it never was, or was forgotten."""
        with one_exchange():
            found = self._database[COLLECTION].find_one({"_id": number})
        return SigningKey(found["_id"], bytes(found["secret"])) if found else None

    def renew(self) -> SigningKey:
        """Make a new key to sign with."""
        return self._make(self.newest().number + 1)

    def forget_older(self) -> int:
        """Remove all but the newest: nothing that they signed verifies any more. How many they were."""
        with one_exchange():
            return self._database[COLLECTION].delete_many({"_id": {"$lt": self.newest().number}}).deleted_count

    def _newest(self) -> SigningKey | None:
        with one_exchange():
            found = self._database[COLLECTION].find_one(sort=[("_id", -1)])
        return SigningKey(found["_id"], bytes(found["secret"])) if found else None

    def _make(self, number: int) -> SigningKey:
        """A key of this number; where another server has just made it, that one."""
        made = {"_id": number, "secret": secrets.token_bytes(_BYTES), "made_at": datetime.now(UTC)}
        with one_exchange(), suppress(DuplicateKeyError):
            self._database[COLLECTION].with_options(write_concern=_LASTING).insert_one(made)
        return self.find(number) or self.newest()
