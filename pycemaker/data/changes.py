"""Whether a collection changed in any other way than by new samples at its end.

Three ways to know, the first that the deployment offers:

* **Change streams** (replica sets, sharded clusters). One stream a process over all metrics says of each write what it
  was: an insert at the end is left to the probe of the end, anything else is a change. It lags the write by the time
  until a majority has it, milliseconds as a rule. Whether it keeps up is watched: it has to have found nothing more to
  read within the last 5 s, and a replica set's majority must not be 4 s behind its primary.
* **Counters** (a mongod by itself). `$collStats` has WiredTiger's count of inserts, updates and removals that ever
  touched the collection since mongod started. They are read just before the probe of the end: when as many inserts were
  counted as samples were found, and nothing else, then nothing else happened. 1.8 ms a look, whatever the size. They
  count a write when it is made, a moment before others see it; so a change is taken for two, 3 s apart.
* **Reading again** (other engines, a user without the right to either, a stream that fell behind). Every 5 s everything
  in memory counts as changed, and what is then asked for is read and compared.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database as MongoDatabase
from pymongo.errors import InvalidOperation, OperationFailure, PyMongoError

from pycemaker.data.database import Database, Document, one_exchange
from pycemaker.window import to_epoch_ms

REREAD_SECONDS = 5.0
STREAM_LAG_SECONDS = 5.0
MAJORITY_LAG_SECONDS = 4.0
_AWAIT_MS = 500
_ANY_DATE: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_ENGINE = "$storageStats.wiredTiger"
_OTHERS = ("modify", "update calls", "remove calls", "truncate calls", "bulk loaded cursor insert calls")
_NO_SUCH_COLLECTION = 26
_log = logging.getLogger(__name__)


class Changes(Protocol):
    """One collection's changes."""

    def look(self) -> None:
        """Called before the end of the collection is probed.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """

    def changed(self, appended: int) -> bool:
        """Whether there was anything since the last look but the `appended` documents that the probe found."""


class Rereading:
    """Knows nothing, and so says every REREAD_SECONDS that there was a change."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said = clock()

    def look(self) -> None:
        """Nothing to see."""

    def changed(self, appended: int) -> bool:  # noqa: ARG002 - of no use here
        """Whether it is time again."""
        if self._clock() - self._said < REREAD_SECONDS:
            return False
        self._said = self._clock()
        return True


@dataclass(frozen=True)
class Count:
    """WiredTiger's counters of one collection: which one it is and since when, inserts, all other writes."""

    identity: tuple[Any, ...]
    inserts: int
    others: int


class Counters:
    """Compares counters with what the probe found.

    Args:
        read: gives the counters; None where they cannot be had.
    """

    def __init__(self, read: Callable[[], Count | None]) -> None:
        self._read = read
        self._rereading = Rereading()
        self._seen: Count | None = None
        self._before: Count | None = None
        self._unexplained = 0

    def look(self) -> None:
        """Read the counters. Raises as the protocol says."""
        self._seen = self._read()

    def changed(self, appended: int) -> bool:
        """Whether the counters moved by anything but so many inserts.

        A sample that came between the look and the probe was found but not counted: it may be owed until the next look.
        """
        before, self._before = self._before, self._seen
        if self._seen is None:
            return self._rereading.changed(appended)
        if before is None or (before.identity, before.others) != (self._seen.identity, self._seen.others):
            self._unexplained = 0
            return True
        owed = self._unexplained < 0
        self._unexplained += self._seen.inserts - before.inserts - appended
        if self._unexplained > 0 or (owed and self._unexplained < 0):
            self._unexplained = 0
            return True
        return False


def read_count(database: Database, collection: str) -> Count | None:
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
            return Count((0,), 0, 0) if error.code == _NO_SUCH_COLLECTION else None
    if len(found) != 1 or "insert calls" not in found[0].get("cursor", {}):
        return None
    calls = found[0]["cursor"]
    identity = (hello.get("topologyVersion", {}).get("processId"), found[0].get("uri"))
    return Count(identity, calls["insert calls"], sum(calls.get(name, 0) for name in _OTHERS))


