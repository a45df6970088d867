"""The greatest readings of the days before, on literal hours."""

from __future__ import annotations

import numpy as np
import pytest

from pycemaker.analysis.findings.extremes import floor, greatest, limit, outlying


def test_the_greatest_of_two_days_is_the_greatest() -> None:
    assert greatest(np.array([0.1] * 30 + [0.9] + [0.2] * 17)) == 0.9


def test_from_three_days_on_the_worst_day_is_left_out() -> None:
    hours = np.full(96, 0.1)
    hours[40:44] = 0.9
    assert greatest(hours) == 0.1
    hours[70] = 0.5
    assert greatest(hours) == 0.5


def test_two_days_that_reached_it_make_it_known() -> None:
    hours = np.full(96, 0.1)
    hours[[20, 44]] = 0.9
    assert greatest(hours) == 0.9


def test_nothing_known_has_no_limit() -> None:
    assert np.isnan(limit(np.full(48, np.nan), 1, "ratio"))
    assert greatest(np.empty(0)) == -np.inf


def test_a_steady_series_has_the_floor_as_its_margin() -> None:
    assert limit(np.full(24 * 7, 0.06), 1, "ratio") == pytest.approx(0.11)
    assert limit(np.full(24 * 7, 0.5), 1, "ratio") == pytest.approx(0.6)


def test_days_that_differ_widen_the_margin_and_more_days_narrow_it() -> None:
    def greatest_each_day(days: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        hours = np.full(24 * days, 0.1)
        hours[12::24] = 0.2
        hours[[12, 60]] = 0.6
        return hours

    assert limit(greatest_each_day(6), 1, "ratio") == pytest.approx(0.6 + (0.5 + 5 / 5) * 0.4)
    assert limit(greatest_each_day(21), 1, "ratio") == pytest.approx(0.6 + (0.5 + 5 / 20) * 0.4)


def test_an_outlier_is_three_deviations_from_the_days_greatest_until_records_are_rare() -> None:
    hours = np.full(24 * 18, 0.1)
    hours[12::24] = np.resize([0.2, 0.3, 0.4], 18)
    assert outlying(hours) == pytest.approx(0.3 + 3 * 1.4826 * 0.1)
    assert outlying(np.append(hours, hours[:24])) == -np.inf
    assert np.isnan(outlying(np.empty(0)))


def test_floors_are_thirty_percent_for_seconds_and_counts_and_points_for_shares() -> None:
    assert floor(np.log([2.0]), "seconds")[0] == pytest.approx(np.log(1.3))
    assert (10 + floor(np.array([10.0]), "requests")[0]) ** 2 == pytest.approx(130)
    assert (-10 + floor(np.array([-10.0]), "requests")[0]) ** 2 == pytest.approx(100 / 1.3)
    assert floor(np.array([0.0]), "requests")[0] == pytest.approx(0.5**0.5)
    assert floor(np.array([0.0, 0.2, 0.9]), "ratio").tolist() == pytest.approx([0.05, 0.06, 0.1])


def test_a_count_of_hardly_anything_cannot_fall() -> None:
    assert floor(np.array([-0.5]), "requests")[0] == np.inf
