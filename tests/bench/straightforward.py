"""The straightforward way to answer the metric routes: list(find), pandas, json.dumps. The baseline of the table."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pymongo
from bottle import Bottle, response

from pycemaker.metrics import find_metric

application = Bottle()
_client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(os.environ["MONGO_DB_URL"], tz_aware=True)
_database = _client.get_default_database()


def _documents(name: str, bounds: dict[str, Any]) -> list[dict[str, Any]]:
    collection = _database[find_metric(name).collection]
    return list(collection.find({"time_series": bounds}).sort("time_series", 1))


@application.get("/<name>/<date_now>/<hours:int>")
def interval(name: str, date_now: str, hours: int) -> str:
    end = datetime.fromisoformat(date_now).astimezone(UTC)
    start = end - timedelta(hours=hours)
    data = _documents(name, {"$gt": start, "$lte": end})
    before = _documents(name, {"$gt": start - timedelta(hours=hours), "$lte": start})
    frame, previous = pd.DataFrame(data), pd.DataFrame(before)
    mean, mean_before = frame["value"].mean(), previous["value"].mean()
    lowest, highest = frame["value"].min(), frame["value"].max()
    shares = frame["criticity"].value_counts(normalize=True).sort_index()
    response.content_type = "application/json"
    return json.dumps(
        {
            "data": data,
            "data_anterior": before,
            "mean": mean,
            "mean_anterior": mean_before,
            "growth": (mean - mean_before) / mean_before,
            "lower": frame[frame["value"] == lowest].to_dict("records"),
            "higher": frame[frame["value"] == highest].to_dict("records"),
            "criticity_classification": [{"criticity": name, "value": share} for name, share in shares.items()],
            "datas": [end, start, start - timedelta(hours=hours)],
        },
        default=str,
    )


@application.get("/<name>/<date_start>")
def tail(name: str, date_start: str) -> str:
    response.content_type = "application/json"
    return json.dumps(_documents(name, {"$gte": datetime.fromisoformat(date_start)}), default=str)
