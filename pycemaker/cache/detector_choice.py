"""Which way to know of changes a deployment offers (see `changes`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pymongo import ReadPreference

from pycemaker.cache.change_detector import ChangeDetector, FallbackDetector, PeriodicInvalidation, read_kind
from pycemaker.cache.change_stream import ChangeStream, StreamDetector, has_change_streams
from pycemaker.cache.write_counters import CounterDetector, read_write_counts
from pycemaker.mongo.database import Database


def choose_detector(database: Database, end_ms: Mapping[str, Callable[[], int | None]]) -> dict[str, ChangeDetector]:
    """The changes of each collection. What is read from secondaries may be older than what is told: it is read again.

    Args:
        database: where they are.
        end_ms: by collection, from which time on the probe of the end sees every sample; None where there is no end.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    if not _reads_from_primary(database):
        return {collection: PeriodicInvalidation() for collection in end_ms}
    told = _told(database, end_ms)
    return {
        collection: FallbackDetector(told[collection], partial(read_kind, database, collection))
        for collection in end_ms
    }


def _reads_from_primary(database: Database) -> bool:
    return bool(database.handle.read_preference == ReadPreference.PRIMARY)


def _told(database: Database, end_ms: Mapping[str, Callable[[], int | None]]) -> dict[str, ChangeDetector]:
    if has_change_streams(database):
        stream = ChangeStream(database.handle, end_ms)
        return {collection: StreamDetector(stream, collection) for collection in end_ms}
    return {collection: CounterDetector(partial(read_write_counts, database, collection)) for collection in end_ms}