class Stream:
    """One change stream over some collections, followed on a thread of its own until the connection is closed.

    Args:
        database: what to watch.
        end_ms: by collection, from which time on the probe of the end sees every sample; None where there is no end.
    """

    def __init__(self, database: MongoDatabase[Document], end_ms: Mapping[str, Callable[[], int | None]]) -> None:
        self._database: MongoDatabase[Document] = database.with_options(_ANY_DATE)
        self._end_ms = end_ms
        self._changes: Counter[str] = Counter()
        self._everywhere = 0
        self._caught_up = -STREAM_LAG_SECONDS
        threading.Thread(target=self._run, daemon=True, name="changes").start()

    def keeps_up(self) -> bool:
        """Whether all that was written until STREAM_LAG_SECONDS ago is known."""
        return time.monotonic() - self._caught_up < STREAM_LAG_SECONDS

    def changes(self, collection: str) -> tuple[int, int]:
        """A mark that is another one after each change of the collection."""
        return self._everywhere, self._changes[collection]

    def _run(self) -> None:
        while True:
            try:
                self._follow()
            except InvalidOperation:
                return  # the client was closed
            except PyMongoError as error:
                _log.warning("the change stream ended: %s", type(error).__name__)
                time.sleep(1.0)

    def _follow(self) -> None:
        wanted = [{"ns.coll": {"$in": list(self._end_ms)}}, {"operationType": {"$in": ["dropDatabase", "invalidate"]}}]
        pipeline: list[Document] = [
            {"$match": {"$or": wanted}},
            {"$project": {"operationType": 1, "ns": 1, "fullDocument.time_series": 1}},
        ]
        with self._database.watch(pipeline, max_await_time_ms=_AWAIT_MS) as stream:
            self._everywhere += 1
            while stream.alive:
                event = stream.try_next()
                if event is not None:
                    self._note(event)
                elif not self._majority_lags():
                    self._caught_up = time.monotonic()
        self._everywhere += 1

    def _note(self, event: Mapping[str, Any]) -> None:
        collection = event.get("ns", {}).get("coll")
        if collection not in self._end_ms:
            self._everywhere += 1
        elif event["operationType"] != "insert" or not self._is_at_end(collection, event):
            self._changes[collection] += 1

    def _is_at_end(self, collection: str, event: Mapping[str, Any]) -> bool:
        time_series = event.get("fullDocument", {}).get("time_series")
        end_ms = self._end_ms[collection]()
        return isinstance(time_series, datetime) and end_ms is not None and to_epoch_ms(time_series) > end_ms

    def _majority_lags(self) -> bool:
        last = self._database.command("hello").get("lastWrite")
        if not last or "majorityWriteDate" not in last:
            return False
        lag: float = (last["lastWriteDate"] - last["majorityWriteDate"]).total_seconds()
        return lag > MAJORITY_LAG_SECONDS


class Streamed:
    """One collection's share of a stream."""

    def __init__(self, stream: Stream, collection: str) -> None:
        self._stream = stream
        self._collection = collection
        self._rereading = Rereading()
        self._mark: tuple[int, int] | None = None

    def look(self) -> None:
        """Nothing to do: the stream is followed all the time."""

    def changed(self, appended: int) -> bool:
        """Whether the stream told of a change since the last call, or cannot be relied on and it is time again."""
        before, self._mark = self._mark, self._stream.changes(self._collection)
        return before != self._mark or (not self._stream.keeps_up() and self._rereading.changed(appended))


def offers_streams(database: Database) -> bool:
    """Whether the deployment has change streams: a replica set or a sharded cluster.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with one_exchange():
        hello = database.handle.command("hello")
    return "setName" in hello or hello.get("msg") == "isdbgrid"
