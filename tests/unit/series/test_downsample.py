"""Downsampling: every peak stays, and the answer has the method."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycemaker.series.batches import Batch, Columns
from pycemaker.series.downsample import Downsampler, downsample

HELD = 5_000


def batch_of(readings: list[float], start: int = 0) -> Batch:
    rows = [b"%d" % (start + index) for index in range(len(readings))]
    times = (start + np.arange(len(readings))) * 5000
    columns = Columns(times, np.array(readings, float), np.zeros(len(readings), np.int16), ("low",))
    return Batch(columns, b",".join(rows), np.cumsum([len(row) + 1 for row in rows]) - 1)


def rows_of(batch: Batch) -> list[int]:
    return [int(batch.row(index)) for index in range(len(batch))]


def test_few_enough_documents_all_stay_with_and_without_a_reading() -> None:
    assert rows_of(downsample([batch_of([1, np.nan, 3]), batch_of([4], 3)], 4)) == [0, 1, 2, 3]


def test_documents_without_a_reading_leave_first() -> None:
    assert rows_of(downsample([batch_of([1, np.nan, 3, np.nan, 2])], 4)) == [0, 2, 4]


def test_the_one_peak_of_many_stays_with_its_own_row() -> None:
    readings = [0.5] * 5000
    readings[3217], readings[1044] = 9.0, -9.0
    chosen = downsample([batch_of(readings[:2000]), batch_of(readings[2000:], 2000)], 10)
    assert len(chosen) <= 10
    assert {3217, 1044} <= set(rows_of(chosen))
    assert chosen.columns.reading.tolist() == [readings[index] for index in rows_of(chosen)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300) | st.just(np.nan), min_size=1, max_size=300), st.integers(2, 80))
def test_highest_and_lowest_stay_in_order_and_within_the_number(readings: list[float], most: int) -> None:
    chosen = downsample([batch_of(readings[:50]), batch_of([]), batch_of(readings[50:], 50)], most)
    indices, finite = rows_of(chosen), [each for each in readings if np.isfinite(each)]
    assert len(chosen) <= most
    assert indices == sorted(set(indices))
    if finite and most > 3:
        assert {max(finite), min(finite)} <= {readings[index] for index in indices}
    if finite and len(readings) > most:
        ends = np.flatnonzero(np.isfinite(readings))[[0, -1]].tolist()
        assert (indices[0], indices[-1]) == tuple(ends)


@pytest.mark.parametrize(("count", "method"), [(10, "nenhum"), (11, "minmax")])
def test_it_is_said_what_was_done(count: int, method: str) -> None:
    thinner = Downsampler(10)
    thinner.add(batch_of([float(n) for n in range(count)]))
    assert (thinner.method, thinner.total) == (method, count)


def thinned(readings: np.ndarray, sizes: list[int], most: int) -> Downsampler:
    """The readings taken in by pieces of these sizes, again and again."""
    thinner, start = Downsampler(most, held_documents=HELD), 0
    for size in itertools.cycle(sizes):
        if start >= len(readings):
            return thinner
        thinner.add(batch_of(readings[start : start + size].tolist(), start))
        assert thinner.holding < HELD
        start += size
    raise AssertionError


def test_what_is_held_meanwhile_is_bounded_and_peaks_outlive_it() -> None:
    readings = np.zeros(60_000)
    readings[::1000] = np.arange(60) + 1
    thinner = thinned(readings, [1000], 100)
    assert thinner.total == 60_000
    assert thinner.result().columns.reading.max() == 60
    assert len(thinner.result()) <= 100


@pytest.mark.parametrize("total", [4_999, 5_000, 5_001, 9_990, 60_000, 61_234])
@pytest.mark.parametrize("most", [2, 7, 100, 600])
def test_what_stays_does_not_depend_on_the_pieces_in_which_it_came(total: int, most: int) -> None:
    readings = np.random.default_rng(7).normal(size=total).cumsum()
    readings[::97] = np.nan
    found = [thinned(readings, sizes, most).result() for sizes in ([720], [4000, 1], [total], [1, 5_000, 313])]
    assert len({batch.rows for batch in found}) == 1
    assert len(found[0]) <= most
    assert most < 4 or {np.nanmin(readings), np.nanmax(readings)} <= set(found[0].columns.reading)
    assert (found[0].columns.reading[0], found[0].columns.reading[-1]) == tuple(
        readings[np.isfinite(readings)][[0, -1]]
    )


def test_early_samples_of_many_keep_as_many_points_as_late_ones() -> None:
    chosen = rows_of(thinned(np.random.default_rng(7).normal(size=60_000), [720], 200).result())
    tenths = np.bincount(np.array(chosen) // 6_000)
    assert tenths.min() >= 16
    assert tenths.max() <= 22


def test_of_many_samples_without_a_reading_those_that_have_one_stay() -> None:
    readings = np.full(20_000, np.nan)
    assert len(thinned(readings, [720], 100).result()) == 0
    readings[[3, 12_345]] = 1.0
    assert rows_of(thinned(readings, [720], 100).result()) == [3, 12_345]
