"""Applications that a database's samples name: whether one exists, and the newest samples of all of them.

Nothing is registered: an application exists when it has a sample. A database of the default application alone has no
index for that, and gets none: there the documents that were written last are looked at, at most once a second, since
whoever writes samples of a new application writes them now. Every read notes them too (`Reader`), and the refresher of
hours reads two months.
"""

import threading
import time
from contextlib import suppress

from pymongo.errors import OperationFailure

from pycemaker.columnar.decode import DECODE_OPTIONS
from pycemaker.errors import UnknownApplication
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database, Document, one_exchange
from pycemaker.mongo.indexes import APPLICATION_KEY, Indexes
from pycemaker.mongo.single_flight import KeptResults
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD, parse_application

LATEST_DOCUMENTS = 1_000
LOOK_SECONDS = 1.0

MOST_KNOWN = 10_000
KNOWN_SECONDS = 60.0
"""Time for which an application that exists is not looked for again; its last sample may be deleted meanwhile."""

_COLLECTIONS = [metric.collection for metric in METRICS]
_NAMED: Document = {"$match": {FIELD: {"$type": "string"}}}


class Applications:
    """The applications of one database. Threads share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.indexes = Indexes(database)
        self._known = KeptResults[str, None](MOST_KNOWN, KNOWN_SECONDS)
        self._lock = threading.Lock()
        self._looked_at = float("-inf")

    def check(self, application: str) -> str:
        """The application, which exists; the default one always does.

        Raises:
            UnknownApplication: no sample names it, or none can; IndexesNotReady, DatabaseUnreachable: as
                `Indexes.ensure`.
        """
        if parse_application(application) != DEFAULT_APPLICATION:
            self._known.get(application, lambda: self._find(application))
        return application

    def are_several(self) -> bool:
        """True where samples name an application; then each collection has the index for it.

        Raises:
            IndexesNotReady, DatabaseUnreachable: as `Indexes.ensure`.
        """
        if not self.indexes.has_applications:
            self.indexes.ensure(*_COLLECTIONS)
        if not self.indexes.has_applications and self._may_look() and any(map(self._latest_are_named, _COLLECTIONS)):
            self.indexes.note_applications()
        if self.indexes.has_applications:
            self.indexes.ensure(*_COLLECTIONS, key=APPLICATION_KEY)
        return self.indexes.has_applications

    def newest_documents(self, metric: Metric) -> dict[str | None, Document]:
        """Time and reading of each application's last document in the index; None is the default application.

        The time is of any type, dates are `DatetimeMS`.

        MongoDB takes one key an application from the index. Call it where `are_several`.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        newest = {name: {"$first": f"${name}"} for name in ("time_series", *metric.fields)}
        stages: list[Document] = [
            {"$sort": dict.fromkeys(dict(APPLICATION_KEY), -1)},
            {"$group": {"_id": f"${FIELD}", **newest}},
        ]
        with one_exchange():
            collection = self._database[metric.collection].with_options(codec_options=DECODE_OPTIONS)
            groups = collection.aggregate(stages, batchSize=100_000)
            return {group["_id"]: group for group in groups if isinstance(group["_id"], str | None)}

    def _may_look(self) -> bool:
        with self._lock:
            is_due = time.monotonic() - self._looked_at >= LOOK_SECONDS
            self._looked_at = time.monotonic() if is_due else self._looked_at
        return is_due

    def _latest_are_named(self, collection: str) -> bool:
        """True where one of the documents written last names an application; a view has no such order."""
        with one_exchange(), suppress(OperationFailure):
            latest: list[Document] = [{"$limit": LATEST_DOCUMENTS}, _NAMED, {"$limit": 1}, {"$project": {"_id": 1}}]
            return bool(list(self._database[collection].aggregate(latest, hint={"$natural": -1})))
        return False

    def _find(self, application: str) -> None:
        """Find a sample of it. Raises UnknownApplication, which is not kept: one may come at any time."""
        one: list[Document] = [{"$match": {FIELD: application}}, {"$limit": 1}, {"$project": {"_id": 1}}]
        united = [{"$unionWith": {"coll": collection, "pipeline": one}} for collection in _COLLECTIONS[1:]]
        if self.are_several():
            with one_exchange():
                if list(self._database[_COLLECTIONS[0]].aggregate([*one, *united, {"$limit": 1}])):
                    return
        raise UnknownApplication(application=application)
