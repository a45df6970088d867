"""Whether a collection changed in any other way than by new samples at its end.

Three ways to know, the first that the deployment offers:

* **Change streams** (`stream`; replica sets, sharded clusters). One stream a process over all metrics says of each
  write what it was: an insert at the end is left to the probe of the end, anything else is a change. It lags the write
  by the time until a majority has it, milliseconds as a rule. Whether it keeps up is watched: within the last 5 s it
  has to have found nothing more to read, or what was written 2 s before at most, and a replica set's majority must not
  be 4 s behind its primary.
* **Counters** (`counters`; a mongod by itself). `$collStats` has WiredTiger's count of inserts, updates and removals
  that ever touched the collection since mongod started. They are read just before the probe of the end: when as many
  inserts were counted as samples were found, and nothing else, then nothing else happened. 1.8 ms a look, whatever the
  size. They count a write when it is made, a moment before others see it; so a change is taken for two, 3 s apart.
* **Reading again** (views, time-series collections, other engines, reads from secondaries, a user without the right to
  either, a stream that fell behind). Every 5 s everything in memory counts as changed, and what is then asked for is
  read and compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from pymongo.errors import OperationFailure

from pycemaker.mongo.database import Database, one_exchange

INVALIDATE_SECONDS = 5.0
_PLAIN = "collection"


class ChangeDetector(Protocol):
    """One collection's changes."""

    def before_probe(self) -> None:
        """Called before the end of the collection is probed.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """

    def has_changed(self, appended: int) -> bool:
        """Whether there was anything since the last look but the `appended` documents that the probe found."""


class PeriodicInvalidation:
    """Knows nothing, and so says every INVALIDATE_SECONDS that there was a change."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said = clock()

    def before_probe(self) -> None:
        """Nothing to see."""

    def has_changed(self, appended: int) -> bool:  # noqa: ARG002 - of no use here
        """Whether it is time again."""
        if self._clock() - self._said < INVALIDATE_SECONDS:
            return False
        self._said = self._clock()
        return True


class FallbackDetector:
    """What is told of a plain collection; of anything else nothing is told, and it is read again.

    A view has no events and no counters; those of a time-series collection are of its buckets.

    Args:
        detector: of a plain collection.
        read_kind: MongoDB's word for what goes by the metric's name; None where there is nothing, or it is not said.
    """

    def __init__(self, detector: ChangeDetector, read_kind: Callable[[], str | None]) -> None:
        self._detector = detector
        self._read_kind = read_kind
        self._kind: str | None = None
        self._rereading = PeriodicInvalidation()

    def before_probe(self) -> None:
        """See what it is where that may be another thing than before. Raises as the protocol says."""
        self._kind = self._kind or self._read_kind()
        if self._kind == _PLAIN:
            self._detector.before_probe()

    def has_changed(self, appended: int) -> bool:
        """As the protocol says."""
        told = (self._detector if self._kind == _PLAIN else self._rereading).has_changed(appended)
        if told:
            self._kind = None
        return told


def read_kind(database: Database, collection: str) -> str | None:
    """MongoDB's word for what goes by that name: `collection`, `view` or `timeseries`; None for nothing, or no right.

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
    return next((found["type"] for found in reply["cursor"]["firstBatch"]), None)
