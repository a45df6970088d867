"""Demo data: a made-up history, declared as such, of two days in which there is something to see.

CPU follows the day and the hour; RAM leaks until a restart frees it; the disk fills slowly; there is an outage with
slow answers and failures, and a gap in which nobody collected. Every document says `"sample": true`, and one document
of `pycemaker_sample` says from when to when.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.cache.sample_store import SAMPLE_COLLECTION, history_id
from pycemaker.collect.sample_document import sample_document
from pycemaker.metrics import METRICS, SAMPLE_SECONDS
from pycemaker.mongo.database import Database, translated
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD

Readings = dict[str, NDArray[np.float64]]

DEMO_HOURS = 48  # How far back it reaches unless a caller says another
CHUNK = 5_000
_DAY_SECONDS = 86_400
_SEED = 7


def has_samples(database: Database, application: str = DEFAULT_APPLICATION) -> bool:
    """True where any metric has a document of the application; what an interrupted `write_history` left does not count.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with translated():
        declared = database[SAMPLE_COLLECTION].find_one({"_id": history_id(application)})
        if declared and declared["state"] == "filling":
            return False
        own = {FIELD: application} if application else {}
        return any(database[metric.collection].find_one(own, {"_id": 1}) for metric in METRICS)


def write_history(
    database: Database,
    end_utc: datetime,
    hours: int,
    on_progress: Callable[[int, int], None] = lambda _d, _t: None,
    application: str = DEFAULT_APPLICATION,
) -> int:
    """Write the application's made-up history that ends at `end_utc`; return the number of documents.

    What an interrupted call left is removed first.

    Args:
        database: gets the documents; made-up ones of earlier calls are removed.
        end_utc: the last instant, aware.
        hours: how far back it reaches.
        on_progress: called with the number of documents written, and of all.
        application: whose history it is; each application's readings differ.

    Raises:
        DatabaseUnreachable: MongoDB went away.
    """
    remove_history(database, application)
    times = [end_utc - timedelta(seconds=SAMPLE_SECONDS * back) for back in range(hours * 3600 // SAMPLE_SECONDS)][::-1]
    declared = {"_id": history_id(application), "start": times[0], "end": end_utc, "state": "filling"}
    with translated():
        database[SAMPLE_COLLECTION].replace_one({"_id": declared["_id"]}, declared, upsert=True)
        written = _write_metrics(database, times, on_progress, application)
        database[SAMPLE_COLLECTION].update_one({"_id": declared["_id"]}, {"$set": {"state": "written"}})
    return written


def remove_history(database: Database, application: str = DEFAULT_APPLICATION) -> int:
    """Remove every made-up document of the application and the declaration; return the number of documents.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    with translated():
        removed = 0
        if database[SAMPLE_COLLECTION].find_one({"_id": history_id(application)}):
            made_up = {FIELD: application or None, "sample": True}
            removed = sum(database[m.collection].delete_many(made_up).deleted_count for m in METRICS)
            database[SAMPLE_COLLECTION].delete_one({"_id": history_id(application)})
        return removed


def _write_metrics(
    database: Database, times: list[datetime], on_progress: Callable[[int, int], None], application: str
) -> int:
    readings = demo_readings(times, _SEED + sum(application.encode()))
    named: dict[str, Any] = {FIELD: application} if application else {}
    collected = _collected(len(times))
    total, done = int(collected.sum()) * len(METRICS), 0
    for metric in METRICS:
        indices = np.flatnonzero(collected)
        for start in range(0, len(indices), CHUNK):
            chunk = [
                sample_document(
                    metric,
                    times[index],
                    float(readings[metric.id][index]),
                    failed=int(readings["http_fail"][index]),
                    sample=True,
                    **named,
                )
                for index in indices[start : start + CHUNK]
            ]
            database[metric.collection].insert_many(chunk, ordered=False)
            done += len(chunk)
            on_progress(done, total)
    return done


def demo_readings(times: list[datetime], seed: int = _SEED) -> Readings:
    """Every metric over the given times (aware UTC), by metric id, in its unit; the same for the same times.

    A metric that this module does not know follows the load.

    Counts are whole numbers. An outage of a quarter of an hour ends two and a half hours before the end, and again
    each day before.
    """
    random = np.random.default_rng(seed)
    count = len(times)
    seconds = np.array([instant.timestamp() for instant in times])
    day = np.sin((seconds / _DAY_SECONDS - 0.5) * 2 * np.pi)
    hour = np.sin(seconds / 3600 * 2 * np.pi)
    outage = _outage(seconds)
    load = np.clip(0.45 + 0.25 * day + 0.06 * hour + _drift(random, count), 0.03, 1)
    requests = np.where(outage, random.poisson(4, count), random.poisson(18 * load + 2))
    failures = np.where(outage, random.binomial(np.maximum(requests, 1), 0.6), random.poisson(0.02, count))
    readings = {
        "cpu": np.clip(load * 0.8 + 0.04 * random.standard_normal(count) + 0.3 * outage, 0.01, 1),
        "ram": np.clip(0.42 + 0.4 * ((seconds / 3600 + 20) % 31) / 31 + 0.004 * random.standard_normal(count), 0, 1),
        "disk": np.clip(0.61 + np.linspace(0, 0.035, count) + 0.0004 * random.standard_normal(count), 0, 1),
        "response_time": random.lognormal(np.log(0.09 + 0.12 * load), 0.25) * np.where(outage, 12, 1),
        "request_count": np.maximum(requests - failures, 0).astype(float),
        "http_fail": failures.astype(float),
    }
    others = {metric.id: _following(load, metric.unit) for metric in METRICS if metric.id not in readings}
    return {name: np.round(values, 6) for name, values in (readings | others).items()}


def _following(load: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Readings of a unit that rise and fall with a load from 0 to 1; of a unit of its own whole numbers up to 40."""
    return {"ratio": 0.8 * load, "seconds": 0.1 + 0.1 * load, "requests": np.round(10 * load)}.get(
        unit, np.round(40 * load)
    )


def _drift(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Slow noise: a random walk that is pulled back, about 0.05 wide."""
    steps = random.standard_normal(count) * 0.004
    weights = 0.995 ** np.arange(1200)
    return np.convolve(steps, weights)[:count]


def _outage(seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    before_end = (seconds[-1] - seconds) if len(seconds) else seconds
    into = before_end % _DAY_SECONDS
    return (into > 2.5 * 3600) & (into < 2.5 * 3600 + 900)


def _collected(count: int) -> NDArray[np.bool_]:
    """Mask of the samples that there are: all but a gap of 24 minutes, an hour and a half before the end."""
    back = (count - 1 - np.arange(count)) * SAMPLE_SECONDS
    return ~((back > 5400) & (back < 5400 + 24 * 60))
