"""The date on which a disk is full: one for reports of any length and for the capacity review."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from pycemaker.analysis.capacity import Resource, review
from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.full_date import Verdict
from pycemaker.metrics import DISK
from pycemaker.presentation import capacity_tables
from pycemaker.presentation.figures.full_date_line import trend_to_limit
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import Interval, Window, to_epoch_ms
from tests.services.periods import SAO_PAULO

END = datetime(2022, 4, 10, 12, 0, tzinfo=UTC)
DAYS = 35
DAY = np.arange(1, DAYS * 144 + 1) / 144
"""The time of each sample, in days; one every 10 minutes."""


def disk(start: float, per_day: float, then_per_day: float = 0.0, for_days: float = 0.0) -> Columns:
    """35 days of a disk that fills at one pace, and for the last days faster by another; a little noise on it."""
    noise = 0.001 * np.random.default_rng(5).standard_normal(len(DAY))
    reading = start + per_day * DAY + then_per_day * np.maximum(0, DAY - (DAYS - for_days)) + noise
    return samples(reading)


def samples(reading: NDArray[np.float64]) -> Columns:
    time_ms = to_epoch_ms(END) - np.arange(len(reading), dtype=np.int64)[::-1] * 600_000
    return Columns(time_ms, reading, np.zeros(len(reading), np.int16), ("low",))


def reviewed(whole: Columns) -> Resource:
    part = disk_until(END, 168, whole)
    return review(Period(part.window, part.zone, (part,), None), 0.9, 90)[0]


def date_in_report(whole: Columns, hours: int) -> str | None:
    """The sentence about the date in a report of so many hours."""
    period = Period(Window(END, hours), SAO_PAULO, (disk_until(END, hours, whole),), None)
    return next((each.headline for each in find(period) if each.kind == "trend"), None)


def disk_until(end: datetime, hours: int, whole: Columns) -> MetricPeriod:
    """A window over these samples, with the hours of the 28 days before its interval."""
    window = Window(end, hours)
    before = Interval(window.start_utc - timedelta(days=28), window.start_utc)
    summaries = summarize(whole.within(before), "ratio")
    cut = int(np.searchsorted(summaries.hour_ms, to_epoch_ms(window.start_utc) - HOUR_MS, "right"))
    assert cut == len(summaries)  # the interval starts on the hour
    return MetricPeriod(
        DISK, window, SAO_PAULO, whole.within(window.current), whole.within(window.previous), history=summaries
    )


@pytest.mark.parametrize("hours", [6, 24, 168])
@pytest.mark.parametrize(
    ("whole", "in_report", "in_review"),
    [
        (disk(0.45, 0.01), "20 dias (30/04/2022)", "a 100%, em 30/04/2022 (medianas de 28 dias)."),
        (disk(0.5, 0.003, 0.1, 2), "45 h (12/04 às 06h)", "a 100%, em 12/04/2022 (medianas de cada hora)."),
        (disk(0.5, 0.004, 0.05, 5), "2 dias (12/04/2022)", "a 100%, em 12/04/2022 (medianas de cada hora)."),
        (disk(0.4, 0.005, 0.2, 1), "26 h (11/04 às 11h)", "a 100%, em 11/04/2022 (medianas de cada hora)."),
    ],
    ids=["steady", "faster for two days", "faster for five days", "faster for a day"],
)
def test_a_report_of_any_length_and_the_capacity_review_name_one_date(
    whole: Columns, in_report: str, in_review: str, hours: int
) -> None:
    assert date_in_report(whole, hours) == f"Consumo de disco chega a 100% em cerca de {in_report}"
    assert capacity_tables.sentence(reviewed(whole)).endswith(in_review)


@pytest.mark.parametrize("hours", [6, 24, 168])
@pytest.mark.parametrize("whole", [disk(0.3, 0.006), disk(0.5, 0.002)], ids=["in 81 days", "beyond the horizon"])
def test_a_report_names_no_date_of_its_own_where_the_review_looks_further(whole: Columns, hours: int) -> None:
    assert date_in_report(whole, hours) is None


def test_a_daily_sawtooth_on_a_slow_rise_goes_by_days() -> None:
    date = reviewed(samples(0.4 + 0.008 * DAY + 0.06 * (DAY % 1))).full_date
    assert (date.verdict, date.is_hourly) == (Verdict.DATED, False)


def test_a_busy_day_of_a_steady_rise_goes_by_days() -> None:
    date = reviewed(disk(0.4, 0.01, 0.01, 1)).full_date
    assert (date.verdict, date.is_hourly) == (Verdict.DATED, False)


def test_a_climb_of_hours_after_28_days_is_not_preliminary() -> None:
    resource = reviewed(disk(0.5, 0.003, 0.1, 2))
    assert (resource.full_date.is_hourly, resource.full_date.is_preliminary) == (True, False)
    assert "preliminar" not in capacity_tables.sentence(resource) + capacity_tables.short_verdict(resource)
    assert trend_to_limit(resource).alt.endswith("(medianas de cada hora).")
