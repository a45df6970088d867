"""Hour summaries on literal samples."""

from __future__ import annotations

import numpy as np
import pytest

from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.hour_summaries import HOUR_MS, hour_medians, summarize


def columns(rows: list[tuple[int, float, str]]) -> Columns:
    names = tuple(dict.fromkeys(name for *_, name in rows))
    return Columns(
        np.array([time for time, *_ in rows], np.int64),
        np.array([reading for _, reading, _ in rows]),
        np.array([names.index(name) for *_, name in rows], np.int16),
        names,
    )


def test_an_hour_is_open_at_its_start_and_closed_at_its_end() -> None:
    summaries = summarize(columns([(1, 0.1, "low"), (HOUR_MS, 0.3, "low"), (HOUR_MS + 1, 0.9, "low")]), "ratio")
    assert summaries.hour_ms.tolist() == [0, HOUR_MS]
    assert summaries.count.tolist() == [2, 1]
    assert summaries.total.tolist() == pytest.approx([0.4, 0.9])


def test_minimum_and_maximum_come_with_the_first_time_they_were_reached() -> None:
    rows = [(10, 0.5, "low"), (20, 0.1, "low"), (30, 0.9, "high"), (40, 0.9, "high"), (50, 0.1, "low")]
    summaries = summarize(columns(rows), "ratio")
    assert (summaries.minimum[0], summaries.minimum_ms[0]) == (0.1, 20)
    assert (summaries.maximum[0], summaries.maximum_ms[0]) == (0.9, 30)
    assert summaries.criticity_names == ("high", "low")
    assert summaries.criticities.tolist() == [[2, 3]]


def test_readings_that_are_not_finite_are_counted_as_samples_alone() -> None:
    summaries = summarize(columns([(10, float("nan"), "low")]), "seconds")
    assert (summaries.count[0], summaries.readings[0], summaries.histogram.sum()) == (1, 0, 0)
    assert np.isnan(summaries.minimum[0])
    assert summaries.total[0] == 0
    assert summaries.maximum_ms[0] == 0


def test_the_longest_gap_counts_the_ends_of_the_hour() -> None:
    summaries = summarize(columns([(600_000, 1, "low"), (605_000, 1, "low"), (610_000, 1, "low")]), "requests")
    assert summaries.longest_gap_ms.tolist() == [HOUR_MS - 610_000]
    assert summaries.step_ms.tolist() == [5000]


def test_readings_beyond_the_bins_are_in_the_outermost_ones() -> None:
    summaries = summarize(columns([(1, -0.2, "low"), (2, 0.019, "low"), (3, 1.5, "low")]), "ratio")
    assert summaries.histogram.shape == (1, 50)
    assert (summaries.histogram[0, 0], summaries.histogram[0, -1]) == (2, 1)


def test_an_hours_blocks_are_medians_of_five_minutes_and_means_of_requests() -> None:
    rows = [(1, 0.1, "low"), (2, 0.2, "low"), (3, 0.9, "low"), (300_000, 0.2, "low"), (300_001, 0.6, "low"),
            (3_300_001, 0.4, "low"), (HOUR_MS, 0.4, "low")]  # fmt: skip
    shares, counts = summarize(columns(rows), "ratio"), summarize(columns(rows), "requests")
    assert (shares.block_minimum[0], shares.block_median[0], shares.block_maximum[0]) == (0.2, 0.4, 0.6)
    assert counts.block_minimum[0] == pytest.approx(0.35)
    assert np.isnan(summarize(columns([(10, float("nan"), "low")]), "ratio").block_median[0])


def test_a_part_has_the_same_hours() -> None:
    summaries = summarize(columns([(1, 0.1, "low"), (HOUR_MS + 1, 0.9, "low")]), "ratio")
    assert (summaries.part(1, 2).hour_ms.tolist(), summaries.part(1, 2).maximum.tolist()) == ([HOUR_MS], [0.9])


def test_no_sample_gives_no_row() -> None:
    assert len(summarize(no_columns(), "ratio")) == 0


def test_the_hours_medians_alone_are_those_of_the_summaries() -> None:
    time_ms = np.arange(1, 3000, dtype=np.int64) * 7_001
    readings = np.random.default_rng(2).random(len(time_ms))
    readings[::13] = np.nan
    samples = Columns(time_ms, readings, np.zeros(len(time_ms), np.int16), ("low",))
    for unit in ("ratio", "requests"):
        whole = summarize(samples, unit)
        hour_ms, medians = hour_medians(samples, unit)
        np.testing.assert_array_equal(hour_ms, whole.hour_ms)
        np.testing.assert_array_equal(medians, whole.block_median)
