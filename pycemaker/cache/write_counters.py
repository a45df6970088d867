"""WiredTiger's counts of the writes to a collection: changes on a standalone mongod (see `past_changes`).

MongoDB replaces a whole document by an insert in WiredTiger, so an update that gives an old sample a time past the edge
has the counts of a new sample. The index tells them apart: only a key that was there before is removed from it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from pycemaker.cache.past_changes import SETTLE_SECONDS, PeriodicInvalidation
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.indexes import APPLICATION_KEY, KEY

_ENGINE = "$storageStats.wiredTiger"
_INDEXES = "$storageStats.indexDetails"
_INDEX_NAMES = [IndexModel(key).document["name"] for key in (KEY, APPLICATION_KEY)]
"""By name, since a unique index of somebody else's has a key removed at every insert."""

_NEEDED = ("insert calls", "modify", "update calls", "remove calls")
"""MongoDB promises no names of counters; without one of these a write could go uncounted."""

_OTHERS = ("modify", "update calls", "remove calls", "truncate calls", "bulk loaded cursor insert calls")
_OF_INDEXES = [
    {"uri": f"{_INDEXES}.{name}.uri", "removed": f"{_INDEXES}.{name}.cursor.remove calls"} for name in _INDEX_NAMES
]
_NO_SUCH_COLLECTION = 26


@dataclass(frozen=True)
class WriteCounts:
    """WiredTiger's counters of one collection.

    Attributes:
        identity: of the collection, its indexes and the mongod's process; counts of another one are not comparable.
        inserts: how many inserts, among them updates that replace a whole document.
        others: how many other writes, and how many keys were removed from the indexes by `time_series`; without such an
            index all inserts count here too.
    """

    identity: tuple[Any, ...]
    inserts: int
    others: int


class CounterDetector:
    """Compares a collection's counters with the samples that the probe found.

    Args:
        read_counts: the counters; None where the deployment or user has none.
        are_several: true where several applications write to the collection. Inserts that the probe does not explain
            are other applications' then, as a rule, and count as a change every INVALIDATE_SECONDS.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        read_counts: Callable[[], WriteCounts | None],
        are_several: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_counts = read_counts
        self._are_several = are_several
        self._has_unexplained = False
        self._fallback = PeriodicInvalidation()
        self._latest: WriteCounts | None = None
        self._previous: WriteCounts | None = None
        self._unexplained = 0
        self._clock = clock
        self._settles_at: float | None = None

    def before_probe(self) -> None:
        """Read the counters. Raises as the protocol says."""
        self._latest = self._read_counts()

    def has_changed(self, appended: int) -> bool:
        """True where the counters moved by anything but so many inserts.

        A sample that came between the counters and the probe was found but not counted: its insert may be owed until
        the next probe. Soon after a change nothing is owed: the sample may be one that was counted with the change, and
        became visible since; a late sample would pass for its insert.
        """
        previous, self._previous = self._previous, self._latest
        if self._latest is None:
            return self._fallback.has_changed(appended)
        if previous is None or (previous.identity, previous.others) != (self._latest.identity, self._latest.others):
            self._has_unexplained = False
            self._begin_to_settle()
            return True
        owed = self._unexplained < 0
        self._unexplained += self._latest.inserts - previous.inserts - appended
        if self._settles_at is not None:
            self._unexplained = max(0, self._unexplained)
            self._settles_at = self._settles_at if self._clock() < self._settles_at else None
        if self._unexplained > 0 or (owed and self._unexplained < 0):
            self._has_unexplained = True
            self._begin_to_settle()
        if not self._has_unexplained or (self._are_several() and not self._fallback.has_changed(appended)):
            return False
        self._has_unexplained = False
        return True

    def _begin_to_settle(self) -> None:
        self._unexplained = 0
        self._settles_at = self._clock() + SETTLE_SECONDS


def read_write_counts(database: Database, collection: str) -> WriteCounts | None:
    """The collection's counters; None where this deployment or user has none.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with one_exchange():
        try:
            hello = database.handle.command("hello")
            stats = list(
                database[collection].aggregate(
                    [
                        {"$collStats": {"storageStats": {}}},
                        {"$project": {"uri": f"{_ENGINE}.uri", "cursor": f"{_ENGINE}.cursor", "indexes": _OF_INDEXES}},
                    ]
                )
            )
        except OperationFailure as error:
            return WriteCounts((0,), 0, 0) if error.code == _NO_SUCH_COLLECTION else None
    calls = stats[0].get("cursor", {}) if len(stats) == 1 else {}
    if not all(name in calls for name in _NEEDED):
        return None
    indexes = [index for index in stats[0].get("indexes", []) if "removed" in index]
    identity = (
        hello.get("topologyVersion", {}).get("processId"),
        *(each.get("uri") for each in (stats[0], *indexes)),
    )
    others = sum(calls.get(name, 0) for name in _OTHERS)
    moved = sum(index["removed"] for index in indexes) if indexes else calls["insert calls"]
    return WriteCounts(identity, calls["insert calls"], others + moved)
