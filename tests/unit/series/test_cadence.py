"""The cadence of samples whose distances are known, and of those that are lost, repeated, irregular or changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pycemaker.analysis.findings.critical_time import critical_time
from pycemaker.analysis.findings.time_blocks import series
from pycemaker.analysis.sample_coverage import coverage
from pycemaker.metrics import CPU
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.cadence import Cadence, learn, steady
from pycemaker.series.hour_summaries import summarize
from pycemaker.series.period import MetricPeriod
from pycemaker.window import to_epoch_ms
from tests.services.periods import SAO_PAULO, WINDOW, columns

HOUR_MS = 3_600_000
END_MS = 6 * HOUR_MS


def every(seconds: float, start_ms: int = 0, end_ms: int = END_MS) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Instants so far apart, from the start to before the end."""
    return np.arange(start_ms, end_ms, int(seconds * 1000), dtype=np.int64)


def known(cadence: Cadence | None) -> Cadence:
    assert cadence is not None
    return cadence


def spoiled(seconds: float, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Irregular by 20 %, with 2 % of the samples lost and 1 % twice."""
    times = every(seconds) + rng.uniform(-0.1, 0.1, len(every(seconds))) * seconds * 1000
    kept = times[rng.random(len(times)) > 0.02].astype(np.int64)
    return np.sort(np.concatenate([kept, kept[rng.random(len(kept)) < 0.01]]))


@pytest.mark.parametrize("seconds", [1, 5, 6, 15, 30, 60, 300])
def test_the_distance_is_learned_and_says_how_many_there_should_be(seconds: int) -> None:
    cadence = known(learn(every(seconds), 0, END_MS))
    assert (cadence.step_ms, cadence.expected, len(cadence.stretches)) == (seconds * 1000, 21600 // seconds, 1)
    assert cadence.gaps_ms(np.array([HOUR_MS])).tolist() == [max(30_000, 3500 * seconds)]


@pytest.mark.parametrize("seconds", [1, 5, 6, 15, 30, 60, 300])
def test_lost_repeated_and_irregular_samples_change_it_by_a_fiftieth_at_most(seconds: int) -> None:
    for seed in range(20):
        cadence = known(learn(spoiled(seconds, np.random.default_rng(seed)), 0, END_MS))
        assert cadence.expected == pytest.approx(21600 / seconds, rel=0.02, abs=2)
        assert len(cadence.stretches) == 1


@pytest.mark.parametrize(
    ("first", "second"), [(5, 60), (60, 5), (5, 6), (15, 30), (300, 60), (30, 300), (5, 15), (1, 5)]
)
def test_a_change_in_the_midst_is_dated_to_a_sample(first: int, second: int) -> None:
    times = np.concatenate([every(first, 0, 3 * HOUR_MS), every(second, 3 * HOUR_MS)])
    cadence = known(learn(times, 0, END_MS))
    assert [stretch.step_ms for stretch in cadence.stretches] == [first * 1000, second * 1000]
    assert abs(cadence.stretches[1].start_ms - 3 * HOUR_MS) <= 1000 * max(first, second)
    assert cadence.expected == pytest.approx(10800 / first + 10800 / second, abs=2)
    assert cadence.steps_ms(np.array([1, END_MS])).tolist() == [first * 1000, second * 1000]


def test_gaps_change_no_cadence_and_are_seen_on_both_sides_of_a_change() -> None:
    times = np.concatenate([every(5, 0, HOUR_MS), every(60, 3 * HOUR_MS, 4 * HOUR_MS)])
    part = of(times)
    assert [gap.seconds for gap in coverage(part).gaps] == [7260, 7205]
    assert coverage(of(every(5)[::37])).gaps == ()


def test_a_second_collector_for_a_while_is_no_other_cadence_and_is_counted() -> None:
    times = np.sort(np.concatenate([every(5), every(5, HOUR_MS, 2 * HOUR_MS) + 1000]))
    part = of(times)
    assert [stretch.step_ms for stretch in part.cadence.stretches] == [5000]
    assert (coverage(part).crowded, coverage(part).expected) == (720, 4320)


def test_two_collectors_all_along_have_the_distance_of_one() -> None:
    assert known(learn(np.sort(np.concatenate([every(15), every(15) + 3000])), 0, END_MS)).step_ms == 15_000


def test_samples_that_come_by_chance_are_expected_as_often_as_they_come() -> None:
    times = np.cumsum(np.random.default_rng(1).exponential(60_000, 400)).astype(np.int64)
    times = times[times < END_MS]
    part = of(times)
    assert part.expected == pytest.approx(len(times), rel=0.05)
    assert len(part.cadence.stretches) == 1
    assert [round(gap.seconds) for gap in coverage(part).gaps] == [505]


def test_a_collector_that_stopped_or_started_midway_should_have_gone_on() -> None:
    for times in (every(15, 0, 2 * HOUR_MS), every(15, 4 * HOUR_MS)):
        counted = coverage(of(times))
        assert (counted.expected, counted.received) == (1440, 480)
        assert counted.gaps[0].seconds == pytest.approx(4 * 3600, abs=15)


def test_too_few_samples_take_the_cadence_of_others() -> None:
    few = of(every(15)[:2])
    previous = columns(WINDOW.previous_start_utc, [0.5] * 360, every_seconds=60)
    assert few.cadence.step_ms == 15_000
    hours = summarize(columns(WINDOW.previous_start_utc, [0.5] * 720, every_seconds=30), "ratio")
    assert replace(few, history=hours).cadence.step_ms == 30_000
    assert replace(few, history=hours, previous=previous).cadence.step_ms == 60_000
    assert replace(of(every(15)[:0]), previous=previous).expected == 360
    assert of(every(15)).previous_cadence.step_ms == 15_000


def test_nothing_is_expected_where_nothing_tells_a_cadence() -> None:
    for times in (every(5)[:0], every(5)[:1]):
        counted = coverage(of(times))
        assert (counted.expected, counted.share, counted.previous_share) == (0, 0.0, 0.0)
        assert not counted.is_comparable
    assert steady(0, 0, END_MS).step_ms == 0
    assert steady(0, 0, END_MS).gaps_ms(np.array([1])).tolist() == [0]


def of(times: np.ndarray[tuple[int], np.dtype[np.int64]], previous: Columns | None = None) -> MetricPeriod:
    """A metric's period of six hours with samples at these instants after its start."""
    start_ms = to_epoch_ms(WINDOW.start_utc)
    current = Columns(times + start_ms, np.full(len(times), 0.5), np.zeros(len(times), np.int16), ("low",))
    return MetricPeriod(CPU, WINDOW, SAO_PAULO, current, previous or no_columns())


@pytest.mark.parametrize("seconds", [1, 5, 6, 15, 30, 60, 300])
def test_time_spent_critical_is_as_long_as_it_was_at_any_distance(seconds: int) -> None:
    critical = critical_time(series(worded(every(seconds), [(HOUR_MS, 2 * HOUR_MS), (3 * HOUR_MS, 5 * HOUR_MS)])))
    assert critical is not None
    assert (critical.seconds, critical.longest_seconds, critical.stretches) == (10800, 7200, 2)
    assert (critical.end_ms - critical.start_ms) / 1000 == 7200


def test_time_spent_critical_is_not_longer_for_a_gap_and_never_shorter_than_its_longest_stretch() -> None:
    times = np.concatenate([every(60, 0, HOUR_MS), every(60, 4 * HOUR_MS)])
    whole = critical_time(series(worded(times, [(0, END_MS)])))
    assert whole is not None
    assert (whole.seconds, whole.longest_seconds, whole.stretches) == (10800, 7200, 2)
    flapping = critical_time(series(worded(every(5), [(start, start + 5000) for start in range(0, END_MS, 60_000)])))
    assert flapping is not None
    assert (flapping.seconds, flapping.longest_seconds, flapping.stretches) == (1800, 1800, 1)


def worded(times: np.ndarray[tuple[int], np.dtype[np.int64]], critical: list[tuple[int, int]]) -> MetricPeriod:
    """The same whose samples are critical in these stretches."""
    part = of(times)
    is_critical = np.any([(times >= start) & (times < end) for start, end in critical], axis=0)
    words = replace(part.current, criticity=is_critical.astype(np.int16), criticity_names=("low", "critical"))
    return replace(part, current=words)
