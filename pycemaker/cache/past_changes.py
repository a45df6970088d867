"""Change detection: whether a collection changed in any other way than by new samples at its end.

Three ways, the first that the deployment offers:

* **Change stream** (`change_stream`; replica sets, sharded clusters). One stream a process over all metrics has each
  write: an insert at the end is left to the probe, anything else is a change. It lags the write by the time until a
  majority has it, milliseconds as a rule. It counts as up to date while it found nothing more to read within the last
  5 s, or read what was written 2 s before at most, and while a replica set's majority is not 4 s behind its primary.
* **Write counters** (`write_counters`; a standalone mongod). `$collStats` has WiredTiger's counts of the inserts,
  updates and removals since mongod started, and of the keys removed from an index. They are read just before the
  probe: as many inserts as it found new samples, and nothing else, means no change. 1.8 ms a look, whatever the size.
  A write is counted a moment before it is visible, so each change is checked twice, 3 s apart.
* **Periodic invalidation** (views, time-series collections, other engines, reads from secondaries, users without the
  right to either, a stream that fell behind). Every 5 s everything in memory counts as changed.
"""

import time
from collections.abc import Callable
from typing import Protocol

from pymongo.errors import OperationFailure

from pycemaker.mongo.database import Database, one_exchange

INVALIDATE_SECONDS = 5.0

SETTLE_SECONDS = 3.0
"""Time after a change until everything is compared once more: a write may be counted before it is visible."""

_PLAIN = "collection"


class ChangeDetector(Protocol):
    """One collection's changes."""

    def before_probe(self) -> None:
        """Note the state of the collection; called before its end is probed.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """

    def has_changed(self, appended: int) -> bool:
        """True where anything changed since the last probe but the `appended` documents that this one found."""


class PeriodicInvalidation:
    """Knows nothing, and so reports a change every INVALIDATE_SECONDS."""

    def __init__(self) -> None:
        self._invalidated_at = time.monotonic()

    def before_probe(self) -> None:
        """Nothing to note."""

    def has_changed(self, appended: int) -> bool:  # noqa: ARG002 - of no use here
        """True where INVALIDATE_SECONDS have passed."""
        if time.monotonic() - self._invalidated_at < INVALIDATE_SECONDS:
            return False
        self._invalidated_at = time.monotonic()
        return True


class FallbackDetector:
    """Uses a detector while the metric's name is that of a plain collection, and periodic invalidation else.

    A view has no events and no counters; those of a time-series collection are of its buckets.

    Args:
        detector: of a plain collection.
        read_kind: MongoDB's word for what has the metric's name; None where nothing has, or it is not known.
    """

    def __init__(self, detector: ChangeDetector, read_kind: Callable[[], str | None]) -> None:
        self._detector = detector
        self._read_kind = read_kind
        self._kind: str | None = None
        self._fallback = PeriodicInvalidation()

    def before_probe(self) -> None:
        """Ask for the kind where it may be another one than before. Raises as the protocol says."""
        self._kind = self._kind or self._read_kind()
        if self._kind == _PLAIN:
            self._detector.before_probe()

    def has_changed(self, appended: int) -> bool:
        """As the protocol says."""
        has_changed = (self._detector if self._kind == _PLAIN else self._fallback).has_changed(appended)
        if has_changed:
            self._kind = None
        return has_changed


def read_kind(database: Database, collection: str) -> str | None:
    """MongoDB's word for what has that name: `collection`, `view` or `timeseries`; None for nothing, or no right.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with one_exchange():
        try:
            reply = database.handle.command(
                {"listCollections": 1, "filter": {"name": collection}, "nameOnly": True, "authorizedCollections": True}
            )
        except OperationFailure:
            return None
    return next((entry["type"] for entry in reply["cursor"]["firstBatch"]), None)
