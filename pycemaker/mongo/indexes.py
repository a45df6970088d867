"""Index that serves both the bounds and the sort of every read, made before the first read of a collection."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillBuilding
from contextlib import suppress

from pymongo.errors import OperationFailure

from pycemaker.errors import DatabaseLoginRefused, IndexesNotReady
from pycemaker.mongo.database import Database, translated
from pycemaker.mongo.error_translation import from_pymongo

KEY = [("time_series", 1), ("_id", 1)]
"""Time filters and sorts; `_id` gives samples of one instant a lasting order."""

WAIT_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Indexes:
    """Makes each collection's index where it is missing, once a process. Threads share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._building: dict[str, Future[bool]] = {}

    def ensure(self, collection: str) -> bool:
        """Return when the collection has its index; it is built in the background, and never twice at a time.

        Returns:
            Whether it has: where MongoDB refuses to make it, reads do without.

        Raises:
            IndexesNotReady: it is still being built after WAIT_SECONDS.
            DatabaseUnreachable: MongoDB is away; the next call tries again.
        """
        return self.ensure_all([collection], WAIT_SECONDS)

    def ensure_all(self, collections: Sequence[str], wait_seconds: float) -> bool:
        """As `ensure`, for several collections: all are begun before the first is waited for, `wait_seconds` in all.

        Raises:
            IndexesNotReady, DatabaseUnreachable: as `ensure`, for the first of them that is not there.
        """
        until = time.monotonic() + wait_seconds
        with self._lock:
            futures = {name: self._building.get(name) or self._begin(name) for name in collections}
        have_all = True
        for name, future in futures.items():
            try:
                with translated():
                    have_all = future.result(max(0.0, until - time.monotonic())) and have_all
            except StillBuilding:
                if not self._database.has_server():
                    raise self._database.why_no_server() from None
                raise IndexesNotReady(reason=name) from None
        return have_all

    def forget(self, collection: str) -> None:
        """Note that the index was dropped, or the collection: the next call makes it again."""
        with self._lock:
            future = self._building.get(collection)
            if future is not None and future.done():
                del self._building[collection]

    def _begin(self, collection: str) -> Future[bool]:
        future: Future[bool] = Future()
        self._building[collection] = future
        threading.Thread(target=self._build, args=(collection, future), daemon=True, name="index").start()
        return future

    def _build(self, collection: str, future: Future[bool]) -> None:
        try:
            future.set_result(self._create(collection))
        except Exception as error:  # noqa: BLE001 - the threads that wait for it raise it
            with self._lock:
                del self._building[collection]
            future.set_exception(error)

    def _create(self, collection: str) -> bool:
        try:
            self._database[collection].create_index(KEY)
        except OperationFailure as error:
            if isinstance(from_pymongo(error), DatabaseLoginRefused):
                raise
            if self._exists(collection):
                return True
            _log.warning("no index made on %s: %s", collection, error.details and error.details.get("codeName"))
            return False
        return True

    def _exists(self, collection: str) -> bool:
        """True where the index exists: a user who may only read is refused its making in any case."""
        with suppress(OperationFailure):
            return any(list(index["key"].items()) == KEY for index in self._database[collection].list_indexes())
        return False
