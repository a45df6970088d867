"""The chart of the page at `/`: its paths on literal numbers."""

from __future__ import annotations

import numpy as np

from pycemaker.web.pages.course_chart import ahead, band, height, line

NAN = float("nan")


def test_the_line_ends_now_and_has_a_unit_across_for_each_step() -> None:
    assert line(np.array([0.0, 0.5, 1.0]), 1.0) == "M118 69.0 119 36.0 120 3.0"


def test_the_line_breaks_where_a_step_is_unknown_and_a_step_alone_is_a_dot() -> None:
    assert line(np.array([0.0, 0.0, NAN, 0.5, NAN]), 1.0) == "M116 69.0 117 69.0M119 36.0h0"
    assert line(np.full(120, NAN), 1.0) == ""


def test_what_is_expected_is_drawn_from_now_to_the_end() -> None:
    assert ahead(np.array([0.0, 0.5, 1.0]), 1.0) == "M120 69.0 180 36.0 240 3.0"
    assert ahead(np.array([0.0, NAN, 1.0]), 1.0) == ""


def test_the_band_goes_along_its_upper_edge_and_back_along_its_lower_one() -> None:
    assert band(np.array([0.0, 0.0]), np.array([1.0, 0.5]), 1.0) == "M120 3.0 240 36.0L240 69.0 120 69.0Z"
    assert band(np.array([NAN, NAN]), np.array([NAN, NAN]), 1.0) == ""


def test_values_beyond_the_scale_stay_at_its_edge() -> None:
    assert [height(value, 4.0, -4.0) for value in (-5, -4, 0, 4, 9)] == [69.0, 69.0, 36.0, 3.0, 3.0]
