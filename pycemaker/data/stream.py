"""One change stream over all metrics, and each metric's share of it (see `changes`)."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database as MongoDatabase
from pymongo.errors import InvalidOperation, PyMongoError

from pycemaker.data.changes import Rereading
from pycemaker.data.database import Database, Document, one_exchange
from pycemaker.window import to_epoch_ms

STREAM_LAG_SECONDS = 5.0
MAJORITY_LAG_SECONDS = 4.0
_AWAIT_MS = 500
_ANY_DATE: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_log = logging.getLogger(__name__)


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
