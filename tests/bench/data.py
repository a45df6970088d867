"""Databases to measure on: a real mongod of the run's own, and histories of any length in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from pycemaker.data import embedded, sample
from pycemaker.data.database import Database
from pycemaker.data.documents import sample_document
from pycemaker.metrics import CPU, SAMPLE_SECONDS

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


@contextmanager
def mongod() -> Iterator[tuple[str, Path]]:
    """Its URL without a database, and its folder; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.hold(folder)
    try:
        yield held.url, folder
    finally:
        held.release()
        shutil.rmtree(folder, ignore_errors=True)


def load_six(url: str, days: int) -> int:
    """The made-up history of all six metrics; how many documents."""
    database = Database(url)
    written = sample.write_history(database, NOW, days * 24)
    database.close()
    return written


def load_cpu(url: str, days: int) -> int:
    """So many days of one metric, 17,280 documents each; how many documents."""
    database = Database(url)
    collection, step, dice = database[CPU.collection], timedelta(seconds=SAMPLE_SECONDS), np.random.default_rng(7)
    a_day = 86_400 // SAMPLE_SECONDS
    for back in range(days, 0, -1):
        start = NOW - timedelta(days=back)
        readings = np.round(
            0.5 + 0.3 * np.sin(np.arange(a_day) / a_day * 6.283) + 0.02 * dice.standard_normal(a_day), 6
        )
        collection.insert_many(
            [sample_document(CPU, start + (n + 1) * step, float(r), sample=True) for n, r in enumerate(readings)],
            ordered=False,
        )
    database.close()
    return days * a_day
