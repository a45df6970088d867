"""Change stream over all metrics, and the changes of each application's metric in it (see `past_changes`)."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database as MongoDatabase
from pymongo.errors import InvalidOperation, OperationFailure, PyMongoError

from pycemaker.cache.past_changes import PeriodicInvalidation
from pycemaker.mongo.database import Database, Document, one_exchange
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD, is_application
from pycemaker.window import to_epoch_ms

STREAM_LAG_SECONDS = 5.0
MAJORITY_LAG_SECONDS = 4.0
MOST_WAIT_SECONDS = 60.0
"""The longest wait before a stream is opened anew that MongoDB refuses, as to a user without the right to one."""

AWAIT_MS = 500
_INSERTED = {"fullDocument.time_series": 1, f"fullDocument.{FIELD}": 1}
_ANY_DATE: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_log = logging.getLogger(__name__)

Watched = tuple[str, str]
"""A collection and an application."""

_OF_ALL = "*"  # In an application's place: changes that may be of any application


class ChangeStream:
    """One change stream over some collections, followed on a thread of its own until the connection is closed.

    Args:
        edges_ms: by collection, an application's edge in it: its probe sees every later sample; None without an edge.
        await_ms: how long MongoDB waits for an event before it answers that there is none.
        caught_up_at: when it last was up to date, by `time.monotonic`.
    """

    def __init__(
        self,
        database: MongoDatabase[Document],
        edges_ms: Mapping[str, Callable[[str], int | None]],
        *,
        await_ms: int = AWAIT_MS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._await_ms = await_ms
        self._sleep = sleep
        self._database: MongoDatabase[Document] = database.with_options(_ANY_DATE)
        self._edges_ms = edges_ms
        self._changes: Counter[Watched] = Counter()
        self._earliest_left_ms: dict[Watched, int] = {}
        self._lock = threading.Lock()
        self._wait_seconds = 1.0
        self._logged = ""
        self._changes_of_all = 0
        self.caught_up_at = -STREAM_LAG_SECONDS
        self.thread = threading.Thread(target=self._run, daemon=True, name="changes")
        self.thread.start()

    def keeps_up(self) -> bool:
        """True where all that was written until STREAM_LAG_SECONDS ago is known."""
        return time.monotonic() - self.caught_up_at < STREAM_LAG_SECONDS

    def version(self, watched: Watched) -> tuple[int, int, int]:
        """Other numbers after each change of the application's samples."""
        return self._changes_of_all, self._changes[watched[0], _OF_ALL], self._changes[watched]

    def has_overtaken_insert(self, watched: Watched, *, forget: bool = False) -> bool:
        """True where an insert that was left to the probe lies behind the edge by now.

        The edge may have moved past a sample that came after the probe had read.

        Args:
            forget: before a probe, which sees all that lies past the edge: nothing is left to it any more.
        """
        with self._lock:
            earliest_ms, edge_ms = self._earliest_left_ms.get(watched), self._edge_ms(watched)
            is_behind = earliest_ms is not None and edge_ms is not None and earliest_ms <= edge_ms
            if is_behind or forget:
                self._earliest_left_ms.pop(watched, None)
            return is_behind

    def _edge_ms(self, watched: Watched) -> int | None:
        collection, application = watched
        return self._edges_ms[collection](application)

    def _run(self) -> None:
        while True:
            try:
                self._follow()
            except InvalidOperation:
                return  # the client was closed
            except PyMongoError as error:
                self._log_once(f"the change stream ended: {type(error).__name__}")
                self._sleep(self._wait_seconds)
                is_refused = isinstance(error, OperationFailure)
                self._wait_seconds = min(2 * self._wait_seconds, MOST_WAIT_SECONDS) if is_refused else 1.0

    def _opened(self) -> None:
        self._wait_seconds = 1.0
        if self._logged:
            self._log_once("the change stream is open again")

    def _log_once(self, message: str) -> None:
        """Log a message that is another one than the last."""
        if message != self._logged:
            self._logged = message
            _log.warning("%s", message)

    def _follow(self) -> None:
        watched = {"$in": list(self._edges_ms)}
        of_all = {"operationType": {"$in": ["dropDatabase", "invalidate"]}}
        pipeline: list[Document] = [
            {"$match": {"$or": [{"ns.coll": watched}, {"to.coll": watched}, of_all]}},
            {"$project": {"operationType": 1, "ns": 1, "to": 1, "clusterTime": 1} | _INSERTED},
        ]
        with self._database.watch(pipeline, max_await_time_ms=self._await_ms) as stream:
            self._changes_of_all += 1
            self._opened()
            while stream.alive:
                event = stream.try_next()
                if event is not None:
                    self.note(event)
                if self._is_up_to_date(event):
                    self.caught_up_at = time.monotonic()
        self._changes_of_all += 1

    def note(self, event: Mapping[str, Any]) -> None:
        """Count an event of the stream as a change of the collections that it names, or of all of them."""
        named = {event[key].get("coll") for key in ("ns", "to") if key in event} & self._edges_ms.keys()
        if not named:
            self._changes_of_all += 1
        for collection in named:
            if event["operationType"] != "insert":
                self._changes[collection, _OF_ALL] += 1
            elif (application := _application_of(event)) is not None:
                watched = collection, application
                self._changes[watched] += not self._leaves(watched, event)

    def _leaves(self, watched: Watched, event: Mapping[str, Any]) -> bool:
        """True where the insert is past the edge, and so is left to the probe."""
        time_series = event.get("fullDocument", {}).get("time_series")
        if not isinstance(time_series, datetime):
            return False
        time_ms = to_epoch_ms(time_series)
        with self._lock:
            edge_ms = self._edge_ms(watched)
            if edge_ms is None or time_ms <= edge_ms:
                return False
            self._earliest_left_ms[watched] = min(time_ms, self._earliest_left_ms.get(watched, time_ms))
            return True

    def _is_up_to_date(self, event: Mapping[str, Any] | None) -> bool:
        """True where there was nothing more to read, or the event is of a moment ago; asked at most twice a second."""
        if event is not None and time.monotonic() - self.caught_up_at < self._await_ms / 1000:
            return False
        hello = self._database.command("hello")
        if event is None:
            return not _majority_lags(hello)
        return bool("operationTime" in hello and hello["operationTime"].time - event["clusterTime"].time <= 1)


