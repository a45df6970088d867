"""Ends of a metric's index: its newest samples, and documents whose `time_series` is no date."""

from datetime import datetime
from typing import Any

from pycemaker.cache.sample_store import Store
from pycemaker.metrics import Metric
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.sample_bounds import ALL_SAMPLES, SampleBounds
from pycemaker.series.period import Absence
from pycemaker.window import to_epoch_ms


def absence(store: Store, metric: Metric, before_utc: datetime) -> Absence:
    """The last sample of a metric up to an instant, and whether it has undated documents.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    newest_ms = store.reader.newest_ms(metric, to_epoch_ms(before_utc) + 1)
    return Absence(newest_ms, has_undated(store.database, metric.collection, store.reader.bounds(metric)))


def has_undated(database: Database, collection: str, bounds: SampleBounds = ALL_SAMPLES) -> bool:
    """True where a document's `time_series` is no date, by the index's ends: BSON sorts other types around dates.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    return any(
        kind != "date" for direction in (1, -1) for kind in _kinds_at_end(database, collection, bounds, direction)
    )


def _kinds_at_end(database: Database, collection: str, bounds: SampleBounds, direction: int) -> list[str]:
    stages: list[dict[str, Any]] = [
        {"$match": bounds.filter},
        {"$sort": dict.fromkeys(dict(bounds.key[:-1]), direction)},
        {"$limit": 1},
        {"$project": {"_id": 0, "kind": {"$type": "$time_series"}}},
    ]
    with one_exchange():
        return [end["kind"] for end in database[collection].aggregate(stages)]
