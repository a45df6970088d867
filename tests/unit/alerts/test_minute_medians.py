"""Medians of minutes, of many series at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.alerts.minute_medians import Samples, mean_points, medians, rates
from pycemaker.metrics import CPU, REQUEST_COUNT


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=40))
def test_medians_are_those_of_numpy(pairs: list[tuple[int, float]]) -> None:
    groups, amounts = np.array([g for g, _ in pairs], np.intp), np.array([a for _, a in pairs], np.float64)
    expected = [np.median(amounts[groups == g]) if (groups == g).any() else np.nan for g in range(5)]
    np.testing.assert_allclose(medians(groups, amounts, 5), expected)


def test_requests_are_counted_by_the_second_since_the_sample_before() -> None:
    samples = Samples(np.array([0, 0, 1, 1, 2]), np.array([5000, 15000, 8000, 10000, 9000]), np.full(5, 30.0))
    seen = rates(REQUEST_COUNT, samples, np.array([0.0, np.nan, 9000.0]))
    assert seen.series.tolist() == [0, 0, 1]  # no rate: the first sample of all, and one that repeats a time
    assert seen.reading.tolist() == [6.0, 3.0, 15.0]
    assert rates(CPU, samples, np.empty(3)) is samples


def test_points_of_health_are_means_of_samples() -> None:
    points = mean_points("cpu", np.array([0, 0, 2]), np.array([0.25, 0.8, 0.3]), 3)
    np.testing.assert_array_equal(points, [1.5, np.nan, 1.0])
