"""Robust trends, on planted points, and how often noise passes for one."""

from __future__ import annotations

import numpy as np
import pytest

from pycemaker.analysis.trend import trend


def points(*y: float) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(y), dtype=float), np.array(y)


def test_the_slope_is_the_median_of_all_pairs() -> None:
    line = trend(*points(1, 2, 4))  # pairs: 1, 1.5, 2
    assert line is not None
    assert (line.slope, line.intercept, line.tau) == (1.5, 1.0, 1.0)
    assert line.at(4) == 7.0


def test_one_spike_moves_nothing() -> None:
    line = trend(*points(0, 1, 2, 3, 400, 5, 6, 7, 8, 9))
    assert line is not None
    assert line.slope == 1.0
    assert line.p < 0.05


def test_the_p_value_is_that_of_the_score_of_mann_and_kendall() -> None:
    line = trend(*points(*range(10)))  # S = 45, Var = 10 * 9 * 25 / 18 = 125, z = 44 / sqrt(125) = 3.93548
    assert line is not None
    assert line.p == pytest.approx(8.3e-5, rel=0.01)
    assert (line.low, line.high) == (1.0, 1.0)


def test_equal_points_have_no_trend() -> None:
    line = trend(*points(3, 3, 3, 3))
    assert line is not None
    assert (line.slope, line.tau, line.p) == (0.0, 0.0, 1.0)


def test_two_points_make_no_trend() -> None:
    assert trend(*points(1, 2)) is None


def test_the_interval_holds_the_slope_that_was_planted() -> None:
    random = np.random.default_rng(3)
    x = np.arange(14.0)
    line = [trend(x, 0.5 * x + random.standard_normal(14)) for _ in range(200)]
    assert np.mean([f.low <= 0.5 <= f.high for f in line if f]) >= 0.9


@pytest.mark.parametrize(("likeness", "most"), [(0.0, 0.06), (0.5, 0.14)])
def test_noise_seldom_passes_for_a_trend(likeness: float, most: float) -> None:
    """14 days of noise alone: of 500, 3.4% where days are independent, 10% where each resembles the last by half."""
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(500):
        y = random.standard_normal(64)
        for index in range(1, 64):
            y[index] += likeness * y[index - 1]
        line = trend(np.arange(14.0), y[50:])
        alarms += line is not None and line.p < 0.05
    assert alarms / 500 <= most
