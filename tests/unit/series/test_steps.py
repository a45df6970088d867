"""Steps: count, mean, extremes and p95 of stretches of equal length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.steps import Steps, steps_of_hours, steps_of_parts

MINUTE_MS = 60_000


def columns_of(times: list[int], readings: list[float]) -> Columns:
    return Columns(np.array(times, np.int64), np.array(readings, float), np.zeros(len(times), np.int16), ("low",))


def rows_of(steps: Steps) -> list[tuple[float, ...]]:
    arrays = (steps.start_ms, steps.count, steps.mean, steps.minimum, steps.maximum, steps.p95)
    return [tuple(float(array[row]) for array in arrays) for row in range(len(steps))]


def test_a_sample_at_the_end_of_a_step_is_in_it_and_one_at_its_start_in_the_one_before() -> None:
    steps = steps_of_parts([columns_of([60_000, 60_001, 120_000, 120_001], [1, 2, 4, 8])], MINUTE_MS)
    assert rows_of(steps) == [(0, 1, 1, 1, 1, 1), (60_000, 2, 3, 2, 4, 3.9), (120_000, 1, 8, 8, 8, 8)]


def test_a_step_without_a_reading_has_no_row_and_no_sample_has_no_step() -> None:
    assert rows_of(steps_of_parts([], MINUTE_MS)) == []
    assert rows_of(steps_of_parts([columns_of([1], [np.nan])], MINUTE_MS)) == []
    steps = steps_of_parts([columns_of([1, 2, 180_001, 180_002], [1, np.nan, np.nan, 5])], MINUTE_MS)
    assert rows_of(steps) == [(0, 1, 1, 1, 1, 1), (180_000, 1, 5, 5, 5, 5)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 600_000), st.floats(-1e6, 1e6) | st.just(np.nan)), max_size=200),
    st.integers(1, 7),
    st.sampled_from([1_000, 7_000, 60_000, 3_600_000]),
)
def test_steps_are_those_of_numpy_whatever_the_parts(
    samples: list[tuple[int, float]], size: int, every_ms: int
) -> None:
    samples.sort(key=lambda sample: sample[0])
    whole = columns_of([time for time, _ in samples], [reading for _, reading in samples])
    parts = [whole.part(start, start + size) for start in range(0, len(whole), size)]
    expected: dict[int, list[float]] = {}
    for time, reading in samples:
        if np.isfinite(reading):
            expected.setdefault((time - 1) // every_ms * every_ms, []).append(reading)
    got = rows_of(steps_of_parts(parts, every_ms))
    assert [row[0] for row in got] == sorted(expected)
    for start, *numbers in got:
        own = np.array(expected[int(start)])
        whole_step = [len(own), own.mean(), own.min(), own.max(), np.quantile(own, 0.95)]
        assert np.allclose(numbers, whole_step, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(("unit", "scale", "within"), [("ratio", 1.0, 0.02), ("seconds", 30.0, 0.5)])
@pytest.mark.parametrize("hours", [1, 6, 24])
def test_steps_of_hour_summaries_are_those_of_the_samples_but_for_the_bin_of_p95(
    unit: str, scale: float, within: float, hours: int
) -> None:
    dice = np.random.default_rng(7)
    times = np.arange(1, 48 * 720 + 1) * 5_000
    columns = Columns(times, dice.beta(2, 5, len(times)) * scale, np.zeros(len(times), np.int16), ("low",))
    parts = [summarize(columns.part(0, 10_000), unit), summarize(columns.part(10_000, len(times)), unit)]
    by_hours, by_samples = steps_of_hours(parts, hours * HOUR_MS), steps_of_parts([columns], hours * HOUR_MS)
    assert len(by_hours) == 48 // hours
    for name in ("start_ms", "count", "minimum", "maximum"):
        assert np.array_equal(getattr(by_hours, name), getattr(by_samples, name))
    assert np.allclose(by_hours.mean, by_samples.mean)
    off = np.abs(by_hours.p95 - by_samples.p95) / (1.0 if unit == "ratio" else by_samples.p95)
    assert off.max() <= within


def test_hours_without_a_reading_have_no_step() -> None:
    assert len(steps_of_hours([summarize(columns_of([], []), "ratio")], HOUR_MS)) == 0
    some = summarize(columns_of([1, HOUR_MS + 1], [np.nan, 0.5]), "ratio")
    assert rows_of(steps_of_hours([some], HOUR_MS)) == [(HOUR_MS, 1, 0.5, 0.5, 0.5, 0.5)]
