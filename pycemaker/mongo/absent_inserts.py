"""Inserts of documents by their ids: what is there already stays as it is."""

from collections.abc import Sequence

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from pycemaker.mongo.database import Document

_DUPLICATE_KEY = 11000


def insert_absent(collection: Collection[Document], inserts: Sequence[InsertOne[Document] | UpdateOne]) -> int:
    """Run inserts, or upserts that insert, within one exchange; how many were there already.

    Raises:
        BulkWriteError: one failed for another reason, or as many members as the collection's write concern names have
            not acknowledged them; those that are there are known to nobody. The same call may be made again.
    """
    try:
        collection.bulk_write(inserts, ordered=False)
    except BulkWriteError as error:
        faults = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(fault["code"] != _DUPLICATE_KEY for fault in faults):
            raise
        return len(faults)
    return 0
