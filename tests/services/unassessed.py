"""Periods that cannot be judged, or only in part, and such whose samples come at other distances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np

from pycemaker.series.batches import Columns, join_columns, no_columns
from pycemaker.series.hour_summaries import summarize
from pycemaker.series.period import Absence, MetricPeriod, Period
from pycemaker.window import to_epoch_ms
from tests.services.noise import quiet_period
from tests.services.periods import WINDOW

START_MS, HOUR_MS = to_epoch_ms(WINDOW.start_utc), 3_600_000


def each(period: Period, change: Callable[[MetricPeriod], MetricPeriod], *metrics: str) -> Period:
    """The period with these metrics changed; all of them where none is named."""
    parts = (change(part) if part.metric.id in metrics or not metrics else part for part in period.metrics)
    return replace(period, metrics=tuple(parts))


def silent(part: MetricPeriod, newest_hours_ago: float | None = None, *, undated: bool = False) -> MetricPeriod:
    """The part without a sample in all that was read; its last one so many hours before the interval's end."""
    newest_ms = None if newest_hours_ago is None else to_epoch_ms(WINDOW.end_utc) - round(newest_hours_ago * HOUR_MS)
    none = no_columns()
    return replace(part, current=none, previous=none, history=None, absence=Absence(newest_ms, undated))


def alone(part: MetricPeriod) -> MetricPeriod:
    """The part without anything before the interval."""
    return replace(part, previous=no_columns(), history=None)


def every(part: MetricPeriod, seconds: int) -> MetricPeriod:
    """The part whose samples, 5 s apart, are so far apart."""
    return replace(part, current=_every(part.current, seconds), previous=_every(part.previous, seconds))


def _every(columns: Columns, seconds: int) -> Columns:
    return columns.take(np.flatnonzero(columns.time_ms // 1000 // 5 % (seconds // 5) == 0))


def changing(part: MetricPeriod, *seconds: int) -> MetricPeriod:
    """The part whose interval has these distances one after another, each for as long as the others."""
    edges = np.linspace(0, len(part.current), len(seconds) + 1).astype(int)
    pieces = [_every(part.current.part(edges[i], edges[i + 1]), each) for i, each in enumerate(seconds)]
    return replace(part, current=join_columns(pieces))


def unreadable(part: MetricPeriod) -> MetricPeriod:
    """The part without a finite reading."""
    return replace(part, current=replace(part.current, reading=np.full(len(part.current), np.nan)))


def few(part: MetricPeriod) -> MetricPeriod:
    """The part with three samples alone, at both ends of the interval and in its midst."""
    return replace(alone(part), current=part.current.take(np.array([0, 2160, 4319])))


def last_hours(part: MetricPeriod, hours: float) -> MetricPeriod:
    """The part whose collector was first started so many hours before the interval's end."""
    first = int(np.searchsorted(part.current.time_ms, START_MS + (6 - hours) * HOUR_MS))
    return replace(alone(part), current=part.current.part(first, len(part.current)))


def with_history(part: MetricPeriod, days: int) -> MetricPeriod:
    """The part with hour summaries of so many days before it: the interval's samples over and over."""
    copies = [
        replace(part.current, time_ms=part.current.time_ms - (day * 24 - turn * 6) * HOUR_MS)
        for day in range(days, 0, -1)
        for turn in range(4)
    ]
    return replace(part, history=summarize(join_columns(copies), part.metric.unit))


def every_unassessed() -> Iterator[Period]:
    """Periods that together have every sentence about what cannot be judged, and about the distance of samples."""
    quiet = quiet_period(3)
    yield each(quiet, silent)
    yield each(quiet, lambda part: silent(part, 30 * 24))
    yield each(quiet, lambda part: silent(part, 30))
    for change in (lambda part: silent(part, undated=True), unreadable, few):
        yield each(quiet, change)
        yield each(quiet, change, "cpu", "ram")
    yield each(quiet, alone)
    yield each(each(quiet, alone), silent, "cpu", "ram", "disk", "request_count", "http_fail")
    yield each(quiet, lambda part: last_hours(part, 2))
    yield each(quiet, alone, "cpu")
    yield each(quiet, lambda part: with_history(part, 28))
    yield each(quiet, lambda part: with_history(alone(part), 7))
    no_previous = each(quiet, lambda part: replace(part, previous=no_columns()))
    yield each(no_previous, lambda part: replace(quiet[part.metric.id], history=None), "cpu")
    yield each(each(quiet, silent), lambda _part: quiet["cpu"], "cpu")
    yield from _cadences(quiet)
    yield replace(each(quiet, lambda part: part), sample_until_utc=WINDOW.start_utc + timedelta(hours=1))


def _cadences(quiet: Period) -> Iterator[Period]:
    yield each(quiet, lambda part: every(part, 60))
    yield each(quiet, lambda part: every(part, 60), "disk")
    for metric, seconds in (("cpu", 15), ("ram", 30), ("disk", 60)):
        quiet = each(quiet, lambda part, seconds=seconds: every(part, seconds), metric)
    yield quiet
    yield each(quiet, lambda part: changing(quiet_period(3)[part.metric.id], 5, 60))
    yield each(quiet, lambda part: changing(quiet_period(3)[part.metric.id], 5, 60, 15))
