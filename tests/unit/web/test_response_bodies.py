"""The memory of an interval's answer while it is made, and its complete extremes."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from pycemaker.series.batches import Batch, Columns
from pycemaker.web import response_bodies
from pycemaker.window import Window

WINDOW = Window(datetime(2022, 4, 10, 12, tzinfo=UTC), 744)
PIECE = 4_000


def batches(readings: list[float]) -> Iterator[Batch]:
    """Documents as long as real ones, with ids that are all different."""
    dice = np.random.default_rng(7)
    for start in range(0, len(readings), PIECE):
        some = readings[start : start + PIECE]
        ids = dice.integers(0, 2**63, len(some)).tolist()
        rows = [
            b'{"_id":"%024x","criticity":"low","note":"%s","value":%g}' % (n, b"x" * 100, v)
            for n, v in zip(ids, some, strict=True)
        ]
        columns = Columns(
            np.arange(start, start + len(some)), np.array(some, float), np.zeros(len(some), np.int16), ("low",)
        )
        yield Batch(columns, b",".join(rows), np.cumsum([len(row) + 1 for row in rows]) - 1)


@pytest.mark.parametrize("peaks", [0, 3], ids=["all the same", "some higher"])
def test_a_metric_that_stays_at_its_lowest_takes_little_memory_while_it_is_sent(peaks: int) -> None:
    readings = [0.0] * 100_000
    readings[50_000 : 50_000 + peaks] = [1.0] * peaks
    sent = sum(len(batch.rows) for batch in batches(readings))
    tracemalloc.start()
    told = sum(map(len, response_bodies.interval(batches(readings), [], WINDOW)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent > 15_000_000
    assert told > 1.9 * sent
    assert peak < 13_000_000


@pytest.mark.parametrize(
    "readings", [[0, 0, 0, 0], [0, 1, 0, 1], [3, 2, 1, 0], [0, 1, 2, 3], [5, 5, 0, 5], [0, 0, 5, 0]]
)
@pytest.mark.parametrize("plain_bytes", [0, 400, 10**9])
def test_rows_at_an_extreme_are_all_there_compressed_or_not(readings: list[float], plain_bytes: int) -> None:
    many = np.repeat(readings, 3_000).tolist()
    told = json.loads(b"".join(response_bodies.interval(batches(many), [], WINDOW, plain_bytes=plain_bytes)))
    assert told["lower"] == [each for each in told["data"] if each["value"] == min(readings)]
    assert told["higher"] == [each for each in told["data"] if each["value"] == max(readings)]
