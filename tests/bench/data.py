"""Databases to measure on: a real mongod of the run's own, and histories of any length in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pycemaker.collect import demo_history
from pycemaker.collect.sample_document import sample_document
from pycemaker.metrics import CPU, SAMPLE_SECONDS, Metric, find_metric
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""The end of the histories: recent, since a server reads long tails (from months ago on) another way than polls."""

A_DAY = 86_400 // SAMPLE_SECONDS


@contextmanager
def mongod() -> Iterator[tuple[str, Path]]:
    """Its URL without a database, and its folder; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.acquire(folder)
    try:
        yield held.url, folder
    finally:
        held.release()
        shutil.rmtree(folder, ignore_errors=True)


def load_six(url: str, days: int) -> int:
    """The made-up history of all six metrics; how many documents."""
    database = Database(url)
    written = demo_history.write_history(database, NOW, days * 24)
    database.close()
    return written


def load_months(url: str) -> int:
    """65 days of all six metrics, 6.7 million documents: a month, the month before it, and some; how many there are.

    What a run before has loaded at this URL is taken as it is.
    """
    with closing(Database(url)) as database:
        loaded = database[CPU.collection].estimated_document_count()
    return loaded * 6 if loaded >= 60 * A_DAY else load_six(url, 65)


def load_cpu(url: str, days: int) -> int:
    """Write so many days of one metric, 17,280 documents each; the number of documents."""

    def readings(dice: np.random.Generator) -> NDArray[np.float64]:
        wave = np.sin(np.arange(A_DAY) / A_DAY * 6.283)
        return np.round(0.5 + 0.3 * wave + 0.02 * dice.standard_normal(A_DAY), 6)

    return _load(url, days, CPU, readings)


def load_rare_failures(url: str, days: int) -> int:
    """The same of failures that one sample in twenty has: nearly all documents are at the minimum."""
    return _load(url, days, find_metric("http_fail"), lambda dice: dice.binomial(1, 0.05, A_DAY).astype(np.float64))


def _load(url: str, days: int, metric: Metric, readings: Callable[[np.random.Generator], NDArray[np.float64]]) -> int:
    database = Database(url)
    collection, step, dice = database[metric.collection], timedelta(seconds=SAMPLE_SECONDS), np.random.default_rng(7)
    for back in range(days, 0, -1):
        start = NOW - timedelta(days=back)
        collection.insert_many(
            [
                sample_document(metric, start + (n + 1) * step, float(reading), sample=True)
                for n, reading in enumerate(readings(dice))
            ],
            ordered=False,
        )
    database.close()
    return days * A_DAY
