"""Numbers that agree with each other, whatever the distance of samples and wherever some are missing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pycemaker.analysis.findings.critical_time import critical_time
from pycemaker.analysis.findings.episodes import find_episode
from pycemaker.analysis.findings.sample_gaps import sample_gaps
from pycemaker.analysis.findings.time_blocks import series
from pycemaker.analysis.sample_coverage import coverage
from pycemaker.metrics import CPU
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.period import HISTORY_DAYS, MetricPeriod
from pycemaker.window import Window, to_epoch_ms
from tests.services.periods import SAO_PAULO, WINDOW

DAY_MS = 24 * HOUR_MS
spans = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2)), max_size=4)
Spans = list[tuple[float, float]]


def samples(start_ms: int, end_ms: int, step_ms: int, high: list[tuple[float, float]]) -> Columns:
    """Readings of 30%, in these spans (shares of the whole) 95% and critical."""
    times = np.arange(start_ms, end_ms, step_ms, dtype=np.int64) + step_ms
    at = (times - start_ms) / (end_ms - start_ms)
    is_high = np.any([(at > first) & (at <= first + length) for first, length in high] or [at < 0], axis=0)
    noise = np.random.default_rng(1).normal(0, 0.01, len(times))
    return Columns(
        times, np.where(is_high, 0.95, 0.3) + noise, np.where(is_high, 0, 1).astype(np.int16), ("critical", "low")
    )


def without(columns: Columns, lost: list[tuple[float, float]]) -> Columns:
    at = (columns.time_ms - columns.time_ms[0]) / (columns.time_ms[-1] - columns.time_ms[0])
    is_lost = np.any([(at > first) & (at <= first + length) for first, length in lost] or [at < 0], axis=0)
    return columns.take(np.flatnonzero(~is_lost))


@dataclass(frozen=True)
class Planted:
    """An interval with stretches that were critical and such without samples, and earlier days, some of them missing."""

    hours: int
    step_seconds: int
    high: Spans
    lost: Spans
    high_before: Spans
    missing_days: list[int]

    def part(self) -> MetricPeriod:
        window, step_ms = Window(WINDOW.end_utc, self.hours), self.step_seconds * 1000
        start_ms, end_ms = to_epoch_ms(window.start_utc), to_epoch_ms(window.end_utc)
        now = without(samples(start_ms, end_ms, step_ms, self.high), self.lost)
        before = samples(to_epoch_ms(window.previous_start_utc), start_ms, step_ms, self.high_before)
        old = samples(start_ms - HISTORY_DAYS * DAY_MS, start_ms, 60_000, self.high_before)
        old = old.take(np.flatnonzero(~np.isin((start_ms - old.time_ms) // DAY_MS + 1, self.missing_days)))
        return MetricPeriod(CPU, window, SAO_PAULO, now, before, history=summarize(old, "ratio"))


planted = st.builds(
    Planted, st.sampled_from([6, 24, 168]), st.sampled_from([15, 60, 300]), spans, spans, spans,
    st.lists(st.integers(1, 14), max_size=10, unique=True),
)  # fmt: skip


def days_with_samples(part: MetricPeriod, start_ms: int, end_ms: int) -> int:
    """On how many of the seven days before there is a sample in these hours, or in one beside them."""
    assert part.history is not None
    hours = set((part.history.hour_ms // HOUR_MS).tolist()) | set(((part.current.time_ms - 1) // HOUR_MS).tolist())
    around = range(start_ms // HOUR_MS - 2, end_ms // HOUR_MS + 3)  # hours of the interval begin within those of UTC
    return sum(any(hour - 24 * back in hours for hour in around) for back in range(1, 8))


@settings(max_examples=40)
@given(planted)
def test_totals_hold_their_longest_stretch_and_days_are_reported_that_have_samples(case: Planted) -> None:
    part = case.part()
    taken, counted, whole = series(part), coverage(part), part.window.hours * 3600
    assert sum(gap.seconds for gap in counted.gaps) <= whole
    if critical := critical_time(taken):
        assert 0 < critical.longest_seconds <= critical.seconds <= whole
        assert critical.longest_seconds <= (critical.end_ms - critical.start_ms) / 1000
        assert (critical.stretches == 1) == (critical.longest_seconds == critical.seconds)
        assert critical.repeats <= critical.days <= days_with_samples(part, critical.start_ms, critical.start_ms)
    if episode := find_episode(taken):
        assert episode.repeats <= episode.days <= days_with_samples(part, episode.start_ms, episode.end_ms)
    for outage in sample_gaps({"cpu": (part, counted)}):
        assert outage.gap.seconds <= whole


def test_seven_days_are_reported_only_where_seven_have_samples() -> None:
    window = Window(WINDOW.end_utc, 6)
    start_ms, end_ms = to_epoch_ms(window.start_utc), to_epoch_ms(window.end_utc)
    now = samples(start_ms, end_ms, 15_000, [(0.5, 0.3)])
    before = samples(start_ms - 6 * HOUR_MS, start_ms, 15_000, [])
    old = samples(start_ms - 7 * DAY_MS, start_ms, 60_000, [])
    part = MetricPeriod(CPU, window, SAO_PAULO, now, before, history=summarize(old, "ratio"))
    for missing, known in (([], 7), ([3], 6), ([1, 2, 3, 4], 3)):
        kept = old.take(np.flatnonzero(~np.isin((start_ms - old.time_ms) // DAY_MS + 1, missing)))
        episode = find_episode(series(replace(part, history=summarize(kept, "ratio"))))
        assert episode is not None
        assert (episode.repeats, episode.days) == (0, known)
