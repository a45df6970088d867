"""Medians of minutes, of many series at once."""

from __future__ import annotations

import numpy as np

from pycemaker.alerts.minute_medians import mean_points, metric_minutes
from pycemaker.analysis.rates import per_second, second_rates
from pycemaker.metrics import CPU, REQUEST_COUNT
from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence, learn


def test_requests_are_counted_by_the_second_at_their_cadence_as_on_the_page() -> None:
    """A lost sample's requests are lost, so the next one stands for five seconds; the first one and a repeat too."""
    times = np.arange(5000, 601_000, 5000, dtype=np.int64)
    times = np.concatenate([times[:20], times[30:40], times[39:]])
    counts = Columns(times, np.full(len(times), 30.0), np.zeros(len(times), np.int16), ("low",))
    minutes = metric_minutes(REQUEST_COUNT, counts, 0, 10)
    assert minutes.medians.tolist() == [6.0] * 10
    _, amounts = second_rates(REQUEST_COUNT, counts, learn(times, 0, 600_000) or Cadence(()))
    assert set(amounts.tolist()) == {6.0}


def test_requests_of_unknown_cadence_have_no_rate() -> None:
    two = Columns(np.array([5000, 10_000]), np.full(2, 30.0), np.zeros(2, np.int16), ("low",))
    assert np.isnan(metric_minutes(REQUEST_COUNT, two, 0, 1).medians).all()
    assert np.isnan(per_second(REQUEST_COUNT, np.full(3, 30.0), np.array([0.0, np.nan, np.inf]))).all()
    assert per_second(CPU, np.full(1, 0.5), np.zeros(1)).tolist() == [0.5]


def test_points_of_health_are_means_of_samples() -> None:
    points = mean_points("cpu", np.array([0, 0, 2]), np.array([0.25, 0.8, 0.3]), 3)
    np.testing.assert_array_equal(points, [1.5, np.nan, 1.0])
