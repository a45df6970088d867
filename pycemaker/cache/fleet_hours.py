"""Fleet: the applications that changed most or are worst, by one aggregation over hours of all of them.

The collection `fleet_hours` has a document an hour, metric and application, which MongoDB makes of the samples itself.
A server with several applications keeps the last hours; what is missing is made at the first use.

    {"_id": {"hour": ISODate("2026-05-20T11:00:00Z"), "metric": "cpu", "application": "loja"},
     "total": 223.2, "count": 720, "made_at": ISODate(...)}

An hour's completion mark is a document with an empty metric and application: all others of the hour are there. It has
no `count`, so reads skip it.
"""

from datetime import UTC, datetime, timedelta

from pycemaker.cache.stored_hours import RETENTION_DAYS
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import Database, Document, one_exchange
from pycemaker.parsing.application_names import FIELD
from pycemaker.series.fleet import FULL, FleetRow
from pycemaker.window import Window

COLLECTION = "fleet_hours"
MOST_SHOWN = 10
UPDATE_HOURS = 12
_HOUR = timedelta(hours=1)
_LATE = timedelta(minutes=10)  # An hour that was made later than this after its end is not made again
_LEAST_SHARE, _MOST_SCORE = 0.05, 1000.0
_ENDED_SCORE = 3 * _MOST_SCORE  # Of an application whose samples ended: above every ratio of FULL or more
_LEAST = {"ratio": 0.02, "seconds": 0.05}
_LEAST_OTHER = 0.5
"""The least change that others are divided by: in a metric's unit, and as a share of the mean before."""

_READ_SECONDS, _MAKE_SECONDS = 10.0, 120.0


def update_hours(database: Database, end_utc: datetime, hours: int) -> None:
    """Make the documents of the whole hours before an instant. Hours that are final are left alone.

    Raises:
        DatabaseUnreachable: MongoDB is away, took too long, or this user may not write.
    """
    end_hour = end_utc.replace(minute=0, second=0, microsecond=0)
    whole = [end_hour - back * _HOUR for back in range(1, hours + 1)]
    completion_marks = {hour: {"hour": hour, "metric": "", "application": ""} for hour in whole}
    with one_exchange():
        collection = database[COLLECTION]
        collection.create_index("made_at", expireAfterSeconds=RETENTION_DAYS * 86_400)
        made = {
            each["_id"]["hour"]: each["made_at"]
            for each in collection.find({"_id": {"$in": list(completion_marks.values())}})
        }
    for hour, mark in completion_marks.items():
        now = datetime.now(UTC)
        if hour not in made or made[hour] < hour + _HOUR + _LATE:
            for metric in METRICS:
                with one_exchange(_MAKE_SECONDS):
                    database[metric.collection].aggregate(_make_stages(metric, hour, now))
            with one_exchange():
                collection.replace_one({"_id": mark}, {"_id": mark, "made_at": now}, upsert=True)


def read_rows(database: Database, window: Window) -> list[FleetRow]:
    """The MOST_SHOWN applications that stand out most over a window of whole hours, the first first.

    A change is divided by the standard deviation of the previous interval's hourly means, or by the least change if
    that is larger. Applications whose samples ended come first, then those with a ratio of FULL or more.

    Raises:
        DatabaseUnreachable: as `update_hours`.
    """
    with one_exchange(_READ_SECONDS):
        rows = list(database[COLLECTION].aggregate(_read_stages(window)))
    return [FleetRow(row["_id"], row["metric"], row["now"], row["before"]) for row in rows]


def _make_stages(metric: Metric, hour: datetime, now_utc: datetime) -> list[Document]:
    parts = [{"$convert": {"input": f"${name}", "to": "double", "onError": None}} for name in metric.fields]
    own_id = {"hour": hour, "metric": metric.id, "application": {"$ifNull": [f"${FIELD}", ""]}}
    return [
        {"$match": {"time_series": {"$gt": hour, "$lte": hour + _HOUR, "$not": {"$type": "array"}}}},
        {"$project": {FIELD: 1, "reading": {"$add": parts}}},
        {"$match": {"reading": {"$gte": -1e300, "$lte": 1e300}}},
        {"$group": {"_id": own_id, "total": {"$sum": "$reading"}, "count": {"$sum": 1}}},
        {"$set": {"made_at": now_utc}},
        {"$merge": {"into": COLLECTION, "whenMatched": "replace"}},
    ]


def _least_branch(metric: Metric) -> Document:
    return {"case": {"$eq": ["$_id.metric", metric.id]}, "then": _LEAST.get(metric.unit, _LEAST_OTHER)}


def _read_stages(window: Window) -> list[Document]:
    in_interval: Document = {"$gte": ["$_id.hour", window.start_utc]}
    own: Document = {"application": "$_id.application", "metric": "$_id.metric"}
    summed = {
        f"{name}_{when}": {"$sum": {"$cond": [in_interval, *values]}}
        for name in ("total", "count")
        for when, values in (("now", [f"${name}", 0]), ("before", [0, f"${name}"]))
    }
    hourly: Document = {"$stdDevPop": {"$cond": [in_interval, None, {"$divide": ["$total", "$count"]}]}}
    means = {
        when: {"$cond": [f"$count_{when}", {"$divide": [f"$total_{when}", f"$count_{when}"]}, None]}
        for when in ("now", "before")
    }
    least: Document = {"$switch": {"branches": [_least_branch(metric) for metric in METRICS], "default": _LEAST_OTHER}}
    usual: Document = {"$max": ["$deviation", {"$multiply": [_LEAST_SHARE, {"$abs": "$before"}]}, least]}
    ratios = [metric.id for metric in METRICS if metric.unit == "ratio"]
    change: Document = {"$divide": [{"$abs": {"$subtract": ["$now", "$before"]}}, usual]}
    score: Document = {
        "$switch": {
            "branches": [
                {"case": {"$eq": ["$before", None]}, "then": 0},
                {"case": {"$eq": ["$now", None]}, "then": _ENDED_SCORE},
                {"case": {"$and": [{"$in": ["$_id.metric", ratios]}, {"$gte": ["$now", FULL]}]},
                 "then": {"$add": [_MOST_SCORE, {"$multiply": ["$now", 100]}]}},
            ],
            "default": {"$min": [change, _MOST_SCORE]},
        }
    }  # fmt: skip
    bounds = {"$gte": {"hour": window.previous_start_utc}, "$lt": {"hour": window.end_utc}}
    best = {name: {"$first": f"${name}"} for name in ("now", "before", "score")}
    return [
        {"$match": {"_id": bounds, "count": {"$gt": 0}}},
        {"$group": {"_id": own, "deviation": hourly, **summed}},
        {"$set": means},
        {"$set": {"score": score}},
        {"$sort": {"score": -1, "_id": 1}},
        {"$group": {"_id": "$_id.application", "metric": {"$first": "$_id.metric"}, **best}},
        {"$match": {"score": {"$gt": 0}}},
        {"$sort": {"score": -1, "_id": 1}},
        {"$limit": MOST_SHOWN},
    ]
