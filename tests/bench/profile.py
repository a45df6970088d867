"""A profile of a week answered from an empty memory: processor time of ours and of mongod's, and where ours goes."""

from __future__ import annotations

import cProfile
import pstats
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import psutil

from pycemaker.cache.sample_store import Store
from pycemaker.columnar.encode import encode_batch, encode_columns
from pycemaker.metrics import CPU
from pycemaker.mongo.database import Database
from pycemaker.mongo.reader import Reader
from pycemaker.web import metric_answers
from pycemaker.web.answer_formats import Shape
from pycemaker.window import since, to_epoch_ms
from tests.bench.data import NOW, load_cpu, mongod

RUNS = 9
LINES = 18
WEEK = since(NOW - timedelta(days=7))


def main() -> None:
    """Measure the parts and the whole, medians of RUNS; then a profile of the whole, which is slower for it."""
    with mongod() as (server, _):
        url = f"{server}/profile"
        print(f"{load_cpu(url, 14):,} documents", flush=True)
        database = Database(url)
        reader = Reader(database)
        reader.prepare(CPU)
        from_ms = to_epoch_ms(WEEK.start_utc) + 1
        pages = list(reader.read_ahead(CPU, from_ms, None))
        raws = [b"".join(map(page.document_at, range(len(page)))) for page in pages if not isinstance(page, bytes)]
        print(f"  {'of a week, ms':<44}{'ours':>8}{'mongod':>8}{'clock':>8}")
        _row("its documents moved by PyMongo", lambda: sum(map(len, reader.read_batches(CPU, from_ms, None))))
        _row("its documents, one page after the other", lambda: sum(map(len, reader.read_ahead(CPU, from_ms, None))))
        _row("encoding them: columns and JSON", lambda: [encode_batch(page, CPU) for page in pages])
        _row("their columns alone", lambda: [encode_columns(raw, CPU) for raw in raws])
        _row("max_points=1000 from an empty memory", lambda: _answer(database))
        with cProfile.Profile() as profile:
            _answer(database)
        pstats.Stats(profile).sort_stats("tottime").print_stats(LINES)
        database.close()


def _answer(database: Database) -> int:
    answer = metric_answers.tail(Store(database, 256 * 2**20).start_read(CPU, WEEK), Shape("json", 1000), nullcontext)
    return sum(map(len, answer.chunks))


def _row(name: str, work: Callable[[], Any]) -> None:
    runs = [_timed(work) for _ in range(RUNS)]
    medians = [statistics.median(times) * 1000 for times in zip(*runs, strict=True)]
    print(f"  {name:<44}" + "".join(f"{each:8.0f}" for each in medians), flush=True)


def _timed(work: Callable[[], Any]) -> tuple[float, float, float]:
    theirs, ours, began = _mongod_seconds(), time.process_time(), time.perf_counter()
    work()
    clock = time.perf_counter() - began
    return time.process_time() - ours, _mongod_seconds() - theirs, clock


def _mongod_seconds() -> float:
    """Processor time of this process's mongod, in hundredths of a second, which is all that the system tells."""
    own = [each for each in psutil.Process().children(recursive=True) if "mongod" in each.name()]
    return sum(sum(process.cpu_times()[:2]) for process in own)
