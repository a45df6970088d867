"""Age of answers out of memory, at the real pace of checks, while others write, late and over and over.

Every answer is held against what was written until then: an appended sample is in each answer that is asked for 1 s
after MongoDB took it, and a late, corrected or deleted one is as it is in each that is asked for 10 s after. Once all is
quiet for so long the bytes are those of an application without memory, in every shape. How long anything takes plays no
part: a machine that stands still for a second proves nothing wrong.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from pycemaker.cache.sample_store import Store
from pycemaker.mongo.database import Database
from tests.integration.web.test_routes import app_over
from tests.services.replica import replica_set
from tests.services.wsgi import Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
APPENDED_SECONDS, CHANGED_SECONDS = 1.0, 10.0
WRITING_SECONDS = 3.0
TAIL = "/cpu/2022-04-10T06:00:00Z"
OTHERS = ["/cpu/2022-04-10T12:43:23Z/3", "/cpu/2022-04-10T11:00:00Z", "/cpu/2022-04-10T13:00:00Z/4?max_points=100"]
SHAPES = [TAIL, *OTHERS, *[f"{TAIL}?format={name}" for name in ("csv", "ndjson", "arrow")]]


@dataclass
class Version:
    """A document's reading, None where there is none; when its writing began and was done; how soon it is to be seen."""

    reading: float | None
    began: float
    bound: float
    done: float = float("inf")


@dataclass
class Written:
    """What was written, by document, and when the newest sample was taken."""

    versions: dict[int, list[Version]] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=itertools.count)
    newest_seconds: int = 0

    def write(self, number: int, reading: float | None, bound: float, act: Any) -> None:
        """Note it around the act."""
        version = Version(reading, time.monotonic(), bound)
        self.versions.setdefault(number, [Version(None, 0, 0, 0)]).append(version)
        act()
        version.done = time.monotonic()

    def faults(self, asked: float, answered: float, readings: dict[int, float]) -> list[str]:
        """The documents that are in this answer as they were at no moment at which they may be in it."""
        return [
            f"{number}: {readings.get(number)}, not of {versions}"
            for number, versions in self.versions.copy().items()
            if readings.get(number) not in list(allowed(list(versions), asked, answered))
        ]


def allowed(versions: list[Version], asked: float, answered: float) -> Iterator[float | None]:
    """The readings of which each may be in an answer that was asked for and given then."""
    for version, following in itertools.zip_longest(versions, versions[1:]):
        is_over = following is not None and following.done + following.bound < asked
        if version.began <= answered and not is_over:
            yield version.reading


def keep_writing(database: Database, written: Written, seed: int, stop: threading.Event) -> None:
    collection, dice, mine = database["cpu_usage"], random.Random(seed), [n for n in written.versions if n % 2 == seed]
    while not stop.is_set():
        kind = dice.choices(["append", "late", "correct", "delete"], (6, 1, 1, 1))[0]
        number, reading = dice.choice(mine), dice.random()
        if kind in ("append", "late"):
            number = next(written.ids)
            mine.append(number)
            append(collection, written, number, reading) if kind == "append" else late(
                collection, written, number, dice
            )
        elif written.versions[number][-1].reading is not None:
            change(collection, written, number, reading if kind == "correct" else None)
        time.sleep(dice.uniform(0, 0.02))


def append(collection: Any, written: Written, number: int, reading: float) -> None:
    written.newest_seconds += 5
    at = written.newest_seconds
    document = {"_id": number, "time_series": NOW + timedelta(seconds=at), "value": reading}
    written.write(number, reading, APPENDED_SECONDS, lambda: collection.insert_one(document))
    if written.newest_seconds - at > 30:  # the other writer was faster by so much that this one came late
        written.versions[number][-1].bound = CHANGED_SECONDS


def late(collection: Any, written: Written, number: int, dice: random.Random) -> None:
    reading, at = dice.random(), NOW - timedelta(seconds=dice.uniform(100, 20_000))
    document = {"_id": number, "time_series": at, "value": reading}
    written.write(number, reading, CHANGED_SECONDS, lambda: collection.insert_one(document))


def change(collection: Any, written: Written, number: int, reading: float | None) -> None:
    if reading is None:
        written.write(number, None, CHANGED_SECONDS, lambda: collection.delete_one({"_id": number}))
    else:
        to = {"$set": {"value": reading}}
        written.write(number, reading, CHANGED_SECONDS, lambda: collection.update_one({"_id": number}, to))


def keep_reading(client: Client, written: Written, faults: list[str], stop: threading.Event) -> None:
    for path in itertools.cycle(OTHERS):
        if stop.is_set() or faults:
            return
        client.get(path)
        asked = time.monotonic()
        body = client.get(TAIL).body
        answered = time.monotonic()
        readings = {document["_id"]: document["value"] for document in orjson.loads(body)}
        faults += written.faults(asked, answered, readings)
        time.sleep(0.02)


def faults_at_real_pace(database: Database) -> list[str]:
    """What was wrong with the answers, while there was writing and thereafter."""
    written, faults = Written(), list[str]()
    collection = database["cpu_usage"]
    first = [
        {"_id": next(written.ids), "time_series": NOW - timedelta(seconds=5 * n), "value": n / 7} for n in range(4000)
    ]
    collection.insert_many(first)
    written.versions = {each["_id"]: [Version(each["value"], 0, 0, 0)] for each in first}
    cached, plain = app_over(Store(database, 2**26)), app_over(Store(database))
    writing_stops, reading_stops = threading.Event(), threading.Event()
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(keep_reading, cached, written, faults, reading_stops) for _ in range(2)]
        writers = [pool.submit(keep_writing, database, written, seed, writing_stops) for seed in (0, 1)]
        time.sleep(WRITING_SECONDS)
        writing_stops.set()
        [writer.result() for writer in writers]
        last = time.monotonic()
        while time.monotonic() < last + CHANGED_SECONDS and not faults:
            time.sleep(0.1)
        reading_stops.set()
        [reader.result() for reader in readers]
    return faults + [path for path in SHAPES if cached.get(path).body != plain.get(path).body]


def test_no_answer_is_older_than_is_said_on_a_mongod_by_itself_and_on_a_replica_set(database: Database) -> None:
    with replica_set() as url, ThreadPoolExecutor(2) as pool:
        replicated = Database(url)
        found = list(pool.map(faults_at_real_pace, [database, replicated]))
        replicated.close()
    assert found == [[], []]


@pytest.mark.parametrize(
    ("asked", "readings"),
    [(9.0, [None, 1.0, 2.0]), (11.5, [1.0, 2.0]), (20.0, [1.0, 2.0]), (20.6, [2.0])],
    ids=["all may be seen", "the sample has to be there", "the correction may be missing", "it may not"],
)
def test_what_may_be_in_an_answer_is_known(asked: float, readings: list[float | None]) -> None:
    versions = [Version(None, 0, 0, 0), Version(1.0, 8.0, 1.0, 8.5), Version(2.0, 10.0, 10.0, 10.5)]
    assert list(allowed(versions, asked, asked + 1.5)) == readings
