"""Known readings after weeks of history: planted series of three weeks, loaded at several cadences."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.findings.finding import CRITICAL, WARNING, Finding
from pycemaker.metrics import CPU, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series.hour_summaries import summarize
from pycemaker.series.period import Period
from pycemaker.window import Window
from tests.services.labelled import Labelled, part_of, samples
from tests.services.periods import SAO_PAULO

Minutes = NDArray[np.int64]

START = datetime(2024, 3, 4, tzinfo=UTC)  # a Monday
DAY, HOUR = 1440, 60
CADENCES = pytest.mark.parametrize("every_seconds", [5, 60, 300])


def readings(reading: Callable[[Minutes], NDArray[np.float64]], days: int = 15) -> NDArray[np.float64]:
    minute = np.arange(days * DAY)
    noise = np.random.default_rng(7).lognormal(0, 0.08, len(minute))
    return np.asarray(reading(minute) * noise, np.float64)


def findings(
    reading: Callable[[Minutes], NDArray[np.float64]],
    every_seconds: int,
    end_day: float,
    hours: int = 6,
    metric: Metric = CPU,
) -> tuple[Finding, ...]:
    """The findings of a report of so many hours that ends so many days after the start."""
    value = readings(reading, int(np.ceil(end_day)))
    time_ms = int(START.timestamp() * 1000) + np.arange(len(value), dtype=np.int64) * 60_000
    columns = samples(Labelled("planted", metric, time_ms, value, ()), every_seconds)
    window = Window(START + timedelta(days=end_day), hours)
    part = part_of(metric, window, columns, summarize(columns, metric.unit))
    return find(Period(window, SAO_PAULO, (part,), None))


def burst(minute: Minutes, start: float, minutes: float, level: float) -> NDArray[np.float64]:
    return np.where((minute >= start) & (minute < start + minutes), level, 0.0)


def hourly(minute: Minutes) -> NDArray[np.float64]:
    return np.where(minute % HOUR < 10, 0.6, 0.1)


def wandering(minute: Minutes) -> NDArray[np.float64]:
    starts = np.random.default_rng(3).uniform(0, 15 * DAY, 60)
    return np.maximum.reduce([burst(minute, start, 25, 0.6) for start in starts], initial=0.1)


def daily_from(day: int) -> Callable[[Minutes], NDArray[np.float64]]:
    def reading(minute: Minutes) -> NDArray[np.float64]:
        at_seven = (minute % DAY >= 19 * HOUR) & (minute % DAY < 19 * HOUR + 30) & (minute >= day * DAY)
        return np.where(at_seven, 0.7, 0.1)

    return reading


def step_at(day: int) -> Callable[[Minutes], NDArray[np.float64]]:
    return lambda minute: np.where(minute >= day * DAY, 0.15, 0.06)


@CADENCES
@pytest.mark.parametrize("known", [hourly, wandering, daily_from(0)])
def test_bursts_that_come_every_hour_or_at_wandering_hours_or_each_day_are_known(
    known: Callable[[Minutes], NDArray[np.float64]], every_seconds: int
) -> None:
    assert findings(known, every_seconds, 14.0) == ()


@pytest.mark.parametrize("hours", [24, 168])
def test_they_are_known_in_longer_reports_too(hours: int) -> None:
    for known in (hourly, wandering, daily_from(0)):
        assert findings(known, 60, 15.0, hours) == ()


@CADENCES
@pytest.mark.parametrize("hours", [6, 24, 168])
def test_what_is_critical_at_seven_each_evening_is_one_finding_that_says_so(hours: int, every_seconds: int) -> None:
    def critical(minute: Minutes) -> NDArray[np.float64]:
        return np.where((minute % DAY >= 19 * HOUR) & (minute % DAY < 19 * HOUR + 30), 0.97, 0.1)

    assert [each.kind for each in findings(critical, every_seconds, 1.875, 6)] == ["incident"]
    (finding,) = findings(critical, every_seconds, 14.875, hours)
    assert (finding.kind, finding.metric) == ("incident", "cpu")
    assert re.search(r"% em vez de (9,9|10,\d)%", finding.detail)
    assert "em estado crítico" in finding.detail
    assert finding.detail.endswith("Aconteceu na mesma hora também em 7 dos 7 dias anteriores.")


def test_what_is_critical_for_two_hours_of_each_week_is_known_after_two_weeks() -> None:
    def reading(minute: Minutes) -> NDArray[np.float64]:
        return 0.3 + np.sum([burst(minute, (day + 3 / 24) * DAY, 120, 0.9) for day in (6, 13, 20)], axis=0)

    for hours, end_day in ((6, 6.25), (24, 7.0)):
        assert [each.severity for each in findings(reading, 60, end_day, hours)] == [CRITICAL]
        assert [each.severity for each in findings(reading, 60, end_day + 7, hours)] == [WARNING]
        assert findings(reading, 60, end_day + 14, hours) == ()


@CADENCES
def test_load_that_is_critical_at_most_hours_is_known(every_seconds: int) -> None:
    assert findings(lambda minute: np.where(minute % HOUR < 50, 0.97, 0.3), every_seconds, 14.875) == ()


@CADENCES
def test_a_new_daily_job_is_reported_on_its_first_days(every_seconds: int) -> None:
    (first,) = findings(daily_from(12), every_seconds, 12.875)
    assert (first.kind, first.metric) == ("incident", "cpu")
    assert "na mesma hora" not in first.detail
    (second,) = findings(daily_from(12), every_seconds, 13.875)
    assert second.detail.endswith("Aconteceu na mesma hora também em 1 dos 7 dias anteriores.")
    assert findings(daily_from(12), every_seconds, 14.875) == ()


def test_a_new_daily_job_is_one_finding_in_a_week() -> None:
    (finding,) = findings(daily_from(8), 60, 15.0, 168)
    assert finding.detail.endswith("Aconteceu na mesma hora também em 6 dos 7 dias anteriores.")


@CADENCES
def test_a_small_level_that_moved_is_reported_for_a_day_and_then_known(every_seconds: int) -> None:
    (finding,) = findings(step_at(12), every_seconds, 12.25)
    assert finding.kind == "shift"
    assert "p.p. acima do normal desde" in finding.headline
    assert [each.kind for each in findings(step_at(12), every_seconds, 13.0)] == ["shift"]
    assert findings(step_at(12), every_seconds, 14.75) == ()


def test_a_bad_day_does_not_blind_those_after_it() -> None:
    def reading(minute: Minutes) -> NDArray[np.float64]:
        return 0.2 + burst(minute, 12.2 * DAY, 600, 0.7) + burst(minute, 14.4 * DAY, 60, 0.7)

    (finding,) = findings(reading, 60, 14.5)
    assert finding.kind == "incident"


@CADENCES
def test_a_middays_load_in_the_night_is_reported(every_seconds: int) -> None:
    def reading(minute: Minutes) -> NDArray[np.float64]:
        rhythm = 0.3 * (1 + 0.8 * np.sin(minute / DAY * 2 * np.pi))
        return np.where((minute >= 14 * DAY + 17 * HOUR) & (minute < 14 * DAY + 19 * HOUR), 0.52, rhythm)

    (finding,) = findings(reading, every_seconds, 15.0)
    assert finding.kind == "incident"


@CADENCES
def test_a_fall_below_all_that_is_known_is_reported_of_cpu_too(every_seconds: int) -> None:
    def dead(minute: Minutes) -> NDArray[np.float64]:
        return np.where((minute >= 13.6 * DAY) & (minute < 13.65 * DAY), 0.01, 0.4)

    (finding,) = findings(dead, every_seconds, 13.75)
    assert finding.kind == "incident"
    assert "abaixo do normal" in finding.headline


def test_a_long_outage_is_not_what_single_blocks_of_other_days_did() -> None:
    def reading(minute: Minutes) -> NDArray[np.float64]:
        dip = np.where(minute % HOUR < 5, 0.3, 1)  # at each full hour
        return np.where((minute >= 13.6 * DAY) & (minute < 13.68 * DAY), 0.02, dip) * 60.0

    (finding,) = findings(reading, 60, 13.75, metric=REQUEST_COUNT)
    assert finding.kind == "incident"
    assert "mesma hora" not in finding.detail
    assert "tarefa agendada" not in finding.advice


def test_a_first_weekend_is_no_finding_and_lost_requests_are() -> None:
    def office(minute: Minutes) -> NDArray[np.float64]:
        return np.where(minute // DAY % 7 >= 5, 20.0, 60.0)

    def lost(minute: Minutes) -> NDArray[np.float64]:
        return np.where((minute >= 13.6 * DAY) & (minute < 13.65 * DAY), 0.05, 1) * office(minute)

    assert findings(office, 60, 5.5, metric=REQUEST_COUNT) == ()
    assert findings(office, 60, 12.5, metric=REQUEST_COUNT) == ()
    (finding,) = findings(lost, 60, 13.75, metric=REQUEST_COUNT)
    assert (finding.kind, finding.metric) == ("incident", "request_count")


def test_a_recovery_is_no_alarm() -> None:
    def reading(minute: Minutes) -> NDArray[np.float64]:
        return np.where((minute >= 13 * DAY) & (minute < 13.75 * DAY), 2.0, 0.2)

    assert [finding.kind for finding in findings(reading, 60, 13.5, metric=RESPONSE_TIME)] == ["shift"]
    assert findings(reading, 60, 14.0, metric=RESPONSE_TIME) == ()


def test_chronic_critical_time_is_known_and_news_after_calm_weeks() -> None:
    def chronic(minute: Minutes) -> NDArray[np.float64]:
        return np.full(len(minute), 0.95)

    def grown(minute: Minutes) -> NDArray[np.float64]:
        return 0.6 + burst(minute, 13.6 * DAY, 60, 0.4)

    assert findings(chronic, 60, 13.75) == ()
    (finding,) = findings(grown, 60, 13.75)
    assert (finding.kind, finding.severity) == ("incident", CRITICAL)


def test_a_critical_level_is_a_warning_where_half_of_it_was_known() -> None:
    def severity(known: NDArray[np.float64]) -> int:
        def reading(minute: Minutes) -> NDArray[np.float64]:
            before = [burst(minute, (day + day * 7 % 24 / 24) * DAY, 180, height) for day, height in enumerate(known)]
            return 0.3 + np.sum([*before, burst(minute, 14.25 * DAY, 300, 0.9)], axis=0)

        (finding,) = findings(reading, 60, 14.5)
        assert finding.kind == "shift"
        assert "Em estado crítico por 4 h 59 min" in finding.detail
        return finding.severity

    assert severity(np.full(14, 0.9)) == WARNING
    assert severity(np.zeros(14)) == CRITICAL


def test_the_first_week_takes_twice_the_margin() -> None:
    def busier(day: float) -> Callable[[Minutes], NDArray[np.float64]]:
        return lambda minute: 0.3 + burst(minute, day * DAY, 60, 0.2)

    assert findings(busier(5.6), 60, 5.75) == ()
    (finding,) = findings(busier(12.6), 60, 12.75)
    assert finding.kind == "incident"


def test_what_is_new_at_its_hour_alone_needs_a_week_to_compare_with() -> None:
    def at_night(day: int) -> Callable[[Minutes], NDArray[np.float64]]:
        def reading(minute: Minutes) -> NDArray[np.float64]:
            rhythm = 0.3 * (1 + 0.8 * np.sin(minute / DAY * 2 * np.pi))
            return np.where((minute >= day * DAY + 17 * HOUR) & (minute < day * DAY + 19 * HOUR), 0.52, rhythm)

        return reading

    assert findings(at_night(5), 60, 6.0) == ()
    (finding,) = findings(at_night(12), 60, 13.0)
    assert finding.kind == "incident"


def test_after_few_days_a_bursty_metric_must_go_farther_beyond_its_bursts() -> None:
    def bursts(days: int, height: float) -> Callable[[Minutes], NDArray[np.float64]]:
        def reading(minute: Minutes) -> NDArray[np.float64]:
            known = [burst(minute, (day + 0.4) * DAY, 20, 0.1 * 4 ** (day % 3)) for day in range(days)]
            return np.sum([*known, burst(minute, (days + 0.6) * DAY, 20, height)], axis=0) + 0.1

        return reading

    assert findings(bursts(8, 5.7), 60, 8.75, metric=RESPONSE_TIME) == ()
    assert findings(bursts(14, 8), 60, 14.75, metric=RESPONSE_TIME) == ()
    for days, height in ((24, 5.7), (14, 60)):
        (finding,) = findings(bursts(days, height), 60, days + 0.75, metric=RESPONSE_TIME)
        assert finding.kind == "incident"
