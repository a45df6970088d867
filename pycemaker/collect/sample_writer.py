"""Writer of collected samples. A sample that is there already, by its `_id`, is left as it is."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pymongo import InsertOne

from pycemaker.errors import IndexesNotReady
from pycemaker.mongo.absent_inserts import insert_absent
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.indexes import APPLICATION_KEY, Indexes
from pycemaker.parsing.application_names import FIELD

WRITE_SECONDS = 10.0
CHUNK = 5_000
"""Documents written in one exchange with MongoDB."""


class SampleWriter:
    """Writes samples. Threads share it. Reads with the same `indexes` know of a new application at once."""

    def __init__(self, database: Database, indexes: Indexes | None = None) -> None:
        self._database = database
        self._indexes = indexes or Indexes(database)

    def write(self, documents: Mapping[str, Sequence[dict[str, Any]]]) -> int:
        """Write documents by their collections; return how many were not there yet.

        A collection gets its indexes before its first document: built later, they would hold up the first read.

        Raises:
            DatabaseUnreachable: MongoDB is away or refused one; those before it are written.
        """
        return sum(self._write_collection(name, each) for name, each in documents.items() if each)

    def _write_collection(self, name: str, documents: Sequence[dict[str, Any]]) -> int:
        with suppress(IndexesNotReady):  # of an older collection: it is made beside this
            self._indexes.ensure(name)
            if any(FIELD in document for document in documents):
                self._indexes.note_applications()
                self._indexes.ensure(name, key=APPLICATION_KEY)
        return sum(
            self._write_chunk(name, documents[start : start + CHUNK]) for start in range(0, len(documents), CHUNK)
        )

    def _write_chunk(self, name: str, documents: Sequence[dict[str, Any]]) -> int:
        with one_exchange(WRITE_SECONDS):
            return len(documents) - insert_absent(self._database[name], [InsertOne(each) for each in documents])
