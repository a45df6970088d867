"""Means of samples over equal steps."""

from __future__ import annotations

import numpy as np
import pytest

from pycemaker.series.cadence import Cadence, steady
from pycemaker.series.step_means import step_means


def means(times_s: list[int], amounts: list[float], every_s: float, ends_s: list[int]) -> list[float | None]:
    cadence = steady(every_s * 1000, 0, 10**9)
    time_ms, ends_ms = np.array(times_s, np.int64) * 1000, np.array(ends_s, np.int64) * 1000
    return [
        None if np.isnan(each) else float(each) for each in step_means(time_ms, np.array(amounts), cadence, ends_ms)
    ]


def test_a_step_has_the_mean_of_the_samples_after_its_start_up_to_its_end() -> None:
    assert means([5, 10, 15, 20], [1, 2, 3, 4], 5, [10, 20]) == [1.5, 3.5]


def test_an_amount_stands_until_the_next_one_is_due() -> None:
    assert means([60, 120, 180], [1, 2, 3], 60, [60, 90, 120, 150]) == [1, 1, 2, 2]


def test_a_step_in_which_samples_are_missing_has_no_mean() -> None:
    assert means([5, 10, 100], [1, 2, 3], 5, [20, 60, 100]) == [1.5, None, 3]


def test_no_sample_and_no_cadence_give_no_mean() -> None:
    assert means([], [], 5, [10, 20]) == [None, None]
    unknown = step_means(np.array([5]), np.array([1.0]), Cadence(()), np.array([10, 20]))
    assert unknown.tolist() == pytest.approx([1.0, float("nan")], nan_ok=True)
