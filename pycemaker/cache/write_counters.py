"""WiredTiger's counts of the writes to a collection: changes on a standalone mongod (see `past_changes`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure

from pycemaker.cache.past_changes import PeriodicInvalidation
from pycemaker.mongo.database import Database, one_exchange

_ENGINE = "$storageStats.wiredTiger"
_NEEDED = ("insert calls", "modify", "update calls", "remove calls")
"""MongoDB promises no names of counters; without one of these a write could go uncounted."""

_OTHERS = ("modify", "update calls", "remove calls", "truncate calls", "bulk loaded cursor insert calls")
_NO_SUCH_COLLECTION = 26


@dataclass(frozen=True)
class WriteCounts:
    """WiredTiger's counters of one collection.
    `identity`: of the collection and of the mongod's process; counts of another identity are not comparable.
    `inserts`, `others`: how many inserts, and how many other writes.
    """

    identity: tuple[Any, ...]
    inserts: int
    others: int


class CounterDetector:
    """Compares a collection's counters with the samples that the probe found.
    `read_counts`: the counters; None where the deployment or user has none.
    `are_several`: true where several applications write to the collection. Inserts that the probe does not explain are
    other applications' then, as a rule, and count as a change every INVALIDATE_SECONDS.
    """

    def __init__(
        self, read_counts: Callable[[], WriteCounts | None], are_several: Callable[[], bool] = lambda: False
    ) -> None:
        self._read_counts = read_counts
        self._are_several = are_several
        self._has_unexplained = False
        self._fallback = PeriodicInvalidation()
        self._latest: WriteCounts | None = None
        self._previous: WriteCounts | None = None
        self._unexplained = 0

    def before_probe(self) -> None:
        """Read the counters. Raises as the protocol says."""
        self._latest = self._read_counts()

    def has_changed(self, appended: int) -> bool:
        """True where the counters moved by anything but so many inserts.

        A sample that came between the counters and the probe was found but not counted: its insert may be owed until
        the next probe.
        """
        previous, self._previous = self._previous, self._latest
        if self._latest is None:
            return self._fallback.has_changed(appended)
        if previous is None or (previous.identity, previous.others) != (self._latest.identity, self._latest.others):
            self._unexplained, self._has_unexplained = 0, False
            return True
        owed = self._unexplained < 0
        self._unexplained += self._latest.inserts - previous.inserts - appended
        if self._unexplained > 0 or (owed and self._unexplained < 0):
            self._unexplained = 0
            self._has_unexplained = True
        if not self._has_unexplained or (self._are_several() and not self._fallback.has_changed(appended)):
            return False
        self._has_unexplained = False
        return True


def read_write_counts(database: Database, collection: str) -> WriteCounts | None:
    """The collection's counters; None where this deployment or user has none.
    Raises DatabaseUnreachable: MongoDB is away.
    """
    with one_exchange():
        try:
            hello = database.handle.command("hello")
            stats = list(
                database[collection].aggregate(
                    [
                        {"$collStats": {"storageStats": {}}},
                        {"$project": {"uri": f"{_ENGINE}.uri", "cursor": f"{_ENGINE}.cursor"}},
                    ]
                )
            )
        except OperationFailure as error:
            return WriteCounts((0,), 0, 0) if error.code == _NO_SUCH_COLLECTION else None
    calls = stats[0].get("cursor", {}) if len(stats) == 1 else {}
    if not all(name in calls for name in _NEEDED):
        return None
    identity = (hello.get("topologyVersion", {}).get("processId"), stats[0].get("uri"))
    return WriteCounts(identity, calls["insert calls"], sum(calls.get(name, 0) for name in _OTHERS))
