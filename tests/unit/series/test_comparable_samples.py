"""Demo samples and real ones of one period, which are never compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.metrics import REQUEST_COUNT
from pycemaker.series.comparable_samples import Kind, comparable, kind_of, one_kind
from pycemaker.series.hour_summaries import summarize
from pycemaker.series.period import MetricPeriod
from tests.services.noise import quiet_period
from tests.services.periods import WINDOW, columns, part, period_of
from tests.services.unassessed import each

_HOUR = timedelta(hours=1)


def whole_day(real_from_hour: int) -> MetricPeriod:
    """A metric with 180 requests a sample that are made up, and 20 that are real from an hour of the interval on."""
    history = summarize(columns(WINDOW.previous_start_utc - 42 * _HOUR, [180.0] * 720 * 48), "requests")
    current = [180.0] * 720 * real_from_hour + [20.0] * 720 * (6 - real_from_hour)
    return replace(part(REQUEST_COUNT, current, [180.0] * 4320), history=history)


@pytest.mark.parametrize(
    ("hours", "kind"),
    [(-1, Kind.REAL), (0, Kind.REAL), (1, Kind.MOSTLY_REAL), (3, Kind.MOSTLY_REAL), (4, Kind.MOSTLY_DEMO), (6, Kind.DEMO)],
)  # fmt: skip
def test_the_kind_of_an_interval_is_that_of_most_of_it(hours: int, kind: Kind) -> None:
    assert kind_of(WINDOW, WINDOW.start_utc + hours * _HOUR) is kind
    assert kind_of(WINDOW, None) is Kind.REAL


@pytest.mark.parametrize("hours", [0, 2, 3, 5])
def test_nothing_is_compared_across_the_end_of_the_demo_samples(hours: int) -> None:
    mixed, until = whole_day(hours), WINDOW.start_utc + hours * _HOUR
    assert summarize_metric(mixed).growth != 0
    assert hours != 5 or find(period_of(mixed))[0].headline == "Número de requisições 89% abaixo do normal às 08:43"
    alone = one_kind(mixed, until)
    assert find(period_of(alone)) == ()
    numbers = summarize_metric(alone)
    if hours == 5:  # the demo is the most of it, and is compared with the demo before it
        assert (numbers.mean, numbers.previous_mean, numbers.growth) == (180.0, 180.0, 0.0)
    else:
        assert (numbers.mean, numbers.previous_mean, numbers.growth) == (20.0, None, None)
        assert alone.history is not None
        assert len(alone.history) == 0
    assert numbers.received == 4320  # what is left out is no gap


def test_a_later_period_is_compared_with_the_real_days_alone() -> None:
    period = quiet_period(3)
    cpu = period["cpu"]
    assert cpu.history is not None
    until = WINDOW.start_utc - 30 * _HOUR
    alone = one_kind(cpu, until)
    assert alone.history is not None
    assert len(alone.history) < len(cpu.history)
    assert alone.history.hour_ms[0] >= until.timestamp() * 1000
    assert len(alone.previous) == len(cpu.previous)
    assert one_kind(cpu, None) is cpu
    assert find(each(period, lambda each_part: one_kind(each_part, until))) == ()


def test_an_attachment_keeps_every_sample_of_its_interval() -> None:
    kept = comparable(whole_day(2), WINDOW.start_utc + 2 * _HOUR)
    assert np.isfinite(kept.current.reading).all()
    assert (len(kept.current), len(kept.previous)) == (4320, 0)
    assert len(comparable(whole_day(6), WINDOW.end_utc).previous) == 4320
