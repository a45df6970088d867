"""The order in which metrics moved, against series whose changes were planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pycemaker.analysis.first_moves import first_moves
from pycemaker.analysis.same_hours import SameHours, same_hours, same_hours_of_health
from pycemaker.metrics import CPU, DISK, HTTP_FAIL, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series.batches import no_columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import Window, to_epoch_ms
from tests.services.noise import quiet_period
from tests.services.periods import SAO_PAULO, WINDOW, columns, period_of

TWO_HOURS = Window(WINDOW.end_utc.replace(second=0), 2)
SINCE_MS = to_epoch_ms(TWO_HOURS.end_utc) - 20 * 60_000
"""The hundredth minute of the two hours."""


def planted(metric: Metric, minutes: list[float], noise: float = 0.0, every_seconds: int = 5) -> MetricPeriod:
    """A metric whose level, minute by minute, is this."""
    levels = np.repeat(minutes, 60 // every_seconds) if every_seconds <= 60 else np.array(minutes)[4::5]
    random = np.random.default_rng(len(metric.id))
    readings = levels + noise * random.standard_normal(len(levels))
    samples = columns(TWO_HOURS.start_utc, readings.tolist(), every_seconds=every_seconds)
    return MetricPeriod(metric, TWO_HOURS, SAO_PAULO, samples, no_columns())


def moved(*parts: MetricPeriod) -> list[tuple[str, float]]:
    """Metrics and the minutes from the alert's first one to theirs."""
    period = Period(TWO_HOURS, SAO_PAULO, parts, None)
    return [(move.part.id, (move.at_ms - SINCE_MS) / 60_000) for move in first_moves(period, SINCE_MS)]


def test_metrics_stand_in_the_order_in_which_they_left_their_level() -> None:
    cpu = planted(CPU, [0.4] * 100 + [0.95] * 20, 0.02)
    slow = planted(RESPONSE_TIME, [0.12] * 96 + [2.0] * 24, 0.01)
    failing = planted(HTTP_FAIL, [0.0] * 103 + [4.0] * 17)
    fewer = planted(REQUEST_COUNT, [20.0] * 105 + [6.0] * 15, 2.0)
    assert moved(cpu, slow, failing, fewer, planted(RAM, [0.5] * 120, 0.02)) == [
        ("response_time", -4),
        ("cpu", 0),
        ("http_fail", 3),
        ("request_count", 5),
    ]


def test_a_ramp_counts_from_its_foot() -> None:
    ramp = [0.4] * 80 + [0.4 + 0.5 * step / 20 for step in range(1, 21)] + [0.9] * 20
    ((name, minute),) = moved(planted(RAM, ramp, 0.005))
    assert name == "ram"
    assert -20 <= minute <= -17


def test_a_burst_that_has_ended_counts_and_its_levels_are_told() -> None:
    part = planted(CPU, [0.3] * 95 + [0.9] * 12 + [0.3] * 13)
    (move,) = first_moves(Period(TWO_HOURS, SAO_PAULO, (part,), None), SINCE_MS)
    assert (move.at_ms - SINCE_MS) / 60_000 == -5
    assert (move.before, move.after) == (pytest.approx(0.3), pytest.approx(0.9))


@pytest.mark.parametrize("minutes", [6, 7, 8, 9])
def test_a_burst_of_under_ten_minutes_counts_from_its_first_one(minutes: int) -> None:
    assert moved(planted(CPU, [0.3] * 100 + [0.97] * minutes + [0.3] * (20 - minutes))) == [("cpu", 0)]


def test_small_moves_and_falls_that_mean_nothing_do_not_count() -> None:
    assert moved(planted(CPU, [0.40] * 100 + [0.44] * 20)) == []
    assert moved(planted(CPU, [0.40] * 100 + [0.60] * 20, 0.6)) == []
    assert moved(planted(DISK, [0.80] * 100 + [0.30] * 20)) == []
    assert moved(planted(CPU, [0.80] * 100 + [0.30] * 20)) == [("cpu", 0)]


