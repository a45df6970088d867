"""The alerts of applications in MongoDB: those that are open, and those that have ended.

The collection has a document an alert: the fields of `Alert`, its id as `_id`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReplaceOne

from pycemaker.mongo.database import Database, Document, one_exchange
from pycemaker.mongo.stored_fields import LENIENT, read_fields
from pycemaker.window import Interval

COLLECTION = "alerts"
THRESHOLD, NO_DATA, FORECAST, HEALTH = "threshold", "no_data", "forecast", "health"
"""The kinds of rules: the median of a minute is beyond a threshold; no sample comes; the forecast reaches a limit; the
score of health is low."""

_MOST, _MOST_OF_ALL = 1000, 10_000


@dataclass(frozen=True)
class Alert:
    """One alert of one application, from the instant at which it fires to its end.

    Attributes:
        id: `<application>/<rule>/<fired_at in milliseconds>`.
        application: the empty text is the default application.
        rule: the rule's id.
        kind: THRESHOLD, NO_DATA, FORECAST or HEALTH.
        metric: a metric's id; `health` for HEALTH.
        since: the start of the first minute beyond the threshold; of NO_DATA, the last sample.
        fired_at: the instant at which the rule's hold time was over.
        ended_at: None while it is open.
        enter: the threshold beyond which it fires, in the metric's unit (requests: a second); of FORECAST the limit.
        leave: the threshold at which it ends; None where the kind has none.
        within_hours: of FORECAST, how soon the limit is reached.
        worst: the reading furthest beyond the threshold; of FORECAST, the least hours until the limit. None of NO_DATA.
        acknowledged_at: None where nobody has acknowledged it.
    """

    id: str
    application: str
    rule: str
    kind: str
    metric: str
    since: datetime
    fired_at: datetime
    ended_at: datetime | None = None
    enter: float | None = None
    leave: float | None = None
    within_hours: float | None = None
    worst: float | None = None
    acknowledged_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True while it has not ended."""
        return self.ended_at is None


def alert_of(document: Mapping[str, Any]) -> Alert | None:
    """The alert of a stored document; None where that is none."""
    return read_fields(Alert, {**document, "id": document.get("_id")})


class AlertHistory:
    """The alerts in one database. Every method raises DatabaseUnreachable where MongoDB is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_indexes = False

    def save(self, alerts: Iterable[Alert]) -> None:
        """Store alerts, in place of what is stored under their ids."""
        documents = [{"_id": each.id, **{n: v for n, v in asdict(each).items() if n != "id"}} for each in alerts]
        if documents:
            self._ensure_indexes()
            with one_exchange():
                updates = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
                self._database[COLLECTION].bulk_write(updates, ordered=False)

    def open(self, application: str | None = None) -> list[Alert]:
        """The open alerts of one application, or of all: the latest first, a thousand at most, of all ten thousand."""
        own = {} if application is None else {"application": application}
        return self._find({"ended_at": None} | own, _MOST if own else _MOST_OF_ALL)

    def count_open(self) -> dict[str, int]:
        """How many alerts of all applications are open, by kind; 0 of a kind that has none."""
        kinds = (THRESHOLD, NO_DATA, FORECAST, HEALTH)
        pipeline: list[Document] = [
            {"$match": {"ended_at": None, "kind": {"$in": kinds}}},
            {"$sortByCount": "$kind"},
        ]
        with one_exchange():
            counts = {str(row["_id"]): row["count"] for row in self._database[COLLECTION].aggregate(pipeline)}
        return {kind: counts.get(kind, 0) for kind in kinds}

    def within(self, application: str, interval: Interval) -> list[Alert]:
        """The alerts of an application that were open at some time of an interval: the latest first."""
        end = {"$lte": interval.end_utc} if interval.end_utc else {}
        over = {"$or": [{"ended_at": None}, {"ended_at": {"$gt": interval.start_utc}}]}
        return self._find({"application": application, "fired_at": {"$exists": True, **end}} | over)

    def latest(self, application: str, count: int) -> list[Alert]:
        """The latest alerts of an application, open or ended."""
        return self._find({"application": application}, count)

    def get(self, ids: Iterable[str]) -> list[Alert]:
        """The alerts of these ids that there are: the latest first."""
        return self._find({"_id": {"$in": list(ids)}})

    def apply_retention(self, now: datetime, days: float) -> None:
        """Delete the alerts that ended so many days ago."""
        with one_exchange():
            self._database[COLLECTION].delete_many({"ended_at": {"$lt": now - timedelta(days=days)}})

    def _find(self, query: Document, count: int = _MOST) -> list[Alert]:
        with one_exchange():
            collection = self._database[COLLECTION].with_options(LENIENT)
            documents = collection.find(query).sort("fired_at", DESCENDING).limit(count)
            return [alert for each in documents if (alert := alert_of(each))]

    def _ensure_indexes(self) -> None:
        if not self._has_indexes:
            keys = [("application", ASCENDING), ("fired_at", DESCENDING)], [("ended_at", ASCENDING)]
            with one_exchange():
                self._database[COLLECTION].create_indexes([IndexModel(list(key)) for key in keys])
            self._has_indexes = True
