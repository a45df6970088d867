"""Counts as rates: by the cadence that they came at, on one scale a metric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.rates import in_rates, rate, rate_unit
from pycemaker.metrics import CPU, HTTP_FAIL, REQUEST_COUNT
from pycemaker.presentation import figures, tables
from pycemaker.series.batches import Columns
from pycemaker.series.period import MetricPeriod
from pycemaker.window import to_epoch_ms
from tests.services.periods import SAO_PAULO, WINDOW, columns, part

START_MS = to_epoch_ms(WINDOW.start_utc)


def every(seconds: int, count: float) -> MetricPeriod:
    """Six hours of requests, so many in each sample."""
    current = columns(WINDOW.start_utc, [count] * (21_600 // seconds), every_seconds=seconds)
    previous = columns(WINDOW.previous_start_utc, [count] * (21_600 // seconds), every_seconds=seconds)
    return MetricPeriod(REQUEST_COUNT, WINDOW, SAO_PAULO, current, previous)


@pytest.mark.parametrize(
    ("seconds", "count", "unit", "mean"),
    [
        (5, 12, "per_minute", 144.0),  # 2.4 a second
        (5, 49, "per_minute", 588.0),
        (5, 50, "per_second", 10.0),
        (60, 12, "per_minute", 12.0),
        (60, 900, "per_second", 15.0),
        (300, 3, "per_minute", 0.6),
    ],
)
def test_counts_are_shown_a_minute_and_from_ten_a_second_on_a_second(
    seconds: int, count: float, unit: str, mean: float
) -> None:
    shown = in_rates(every(seconds, count))
    assert shown.metric.unit == rate_unit(every(seconds, count)) == unit
    assert summarize_metric(shown).mean == pytest.approx(mean)
    assert summarize_metric(shown).previous_mean == pytest.approx(mean)


def test_the_busier_of_the_two_intervals_chooses_the_scale() -> None:
    busy, calm = every(5, 100), every(5, 2)
    shown = in_rates(replace(calm, previous=busy.previous))
    assert (summarize_metric(shown).mean, summarize_metric(shown).previous_mean) == (
        pytest.approx(0.4),
        pytest.approx(20.0),
    )


def test_each_sample_counts_by_the_cadence_that_it_came_at() -> None:
    slow = START_MS + np.arange(1, 181, dtype=np.int64) * 60_000  # three hours of 60 s, then three of 5 s
    fast = START_MS + 3 * 3_600_000 + np.arange(1, 2161, dtype=np.int64) * 5_000
    counts = np.concatenate([np.full(180, 144.0), np.full(2160, 12.0)])
    times = np.concatenate([slow, fast])
    changed = replace(every(5, 12), current=Columns(times, counts, np.zeros(len(times), np.int16), ("low",)))
    assert set(np.round(in_rates(changed).current.reading[[5, 170, 200, 2300]], 6)) == {144.0}
    assert rate(144.0, changed, float(slow[10])) == pytest.approx(144.0)
    assert rate(12.0, changed, float(fast[1000])) == pytest.approx(144.0)


def test_what_is_no_count_stays_as_it_is() -> None:
    cpu = part(CPU, [0.5] * 10)
    assert in_rates(cpu) is cpu
    assert (rate_unit(cpu), rate(0.5, cpu)) == ("ratio", 0.5)


def test_counts_whose_cadence_is_unknown_stay_counts_without_a_unit() -> None:
    alone = part(HTTP_FAIL, [3.0])
    assert in_rates(alone) is alone
    assert "por" not in tables.section(alone).partition("média")[0]


def test_tables_figures_and_their_sentences_have_the_same_unit() -> None:
    own = every(5, 12)
    assert "<strong>144/min</strong>" in tables.section(own)
    assert "<td>144/min<br>" in tables.summary([own])
    assert "média 144 por minuto" in figures.whole(own).alt
    assert "média 144 por minuto" in figures.course(own).alt
    assert "Número de requisições de 144 a 144 por minuto" in figures.small_courses([own]).alt