def _application_of(event: Mapping[str, Any]) -> str | None:
    """The application of an inserted sample; None where it can be nobody's."""
    application = event.get("fullDocument", {}).get(FIELD)
    return DEFAULT_APPLICATION if application is None else application if is_application(application) else None


def _majority_lags(hello: Mapping[str, Any]) -> bool:
    last = hello.get("lastWrite")
    if not last or "majorityWriteDate" not in last:
        return False
    lag: float = (last["lastWriteDate"] - last["majorityWriteDate"]).total_seconds()
    return lag > MAJORITY_LAG_SECONDS


class StreamDetector:
    """The changes of one application's samples in a stream."""

    def __init__(self, stream: ChangeStream, watched: Watched) -> None:
        self._stream = stream
        self._watched = watched
        self._fallback = PeriodicInvalidation()
        self._version: tuple[int, int, int] | None = None
        self._has_missed = False

    def before_probe(self) -> None:
        """Note whether the edge moved past a sample since the last probe; the stream is followed all the time."""
        self._has_missed |= self._stream.has_overtaken_insert(self._watched, forget=True)

    def has_changed(self, appended: int) -> bool:
        """True where the stream had a change since the last call; of a stream that lags, whether it is time again."""
        previous, self._version = self._version, self._stream.version(self._watched)
        has_missed, self._has_missed = self._has_missed or self._stream.has_overtaken_insert(self._watched), False
        if has_missed or previous != self._version:
            return True
        return not self._stream.keeps_up() and self._fallback.has_changed(appended)


def has_change_streams(database: Database) -> bool:
    """True where the deployment has change streams: a replica set or a sharded cluster.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with one_exchange():
        hello = database.handle.command("hello")
    return "setName" in hello or hello.get("msg") == "isdbgrid"
