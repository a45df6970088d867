"""A thousand applications in one database against one: an answer, `/apps`, and the fleet's aggregation.

`python -m tests.bench applications`. In process, so that only the work is measured; medians of RUNS, in turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

import server
from pycemaker.cache.fleet_hours import COLLECTION, read_rows, update_hours
from pycemaker.cache.sample_store import Store
from pycemaker.collect.sample_document import sample_document
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import APPLICATION_KEY, KEY
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from pycemaker.window import Window
from tests.bench.data import NOW, mongod
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

MANY = 1_000
RUNS = 25
OWN_SECONDS, OTHERS_SECONDS = 5, 300
HOURS = 12


def main() -> None:
    """Measure, and print."""
    with mongod() as (url, _folder):
        databases = {count: Database(f"{url}/apps_{count}") for count in (0, 1, MANY)}
        for count, database in databases.items():
            print(f"{_load(database, count):,} documents, {count} named applications", flush=True)
        _compare(databases)
        many = databases[MANY]
        _print("/apps", _median(partial(_client(many, 0).get, "/apps")))
        began = time.perf_counter()
        update_hours(many, NOW, HOURS)
        print(f"fleet_hours of {HOURS} h made in {time.perf_counter() - began:.1f} s", flush=True)
        rows = many[COLLECTION].estimated_document_count()
        _print(
            f"the fleet's aggregation over {rows:,} hours", _median(lambda: read_rows(many, Window(NOW, HOURS // 2)))
        )
        for database in databases.values():
            database.close()


def _load(database: Database, count: int) -> int:
    """The measured application's samples every 5 s, and those of all others every 300 s; the number of documents."""
    dice, written = np.random.default_rng(7), 0
    names = ["x", *(f"app-{number:04}" for number in range(1, count))] if count else [""]
    for metric in METRICS:
        for name in names:
            step = OWN_SECONDS if name == names[0] else OTHERS_SECONDS
            times = [NOW - timedelta(seconds=step * back) for back in range(HOURS * 3600 // step)]
            named: dict[str, Any] = {"application": name} if name else {}
            readings = dice.random(len(times))
            samples = [sample_document(metric, t, float(r), **named) for t, r in zip(times, readings, strict=True)]
            written += len(database[metric.collection].insert_many(samples, ordered=False).inserted_ids)
    return written


def _client(database: Database, cache_bytes: int) -> Client:
    services = Services(from_mapping({}), Store(database, cache_bytes), RecordingReportService(), clock=lambda: NOW)
    return Client(server.create_app(services))


def _compare(databases: dict[int, Database]) -> None:
    """Cold, warm and 304 of the newest hour, the databases in turns."""
    path = {count: "/apps/x/cpu/now/1" if count else "/cpu/now/1" for count in databases}
    collections = [metric.collection for metric in METRICS]
    for count, database in databases.items():
        for key in (KEY, APPLICATION_KEY)[: 1 + bool(count)]:
            Store(database).reader.applications.indexes.ensure(*collections, key=key, wait_seconds=120.0)
    warm = {count: _client(database, 2**28) for count, database in databases.items()}
    cold = {count: _client(database, 0) for count, database in databases.items()}
    tags = {count: client.get(path[count]).headers["Etag"] for count, client in warm.items()}
    kinds: dict[str, Callable[[int], Callable[[], Any]]] = {
        "cold": lambda count: partial(cold[count].get, path[count]),
        "warm": lambda count: partial(warm[count].get, path[count]),
        "304": lambda count: partial(warm[count].get, path[count], if_none_match=tags[count]),
    }
    for name, call in kinds.items():
        seconds: dict[int, list[float]] = {count: [] for count in databases}
        for _ in range(RUNS):
            for count in databases:
                seconds[count].append(_time(call(count)))
        medians = {count: statistics.median(each) * 1000 for count, each in seconds.items()}
        text = ", ".join(f"{count or 'none named'}: {ms:.2f} ms" for count, ms in medians.items())
        print(f"/apps/x/cpu/now/1 {name}: {text}; {medians[MANY] / medians[1]:.2f} times", flush=True)


def _time(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _median(call: Callable[[], Any]) -> float:
    call()
    return statistics.median(_time(call) for _ in range(RUNS))


def _print(name: str, seconds: float) -> None:
    print(f"{name}: {seconds * 1000:.0f} ms", flush=True)
