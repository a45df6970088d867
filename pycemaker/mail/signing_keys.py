"""Signing keys of all servers: random, stored in MongoDB, numbered upwards.

The newest key signs. Older keys still verify until they are deleted, so that a new key does not break older links.
Each purpose has a derived key (see `derived`): a signature for one purpose does not verify for another.
"""

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from pycemaker.mongo.database import Database, Document, one_exchange

COLLECTION = "signing_keys"
_BYTES = 32
_LASTING = WriteConcern("majority")  # a failover must not lose a key that has signed links


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
        database: the database; the first key is made when it is first needed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> SigningKey:
        """The key to sign with."""
        return self._find(sort=[("_id", -1)]) or self._make(1)

    def find(self, number: int) -> SigningKey | None:
        """The key of that number; None where there is none, or not any more."""
        return self._find({"_id": number})

    def renew(self) -> SigningKey:
        """Make a new key to sign with."""
        return self._make(self.newest().number + 1)

    def forget_older(self) -> int:
        """Delete all but the newest, so that what they signed verifies no more; the number deleted."""
        with one_exchange():
            return self._database[COLLECTION].delete_many({"_id": {"$lt": self.newest().number}}).deleted_count

    def _find(self, *query: Document, **options: Any) -> SigningKey | None:
        with one_exchange():
            document = self._database[COLLECTION].find_one(*query, **options)
        return SigningKey(document["_id"], bytes(document["secret"])) if document else None

    def _make(self, number: int) -> SigningKey:
        """A new key of this number; another server's, where that has just made it."""
        document = {"_id": number, "secret": secrets.token_bytes(_BYTES), "made_at": datetime.now(UTC)}
        with one_exchange(), suppress(DuplicateKeyError):
            self._database[COLLECTION].with_options(write_concern=_LASTING).insert_one(document)
        return self.find(number) or self.newest()
