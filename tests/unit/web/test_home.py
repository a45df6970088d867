"""The page at `/`: each metric's last hour, at any cadence."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from pycemaker.metrics import CPU, REQUEST_COUNT, Metric
from pycemaker.series.batches import Columns, no_columns
from pycemaker.settings import from_mapping
from pycemaker.web.pages.home import LastHour, Overview, page
from tests.services.periods import SAO_PAULO, WINDOW, columns

HOUR = timedelta(hours=1)


def every(seconds: int, reading: float = 0.4) -> Columns:
    return columns(WINDOW.end_utc - HOUR, [reading] * (3600 // seconds), every_seconds=seconds)


def without(samples: Columns, first_minute: int, last_minute: int) -> Columns:
    minute = (samples.time_ms - samples.time_ms[-1]) / 60_000 + 60
    is_inside = (minute <= first_minute) | (minute > last_minute)
    return Columns(
        samples.time_ms[is_inside], samples.reading[is_inside], samples.criticity[is_inside], samples.criticity_names
    )


def shown(samples: Columns, metric: Metric = CPU) -> str:
    overview = Overview(WINDOW.end_utc, SAO_PAULO, (LastHour(metric, WINDOW.end_utc, samples),), None)
    return page(overview, from_mapping({}))


def lines(html: str) -> list[int]:
    """How many points each unbroken line of the sparkline has."""
    (drawn,) = re.findall(r'<path d="([^"]*)" fill="none"', html)
    return [line.count("L") + 1 for line in drawn.split("M")[1:]]


@pytest.mark.parametrize(("seconds", "points"), [(1, 60), (5, 60), (60, 60), (90, 40), (300, 12)])
def test_an_hour_without_a_gap_is_one_line_at_any_distance_of_samples(seconds: int, points: int) -> None:
    assert lines(shown(every(seconds))) == [points]


@pytest.mark.parametrize(("seconds", "last", "points"), [(5, 30, [20, 30]), (60, 30, [20, 30]), (300, 40, [4, 4])])
def test_the_line_breaks_where_samples_are_missing(seconds: int, last: int, points: list[int]) -> None:
    """Ten minutes at 5 and 60 s; twenty at 300 s, where ten would be one lost sample."""
    assert lines(shown(without(every(seconds), 20, last))) == points


def test_a_lost_sample_of_a_slow_collector_breaks_nothing() -> None:
    assert lines(shown(without(every(60), 20, 21))) == [59]


def test_samples_too_few_to_tell_a_distance_are_dots() -> None:
    assert lines(shown(every(1200))) == [2, 2, 2]
    assert lines(shown(no_columns())) == []


@pytest.mark.parametrize(
    ("seconds", "reading", "said"),
    [(5, 12, "144 <small>por minuto</small>"), (60, 144, "144 <small>por minuto</small>"),
     (300, 720, "144 <small>por minuto</small>"), (60, 1200, "20 <small>por segundo</small>")],
)  # fmt: skip
def test_counts_are_rates_whatever_the_distance_of_samples(seconds: int, reading: float, said: str) -> None:
    assert said in shown(every(seconds, reading), REQUEST_COUNT)