def test_what_moved_long_before_or_has_too_few_samples_does_not_count() -> None:
    assert moved(planted(CPU, [0.1] * 30 + [0.9] * 90)) == []
    part = planted(CPU, [0.4] * 100 + [0.95] * 20)
    assert moved(replace(part, current=part.current.part(0, 5)), replace(part, current=no_columns())) == []


def test_slow_samples_count_in_their_own_steps() -> None:
    assert moved(planted(CPU, [0.4] * 100 + [0.95] * 20, every_seconds=300)) == [("cpu", 0)]


def test_counts_that_most_samples_lack_go_by_their_mean() -> None:
    part = planted(HTTP_FAIL, [0.0] * 120)
    third = np.where((np.arange(1440) >= 1200) & (np.arange(1440) % 3 == 0), 6.0, 0.0)
    assert moved(replace(part, current=replace(part.current, reading=third))) == [("http_fail", 0)]


def test_hardly_any_metric_moves_in_quiet_hours() -> None:
    quiet = [quiet_period(seed, days=0) for seed in range(60)]
    count = sum(len(first_moves(each, to_epoch_ms(WINDOW.end_utc) - 30 * 60_000)) for each in quiet)
    assert count <= 4, "of 360"


def days(level: float, peaks: list[float], metric: Metric = CPU, every_seconds: int = 60) -> MetricPeriod:
    """Whole hours at a level; five minutes of the alert's own hour at a peak on each of the days before."""
    hour_ms = SINCE_MS // HOUR_MS * HOUR_MS
    start = WINDOW.end_utc.replace(minute=0, second=0) - timedelta(days=len(peaks))
    per_hour = 3600 // every_seconds
    readings = np.full(len(peaks) * 24 * per_hour, level)
    for day, peak in enumerate(peaks):
        readings[day * 24 * per_hour : day * 24 * per_hour + per_hour // 12] = peak
    history = summarize(columns(start, readings.tolist(), every_seconds=every_seconds), metric.unit)
    assert hour_ms % (24 * HOUR_MS) == to_epoch_ms(start) % (24 * HOUR_MS)
    return MetricPeriod(metric, TWO_HOURS, SAO_PAULO, no_columns(), no_columns(), history=history)


def test_the_same_hour_of_earlier_days_says_what_is_usual_and_how_far_it_went() -> None:
    part = days(0.4, [0.5, 0.92, 0.5, 0.95, 0.5])
    assert same_hours(part, SINCE_MS, 0.9, is_above=True) == SameHours(5, 0.4, 0.95, 2)
    assert same_hours(part, SINCE_MS + HOUR_MS, 0.9, is_above=True) == SameHours(5, 0.4, 0.4, 0)
    assert same_hours(days(0.4, [0.1] * 3), SINCE_MS, 0.2, is_above=False) == SameHours(3, 0.4, 0.1, 3)


def test_requests_of_the_same_hour_are_a_second() -> None:
    part = days(20.0, [50.0] * 4, REQUEST_COUNT, 10)
    assert same_hours(part, SINCE_MS, 4.0, is_above=True) == SameHours(4, 2.0, 5.0, 4)


def test_fewer_than_three_days_are_no_measure() -> None:
    assert same_hours(days(0.4, [0.5] * 2), SINCE_MS, 0.9, is_above=True) is None
    assert same_hours(planted(CPU, [0.4] * 120), SINCE_MS, 0.9, is_above=True) is None


def test_the_health_of_the_same_hour_goes_by_the_hours_scores() -> None:
    known = same_hours_of_health(quiet_period(3), to_epoch_ms(WINDOW.end_utc) - 60_000, 0.3)
    assert known is not None
    assert known.days == 7
    assert 0.5 < known.furthest <= known.usual <= 1.0
    assert known.beyond == 0
    assert same_hours_of_health(period_of(days(0.4, [0.5] * 4)), SINCE_MS, 0.3) is None
