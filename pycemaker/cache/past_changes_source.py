"""Choice of the change detector that a deployment offers (see `past_changes`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pymongo import ReadPreference

from pycemaker.cache.change_stream import ChangeStream, StreamDetector, has_change_streams
from pycemaker.cache.past_changes import ChangeDetector, FallbackDetector, PeriodicInvalidation, read_kind
from pycemaker.cache.write_counters import CounterDetector, read_write_counts
from pycemaker.mongo.database import Database


def choose_detectors(database: Database, edges_ms: Mapping[str, Callable[[], int | None]]) -> dict[str, ChangeDetector]:
    """A change detector for each collection.

    Reads from secondaries may be older than any stream or counter, and so are invalidated periodically.

    Args:
        database: where the collections are.
        edges_ms: by collection, its edge: the probe sees every later sample; None where there is no edge.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    if database.handle.read_preference != ReadPreference.PRIMARY:
        return {collection: PeriodicInvalidation() for collection in edges_ms}
    return {
        collection: FallbackDetector(detector, partial(read_kind, database, collection))
        for collection, detector in _plain_detectors(database, edges_ms).items()
    }


def _plain_detectors(database: Database, edges_ms: Mapping[str, Callable[[], int | None]]) -> dict[str, ChangeDetector]:
    """The detectors for plain collections."""
    if has_change_streams(database):
        stream = ChangeStream(database.handle, edges_ms)
        return {collection: StreamDetector(stream, collection) for collection in edges_ms}
    return {collection: CounterDetector(partial(read_write_counts, database, collection)) for collection in edges_ms}
