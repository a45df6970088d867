"""WiredTiger's own counts of what was ever written to a collection (see `changes`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure

from pycemaker.cache.change_detector import PeriodicInvalidation
from pycemaker.mongo.database import Database, one_exchange

_ENGINE = "$storageStats.wiredTiger"
_NEEDED = ("insert calls", "modify", "update calls", "remove calls")
"""Without one of these a write could go uncounted; MongoDB promises no names."""

_OTHERS = ("modify", "update calls", "remove calls", "truncate calls", "bulk loaded cursor insert calls")
_NO_SUCH_COLLECTION = 26


@dataclass(frozen=True)
class WriteCounts:
    """WiredTiger's counters of one collection: which one it is and since when, inserts, all other writes."""

    identity: tuple[Any, ...]
    inserts: int
    others: int


class CounterDetector:
    """Compares counters with what the probe found.

    Args:
        read: gives the counters; None where they cannot be had.
    """

    def __init__(self, read: Callable[[], WriteCounts | None]) -> None:
        self._read = read
        self._rereading = PeriodicInvalidation()
        self._seen: WriteCounts | None = None
        self._before: WriteCounts | None = None
        self._unexplained = 0

    def before_probe(self) -> None:
        """Read the counters. Raises as the protocol says."""
        self._seen = self._read()

    def has_changed(self, appended: int) -> bool:
        """Whether the counters moved by anything but so many inserts.

        A sample that came between the look and the probe was found but not counted: it may be owed until the next look.
        """
        before, self._before = self._before, self._seen
        if self._seen is None:
            return self._rereading.has_changed(appended)
        if before is None or (before.identity, before.others) != (self._seen.identity, self._seen.others):
            self._unexplained = 0
            return True
        owed = self._unexplained < 0
        self._unexplained += self._seen.inserts - before.inserts - appended
        if self._unexplained > 0 or (owed and self._unexplained < 0):
            self._unexplained = 0
            return True
        return False


def read_write_counts(database: Database, collection: str) -> WriteCounts | None:
    """The collection's counters; None where this deployment or user has none.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with one_exchange():
        try:
            hello = database.handle.command("hello")
            found = list(
                database[collection].aggregate(
                    [
                        {"$collStats": {"storageStats": {}}},
                        {"$project": {"uri": f"{_ENGINE}.uri", "cursor": f"{_ENGINE}.cursor"}},
                    ]
                )
            )
        except OperationFailure as error:
            return WriteCounts((0,), 0, 0) if error.code == _NO_SUCH_COLLECTION else None
    calls = found[0].get("cursor", {}) if len(found) == 1 else {}
    if not all(name in calls for name in _NEEDED):
        return None
    identity = (hello.get("topologyVersion", {}).get("processId"), found[0].get("uri"))
    return WriteCounts(identity, calls["insert calls"], sum(calls.get(name, 0) for name in _OTHERS))
