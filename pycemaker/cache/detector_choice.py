"""Choice of the change detector that a deployment offers (see `past_changes`)."""

from collections.abc import Callable, Mapping
from functools import partial

from pymongo import ReadPreference

from pycemaker.cache.change_stream import ChangeStream, StreamDetector, has_change_streams
from pycemaker.cache.past_changes import ChangeDetector, FallbackDetector, PeriodicInvalidation, read_kind
from pycemaker.cache.write_counters import CounterDetector, read_write_counts
from pycemaker.mongo.database import Database

MakeDetector = Callable[[str, str], ChangeDetector]
"""Makes the change detector of a collection and an application."""


def choose_detectors(
    database: Database, edges_ms: Mapping[str, Callable[[str], int | None]], are_several: Callable[[], bool]
) -> MakeDetector:
    """Makes change detectors of the kind that the deployment offers.

    Reads from secondaries may be older than any stream or counter, and so are invalidated periodically.

    Args:
        edges_ms: by collection, an application's edge in it: its probe sees every later sample; None without an edge.
        are_several: true where an application beside the default one is known.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    if database.handle.read_preference != ReadPreference.PRIMARY:
        return lambda _collection, _application: PeriodicInvalidation()
    stream = ChangeStream(database.handle, edges_ms) if has_change_streams(database) else None

    def make(collection: str, application: str) -> ChangeDetector:
        counters = partial(read_write_counts, database, collection)
        plain = StreamDetector(stream, (collection, application)) if stream else CounterDetector(counters, are_several)
        return FallbackDetector(plain, partial(read_kind, database, collection))

    return make
