"""Forecasts of hourly amounts: methods, weights, bands, and what is withheld."""

from __future__ import annotations

import numpy as np
import pytest

from pycemaker.analysis.forecast.backtest import has_band, needed_hours
from pycemaker.analysis.forecast.bands import coverage, offsets
from pycemaker.analysis.forecast.methods import METHODS, predictions
from pycemaker.analysis.forecast.metric_forecast import MetricForecast, forecast
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.robust import Floats
from tests.services.made_up_hours import every_kind, noise

DAY = np.array([0.1] * 8 + [0.6] * 12 + [0.3] * 4)
"""A day of 24 hours: night, work, evening."""


def made(
    amounts: Floats, hours: int, origin_ms: int = 0, bounds: tuple[float, float] = (0.0, np.inf)
) -> MetricForecast:
    ahead = forecast(amounts, hours, origin_ms, bounds)
    assert ahead is not None
    return ahead


def predicted(amounts: Floats, method: str, *leads: int) -> list[float]:
    row = METHODS.index(method)
    return [float(each) for each in predictions(amounts, np.array(leads), 1)[row, 0]]


def test_each_method_looks_ahead_as_its_name_says() -> None:
    line, days = np.arange(500.0), np.tile(DAY, 30)
    assert predicted(line, "last_value", 1, 24) == [499, 499]
    assert predicted(line, "median_3h", 1) == [498]
    assert predicted(line, "median_6h", 5) == [496.5]
    assert predicted(line, "trend_48h", 1, 24) == [500, 523]
    assert predicted(line, "damped_trend", 1, 2) == pytest.approx([499.9, 500.71])
    assert predicted(line, "trend_of_days", 1, 24) == pytest.approx([500, 523])
    assert predicted(days, "same_hour_of_days", 1, 9, 24) == pytest.approx([0.1, 0.6, 0.3])
    assert predicted(days + 1, "daily_shape_24h", 1, 9, 24) == pytest.approx([1.1, 1.6, 1.3])
    assert predicted(days, "same_hour_of_weeks", 1, 33) == pytest.approx([0.1, 0.6])


def test_no_method_uses_what_comes_after_its_origin() -> None:
    amounts = np.random.default_rng(1).random(700)
    leads = np.array([1, 6, 24, 200])
    changed = np.concatenate([amounts[:600], amounts[600:] + 5])
    before, after = (predictions(each, leads, 700)[:, :600] for each in (amounts, changed))
    np.testing.assert_array_equal(before, after)


def test_a_repeated_day_is_forecast_exactly() -> None:
    ahead = made(np.tile(DAY, 28), 24)
    assert ahead.middle.tolist() == pytest.approx(DAY.tolist(), abs=1e-6)
    assert ahead.at_end.error == pytest.approx(0, abs=1e-6)


def test_a_line_goes_on() -> None:
    ahead = made(0.1 + 0.001 * np.arange(672), 24)
    assert ahead.middle[-1] == pytest.approx(0.1 + 0.001 * (671 + 24), abs=1e-4)


def test_where_the_last_value_was_no_worse_it_is_the_forecast() -> None:
    walk = np.cumsum(np.random.default_rng(3).normal(0, 1, 672)) + 100
    ahead = made(walk, 1)
    assert ahead.at_end.error <= ahead.at_end.error_of_last_value
    still = made(np.full(672, 0.5), 6)
    assert (still.at_end.method, still.at_end.error) == ("last_value", 0.0)
    assert still.middle.tolist() == [0.5] * 6


def test_a_history_too_short_to_compare_gives_no_forecast() -> None:
    amounts = np.tile(DAY, 28)
    assert (needed_hours(1), needed_hours(6), needed_hours(24), needed_hours(168)) == (25, 30, 48, 336)
    assert forecast(amounts[:47], 24, 0) is None
    assert forecast(amounts[:48], 24, 0) is not None
    assert forecast(np.empty(0), 1, 0) is None
    assert forecast(np.append(amounts, np.nan), 1, 0) is None  # nothing is known of the hour it starts from


def test_a_band_needs_five_days_at_6_hours_and_three_weeks_at_24() -> None:
    assert [has_band(lead, 125) for lead in (1, 6)] == [False, False]
    assert [has_band(lead, 126) for lead in (1, 6, 7)] == [True, True, False]
    assert [has_band(24, hours) for hours in (503, 504)] == [False, True]
    amounts = np.tile(DAY, 28) + noise(np.random.default_rng(1), 672, 0.02)
    short, long = made(amounts[-503:], 24), made(amounts[-504:], 24)
    assert np.isnan(short.low[-1])
    assert np.isfinite(short.low[11])
    assert np.isfinite(long.low).all()
    assert (long.low <= long.middle).all()
    assert (long.middle <= long.high).all()


def test_bands_hold_nine_of_ten_outcomes_of_every_kind_of_course() -> None:
    for kind, (amounts,) in every_kind(1).items():
        drawn = {tested.lead: tested.coverage for tested in made(amounts, 6).leads if tested.band}
        assert list(drawn) == [1, 2, 3, 6]
        for lead, share in drawn.items():
            assert share == pytest.approx(0.9, abs=0.05), (kind, lead)


def test_a_band_widens_when_outcomes_leave_it_and_narrows_again() -> None:
    random = np.random.default_rng(2)
    errors = np.concatenate([random.normal(0, 1, 300), random.normal(0, 4, 120), random.normal(0, 1, 200)])
    width = np.diff(offsets(errors, 1), axis=0)[0]
    assert width[415] > 2 * width[299]
    assert width[-1] < width[415]
    assert coverage(errors, offsets(errors, 1)) == pytest.approx(0.9, abs=0.04)


def test_a_band_leans_to_the_side_of_its_errors() -> None:
    bursts = np.where(np.random.default_rng(4).random(400) < 0.2, 10.0, 0.0)
    lower, upper = offsets(bursts, 6)[:, -1]
    assert (lower, upper) == (0.0, 10.0)


def test_amounts_stay_within_their_bounds() -> None:
    ahead = made(np.minimum(1.0, 0.3 + 0.00104 * np.arange(672)), 24, bounds=(0.0, 1.0))
    assert ahead.middle.max() <= 1.0
    assert np.nanmax(ahead.high) <= 1.0


def test_instants_between_the_hours_lie_on_lines_and_nothing_is_known_outside() -> None:
    ahead = made(np.tile(DAY, 28), 24, origin_ms=10 * HOUR_MS)
    instants = np.array([9 * HOUR_MS, 10 * HOUR_MS, 10 * HOUR_MS + HOUR_MS // 2, 11 * HOUR_MS, 35 * HOUR_MS])
    middle, low, high = ahead.at(instants)
    assert np.isnan(middle).tolist() == [True, False, False, False, True]
    assert middle[1:4].tolist() == pytest.approx([0.3, 0.2, 0.1], abs=1e-6)
    assert (low[1:4] <= middle[1:4]).all()
    assert (middle[1:4] <= high[1:4]).all()


def test_unknown_hours_are_no_outcomes() -> None:
    amounts = np.tile(DAY, 28)
    amounts[300:330] = np.nan
    ahead = made(amounts, 24)
    assert ahead.history_hours == 672 - 30
    assert ahead.middle.tolist() == pytest.approx(DAY.tolist(), abs=0.02)
