"""Indexes that serve both the bounds and the sort of every read, made before the first read of a collection.

While all samples are the default application's there is one index, on `time_series` and `_id`. Each collection gets
another one that begins with `application` once a sample of another application has been seen (`note_applications`).
"""

import logging
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillBuilding
from contextlib import suppress

from pymongo.errors import OperationFailure

from pycemaker.errors import DatabaseLoginRefused, IndexesNotReady
from pycemaker.mongo.database import Database, one_exchange, translated
from pycemaker.mongo.error_translation import from_pymongo
from pycemaker.parsing.application_names import FIELD

KEY = [("time_series", 1), ("_id", 1)]
"""Time filters and sorts; `_id` gives samples of one instant a lasting order."""

APPLICATION_KEY = [(FIELD, 1), *KEY]
"""The same within each application; samples without one are in it as null."""

Key = list[tuple[str, int]]

WAIT_SECONDS = 2.0
_PING_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Indexes:
    """Makes each collection's indexes where they are missing, once a process. Threads share it.

    Args:
        has_applications: whether an application beside the default one has been seen, here or by another process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._building: dict[tuple[str, bool], Future[bool]] = {}
        self.has_applications = False

    def note_applications(self) -> None:
        """Note that a sample names an application: each collection gets the index for that at its next read."""
        if not self.has_applications:
            _log.info("samples name applications: an index that begins with the application is made")
        self.has_applications = True

    def has_application_index(self, collection: str) -> bool:
        """True where the collection has the index that begins with the application; begins to make it where not.

        Raises:
            DatabaseUnreachable: as `ensure`.
        """
        with suppress(IndexesNotReady):
            return self.ensure(collection, key=APPLICATION_KEY, wait_seconds=0.0)
        return False

    def ensure(self, *collections: str, key: Key = KEY, wait_seconds: float = WAIT_SECONDS) -> bool:
        """Return when the collections have the index; it is built in the background, and never twice at a time.
        Whether all have it: where MongoDB refuses to make it, reads do without.

        All are begun before the first is waited for, `wait_seconds` in all.

        Raises:
            IndexesNotReady: one is still being built after that; DatabaseUnreachable: MongoDB is away; the next call
                tries again.
        """
        until = time.monotonic() + wait_seconds
        with self._lock:
            futures = {name: self._building.get((name, key == KEY)) or self._begin(name, key) for name in collections}
        have_all = True
        for name, future in futures.items():
            try:
                with translated():
                    have_all = future.result(max(0.0, until - time.monotonic())) and have_all
            except StillBuilding:
                if fault := self._database.why_no_server():
                    raise fault from None
                with one_exchange(_PING_SECONDS):  # the driver notices only after seconds that MongoDB is silent
                    self._database.handle.command("ping")
                raise IndexesNotReady(reason=name) from None
        return have_all

    def forget(self, collection: str, key: Key = KEY) -> None:
        """Note that the index was dropped, or the collection: the next call makes it again."""
        with self._lock:
            future = self._building.get((collection, key == KEY))
            if future is not None and future.done():
                del self._building[collection, key == KEY]

    def _begin(self, collection: str, key: Key) -> Future[bool]:
        future: Future[bool] = Future()
        self._building[collection, key == KEY] = future
        threading.Thread(target=self._build, args=(collection, key, future), daemon=True, name="index").start()
        return future

    def _build(self, collection: str, key: Key, future: Future[bool]) -> None:
        try:
            is_there = self._create(collection, key)
            self.has_applications = self.has_applications or self._exists(collection, APPLICATION_KEY)
            future.set_result(is_there)
        except Exception as error:  # noqa: BLE001 - the threads that wait for it raise it
            with self._lock:
                del self._building[collection, key == KEY]
            future.set_exception(error)

    def _create(self, collection: str, key: Key) -> bool:
        try:
            self._database[collection].create_index(key)
        except OperationFailure as error:
            if isinstance(from_pymongo(error), DatabaseLoginRefused):
                raise
            if self._exists(collection, key):
                return True
            _log.warning("no index made on %s: %s", collection, error.details and error.details.get("codeName"))
            return False
        return True

    def _exists(self, collection: str, key: Key) -> bool:
        """True where the index exists: a user who may only read is refused its making in any case."""
        with suppress(OperationFailure):
            return any(list(index["key"].items()) == key for index in self._database[collection].list_indexes())
        return False
