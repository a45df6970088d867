"""The samples of a few minutes of every application at once, by one query a metric."""

import numpy as np
from bson.datetime_ms import DatetimeMS
from numpy.typing import NDArray

from pycemaker.columnar.decode import DECODE_OPTIONS
from pycemaker.metrics import Metric
from pycemaker.mongo.database import Database, Document, one_exchange
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD

_SECONDS = 20.0


def read_recent(
    database: Database, metric: Metric, after_ms: int, until_ms: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
    """The samples with after_ms < time <= until_ms; those without a finite reading or an application's name are none.

    In no order, of each its application, its time in milliseconds since 1970 in UTC, its reading in the metric's unit.

    Raises:
        DatabaseUnreachable: MongoDB is away or took too long.
    """
    parts = [{"$convert": {"input": f"${name}", "to": "double", "onError": None}} for name in metric.fields]
    between = {"$gt": DatetimeMS(after_ms), "$lte": DatetimeMS(until_ms), "$not": {"$type": "array"}}
    stages: list[Document] = [
        {"$match": {"time_series": between}},
        {"$project": {"_id": 0, FIELD: 1, "time_series": 1, "reading": {"$add": parts}}},
        {"$match": {"reading": {"$gte": -1e300, "$lte": 1e300}}},
    ]
    with one_exchange(_SECONDS):
        collection = database[metric.collection].with_options(codec_options=DECODE_OPTIONS)
        rows = [
            (name, int(each["time_series"]), each["reading"])
            for each in collection.aggregate(stages, batchSize=50_000)
            if isinstance(name := each.get(FIELD) or DEFAULT_APPLICATION, str)
        ]
    names, times, readings = zip(*rows, strict=True) if rows else ((), (), ())
    return list(names), np.array(times, np.int64), np.array(readings, np.float64)
