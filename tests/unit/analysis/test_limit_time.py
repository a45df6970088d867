"""The time until a limit: earliest, middle, latest; and one date with the capacity review."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pycemaker.analysis.forecast.hour_amounts import health_amounts, metric_amounts
from pycemaker.analysis.forecast.limit_time import limit_time, metric_limit_time
from pycemaker.analysis.forecast.metric_forecast import MetricForecast, forecast
from pycemaker.analysis.full_date import full_date
from pycemaker.metrics import CPU, DISK, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.period import MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.window import Window, to_epoch_ms
from tests.services.made_up_hours import noise
from tests.services.periods import SAO_PAULO

NOON = datetime(2022, 4, 10, 12, 0, tzinfo=UTC)
LEAK = 0.2 + 0.001 * np.arange(672) + noise(np.random.default_rng(1), 672, 0.002, 0)
"""Four weeks of a rise by 0.1 % an hour, up to 0.87."""


def made(amounts: Floats, hours: int, bounds: tuple[float, float] = (0.0, np.inf)) -> MetricForecast:
    ahead = forecast(amounts, hours, 0, bounds)
    assert ahead is not None
    return ahead


def part_of(metric: Metric, hourly: Floats, end: datetime = NOON, every_seconds: int = 600) -> MetricPeriod:
    """A window of one hour at the end of samples, each hour's at the same reading, with the hours before it."""
    per_hour = 3600 // every_seconds
    time_ms = to_epoch_ms(end) - np.arange(len(hourly) * per_hour, dtype=np.int64)[::-1] * every_seconds * 1000
    samples = Columns(time_ms, np.repeat(hourly, per_hour), np.zeros(len(time_ms), np.int16), ("low",))
    window = Window(end, 1)
    history = summarize(samples.part(0, len(samples) - per_hour), metric.unit)
    return MetricPeriod(
        metric, window, SAO_PAULO, samples.within(window.current), samples.within(window.previous), history=history
    )


def test_a_leak_reaches_its_limit_when_its_line_does() -> None:
    reached = limit_time(made(LEAK, 24), 0.88)
    assert reached is not None
    assert reached.earliest_ms
    assert reached.latest_ms
    assert reached.middle_ms == pytest.approx(9 * HOUR_MS, abs=2 * HOUR_MS)
    assert 0 < reached.earliest_ms < reached.middle_ms < reached.latest_ms < 24 * HOUR_MS


def test_a_limit_out_of_reach_of_half_of_the_paths_has_no_time() -> None:
    assert limit_time(made(LEAK, 24), 0.95) is None
    assert limit_time(made(np.full(672, 0.5), 24), 0.9) is None


def test_an_amount_beyond_its_limit_is_there_now() -> None:
    reached = limit_time(made(LEAK, 24), 0.5)
    assert reached is not None
    assert (reached.earliest_ms, reached.middle_ms, reached.latest_ms) == (0, 0, 0)


def test_a_floor_is_reached_from_above() -> None:
    reached = limit_time(made(1 - LEAK, 24), 0.12, is_floor=True)
    assert reached is not None
    assert reached.middle_ms == pytest.approx(9 * HOUR_MS, abs=2 * HOUR_MS)


def test_without_a_band_there_is_neither_an_earliest_nor_a_latest() -> None:
    reached = limit_time(made(LEAK[-200:], 24), 0.88)
    assert reached is not None
    assert (reached.earliest_ms, reached.latest_ms) == (None, None)


def test_a_metric_that_fills_up_has_the_date_of_the_capacity_review() -> None:
    disk = part_of(DISK, LEAK)
    ahead = forecast(metric_amounts(disk), 48, to_epoch_ms(NOON))
    assert ahead is not None
    reached, filling = metric_limit_time(disk, ahead, 0.9), full_date(disk, 0.9, 2)
    assert reached is not None
    assert filling.at_utc is not None
    assert filling.early_utc
    assert filling.late_utc
    assert (reached.earliest_ms, reached.middle_ms, reached.latest_ms) == tuple(
        to_epoch_ms(each) for each in (filling.early_utc, filling.at_utc, filling.late_utc)
    )
    full = metric_limit_time(disk, ahead, 0.85)
    assert full is not None
    assert full.middle_ms == to_epoch_ms(NOON)


def test_hours_are_those_of_history_and_the_one_before_the_end() -> None:
    hourly = np.array([0.1, 0.2, 0.3, 0.4])
    assert metric_amounts(part_of(CPU, hourly)).tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    silent = part_of(CPU, np.array([0.1, 0.2, 0.3, np.nan]))
    assert np.isnan(metric_amounts(silent)[-1])


def test_within_an_hour_the_last_amount_is_that_of_the_sixty_minutes_before() -> None:
    half_past = part_of(CPU, np.array([0.1, 0.2, 0.3, 0.4]), NOON.replace(minute=30))
    assert metric_amounts(half_past)[-1] == pytest.approx(0.4)
    assert len(metric_amounts(half_past)) == 5


def test_counts_are_those_of_the_latest_cadence() -> None:
    sparse, dense = part_of(REQUEST_COUNT, np.full(3, 20.0)), part_of(REQUEST_COUNT, np.full(3, 1.0), every_seconds=30)
    dense = MetricPeriod(dense.metric, dense.window, dense.zone, dense.current, dense.previous, history=sparse.history)
    assert metric_amounts(dense).tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_hours_of_health_are_scored_where_all_four_metrics_are_known() -> None:
    parts = {
        "cpu": part_of(CPU, np.array([0.1, 0.9, 0.1])),
        "ram": part_of(RAM, np.array([0.1, 0.1, 0.6, 0.1])),
        "response_time": part_of(RESPONSE_TIME, np.array([0.1, 0.1, 5.0])),
        "request_count": part_of(REQUEST_COUNT, np.array([1.0, 1.0, 1.0])),
    }
    assert health_amounts(parts).tolist() == pytest.approx([1.0, 1 - 5 / 12, 1 - 3 / 12])


def test_shares_have_bounds_and_other_units_need_none() -> None:
    assert CPU.bounds == (0.0, 1.0)
    assert RESPONSE_TIME.bounds == REQUEST_COUNT.bounds == (0.0, np.inf)
    assert Metric("heat", "heat", "graus", "Calor").bounds == (-np.inf, np.inf)
