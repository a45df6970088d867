"""Events planted into a quiet period, one for each thing that a report can say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.capacity import Resource, review
from pycemaker.analysis.health import BORDERS
from pycemaker.metrics import CPU, DISK, METRICS, RAM, Metric
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.hour_summaries import summarize
from pycemaker.series.period import Arrivals, MetricPeriod, Period
from pycemaker.window import Window, to_epoch_ms
from tests.services.noise import quiet_period
from tests.services.periods import NEW_YORK, SAO_PAULO, WINDOW, busy_period, columns, part, period_of
from tests.services.unassessed import every_unassessed

START_MS = to_epoch_ms(WINDOW.start_utc)  # 03:43:23 in São Paulo
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WEEK = Window(WINDOW.end_utc, 168)


def changed(period: Period, **parts: MetricPeriod) -> Period:
    """The period with these parts in the place of its own."""
    return replace(period, metrics=tuple(parts.get(part.metric.id, part) for part in period.metrics))


def lifted(
    part: MetricPeriod, factor: float, start: float, end: float, add: float = 0, critical: bool = False
) -> MetricPeriod:
    """The part with its readings changed from `start` to `end`, hours into the interval."""
    now = part.current
    inside = (now.time_ms > START_MS + start * HOUR_MS) & (now.time_ms <= START_MS + end * HOUR_MS)
    reading = np.where(inside, now.reading * factor + add, now.reading)
    codes = np.where(inside & critical, 0, 1).astype(np.int16)
    return replace(part, current=Columns(now.time_ms, reading, codes, ("critical", "low")))


def without(columns: Columns, start: float, end: float) -> Columns:
    """The samples without those from `start` to `end`, hours into the interval."""
    kept = (columns.time_ms <= START_MS + start * HOUR_MS) | (columns.time_ms > START_MS + end * HOUR_MS)
    return Columns(columns.time_ms[kept], columns.reading[kept], columns.criticity[kept], columns.criticity_names)


def with_days(period: Period, days: int) -> Period:
    """The period with so many of its earlier days; without any it has no history."""
    return replace(period, metrics=tuple(_with_days(part, days) for part in period.metrics))


def _with_days(part: MetricPeriod, days: int) -> MetricPeriod:
    history = part.history.part(max(0, len(part.history) - days * 24), len(part.history)) if part.history else None
    return replace(part, history=history if days else None)


def risen(hours: int, days: int, by: float = 0.4) -> Period:
    """CPU higher by so much for an interval of so many hours than the 40% of so many days before; a sample a minute."""
    window = Window(WINDOW.end_utc, hours)
    minutes = np.arange(-days * 1440, hours * 60) + 1
    reading = np.where(minutes > 0, 0.4 + by, 0.4) + np.random.default_rng(1).normal(0, 0.0005, len(minutes))
    time_ms = to_epoch_ms(window.start_utc) + minutes * 60_000
    every = Columns(time_ms, reading, np.zeros(len(minutes), np.int16), ("low",))
    now, before = every.within(window.current), every.within(window.previous)
    history = summarize(every.part(0, days * 1440), CPU.unit)
    return Period(window, SAO_PAULO, (MetricPeriod(CPU, window, SAO_PAULO, now, before, history=history),), None)


def every_kind() -> Iterator[Period]:
    """Periods that together have every finding in each of its forms, and every sentence of the tables."""
    quiet = quiet_period(3)
    yield from (quiet, with_days(quiet, 1), with_days(quiet, 0))
    yield from (busy_period(Window(WINDOW.end_utc, hours)) for hours in (6, 75, 168))
    yield busy_period(Window(WINDOW.end_utc.replace(hour=5, minute=7), 6))  # its outage is at midnight
    yield risen(168, 28)
    yield from _stretches(quiet)
    yield from _levels(quiet)
    yield from _trends(quiet)
    yield from (with_days(failing_period(), days) for days in (0, 2, 7))
    yield period_of(*(part(metric, [0.1] * 4320) for metric in METRICS))
    yield from _silences(quiet)
    yield from _oddities(quiet)
    yield from every_unassessed()


def _stretches(quiet: Period) -> Iterator[Period]:
    for own in quiet.metrics:
        metric = own.metric
        factor, add = (0.05, 0.0) if metric.worse < 0 else (1.0, 0.4) if metric.unit == "ratio" else (12.0, 3.0)
        yield changed(quiet, **{metric.id: lifted(own, factor, 3.5, 3.75, add, critical=True)})
        yield with_days(changed(quiet, **{metric.id: lifted(own, factor, 3.5, 3.75, add)}), 0)
    yield changed(quiet, response_time=lifted(quiet["response_time"], 500, 4, 4.5))
    yield changed(quiet, request_count=lifted(quiet["request_count"], 8, 3, 4))
    yield changed(
        quiet,
        response_time=lifted(quiet["response_time"], 12, 3.5, 3.75, critical=True),
        http_fail=lifted(quiet["http_fail"], 0, 3.5, 3.75, add=3, critical=True),
        cpu=lifted(quiet["cpu"], 1, 3.5, 3.75, add=0.4),
    )
    for days in (1, 3):
        slow = lifted(as_each_day(with_days(quiet, days)["response_time"], 3.4, 3.8, 2.0), 20, 3.5, 3.75)
        yield changed(with_days(quiet, days), response_time=slow)
    twice = lifted(quiet["cpu"], 1, 4, 4.5, critical=True)
    codes = twice.current.criticity.copy()
    yield changed(quiet, cpu=twice)
    codes[720:864] = 0
    twice = replace(twice, current=replace(twice.current, criticity=codes))
    yield changed(quiet, cpu=twice)
    codes = np.where(np.arange(len(codes)) // 144 == 5, 0, 1).astype(np.int16)  # 12 min
    again = Columns(twice.previous.time_ms, twice.previous.reading, codes, ("critical", "low"))
    yield changed(quiet, cpu=replace(twice, previous=again))


def as_each_day(part: MetricPeriod, start: float, end: float, level: float, days: int = 28) -> MetricPeriod:
    """The part whose last days reached that level in those hours."""
    history = part.history
    assert history is not None
    into = (history.hour_ms - START_MS) / HOUR_MS
    same = (into % 24 > start - 1) & (into % 24 < end) & (into >= -24 * days)
    return replace(part, history=replace(history, block_maximum=np.where(same, level, history.block_maximum)))


def before_as(part: MetricPeriod, reading: Callable[[Columns], NDArray[np.float64]]) -> MetricPeriod:
    """The part with other readings in both intervals and in its history, whose hours get a sample a minute."""
    history = part.history
    assert history is not None
    times = np.arange(history.hour_ms[0], history.hour_ms[-1] + HOUR_MS, 60_000) + 60_000
    old = Columns(times, np.empty(len(times)), np.zeros(len(times), np.int16), ("low",))
    old, now, before = (replace(each, reading=reading(each)) for each in (old, part.current, part.previous))
    return replace(part, current=now, previous=before, history=summarize(old, part.metric.unit))


def _levels(quiet: Period) -> Iterator[Period]:
    for own in quiet.metrics:
        metric = own.metric
        for factor, add in ((1.0, 0.18), (1.0, -0.12)) if metric.unit == "ratio" else ((1.9, 0.5), (0.4, 0.0)):
            yield changed(quiet, **{metric.id: lifted(own, factor, 0, 6, add)})
            yield with_days(changed(quiet, **{metric.id: lifted(own, factor * 3, 0, 6, add * 2)}), 0)
    part = quiet["cpu"]
    yield changed(quiet, cpu=lifted(part, 1, 0, 6, 0.18, critical=True))
    crept = part.current.reading + np.linspace(0.05, 0.4, len(part.current))
    yield changed(quiet, cpu=replace(part, current=replace(part.current, reading=crept)))
    reading = quiet["response_time"].current.reading.copy()
    reading[2000] = 31.0
    part = quiet["response_time"]
    yield changed(quiet, response_time=replace(part, current=replace(part.current, reading=reading)))


def _trends(quiet: Period) -> Iterator[Period]:
    for name, level, per_day in (("disk", 0.9, 0.01), ("disk", 0.97, 0.02), ("ram", 0.95, 0.008)):

        def risen(columns: Columns, level: float = level, per_day: float = per_day) -> NDArray[np.float64]:
            return np.asarray(level + (columns.time_ms - START_MS) / DAY_MS * per_day)

        yield changed(quiet, **{name: before_as(quiet[name], risen)})
    queue = Metric("queue", "queue_length", "ratio", "x", limit=1.0)
    for metric in (RAM, queue):
        own = replace(quiet["ram"], metric=metric, history=None)
        now, before = (
            replace(c, reading=0.7 + (c.time_ms - START_MS) / HOUR_MS / 40) for c in (own.current, own.previous)
        )
        yield replace(quiet, metrics=(replace(own, current=now, previous=before),))
    yield replace(quiet, metrics=(lifted(replace(quiet["cpu"], metric=queue), 1, 4, 5, critical=True),))


def failing_period(level: float = 0.66) -> Period:
    """A load that grows for a week, until nearly everything is at its worst; the health falls with it."""
    quiet, random = quiet_period(3), np.random.default_rng(1)
    parts = {}
    for name, borders in BORDERS.items():

        def grown(columns: Columns, borders: tuple[float, ...] = borders, name: str = name) -> NDArray[np.float64]:
            hours = (columns.time_ms - START_MS) / HOUR_MS
            load = level + 0.002 * (hours - WINDOW.hours) + random.normal(0, 0.1, len(hours))
            spread = 5 if name == "request_count" else 1
            if name == "request_count" and len(hours) > 1:
                spread = float(np.median(np.diff(columns.time_ms))) / 1000
            return np.interp(load, (0, 0.25, 0.5, 0.75), (0, *borders)) * spread

        parts[name] = before_as(quiet[name], grown)
    return changed(quiet, **parts)


def _silences(quiet: Period) -> Iterator[Period]:
    for start, end in ((4.5, 5.0), (5.5, 6.0), (5.9, 6.0)):
        every = {own.metric.id: replace(own, current=without(own.current, start, end)) for own in quiet.metrics}
        yield changed(quiet, **every)
        yield changed(quiet, ram=every["ram"], cpu=every["cpu"])
    yield changed(quiet, ram=replace(quiet["ram"], current=no_columns()))
    empty = [MetricPeriod(metric, WINDOW, quiet.zone, no_columns(), no_columns()) for metric in METRICS]
    yield replace(quiet, metrics=tuple(empty))
    yield replace(quiet, metrics=tuple(replace(own, current=no_columns()) for own in quiet.metrics))
    few = {own.metric.id: replace(own, previous=without(own.previous, -6, -2)) for own in quiet.metrics}
    yield changed(quiet, **few)
    yield changed(quiet, cpu=few["cpu"], ram=replace(quiet["ram"], current=without(quiet["ram"].current, 1, 6)))


def _oddities(quiet: Period) -> Iterator[Period]:
    own = quiet["cpu"]
    times = own.current.time_ms.copy()
    times[100], times[200] = times[99], times[199] + 1000
    odd = replace(own, current=replace(own.current, time_ms=times), arrivals=Arrivals(late=3, ahead=2))
    yield changed(quiet, cpu=odd)
    yield from _mistaken(quiet)
    words = ("critical", "high", "low", "medium", "regular", "unknown", "x1", "x2", "x3", "x4", "x5")
    yield period_of(part(DISK, np.linspace(0.1, 0.9, 500), [0.2, 0.3], words), part(METRICS[0], [np.nan] * 9, [0.5]))
    for until in (
        WINDOW.end_utc,
        WINDOW.start_utc,
        *(WINDOW.start_utc + (WINDOW.end_utc - WINDOW.start_utc) * share for share in (0.5, 0.8)),
    ):
        yield replace(quiet, sample_until_utc=until)
    yield period_of(part(DISK, [0.4] * 4320, [0.4] * 4320), part(METRICS[0], [0.4] * 4320, [0.4] * 4320))
    clocks = Window(WINDOW.end_utc.replace(year=2024, month=11, day=3, hour=7), 3)
    samples = columns(clocks.start_utc, [0.1, 0.2])
    yield Period(clocks, NEW_YORK, (MetricPeriod(DISK, clocks, NEW_YORK, samples, samples),), None)


def _mistaken(quiet: Period) -> Iterator[Period]:
    """Samples that look like something else than they are meant to be."""
    cpu, count = quiet["cpu"], quiet["request_count"]
    percent = replace(cpu, current=replace(cpu.current, reading=cpu.current.reading * 100))
    counter = replace(count, current=replace(count.current, reading=np.cumsum(count.current.reading)))
    yield changed(quiet, cpu=percent, request_count=counter)
    spelt = replace(cpu.current, criticity_names=("REGULAR", *cpu.current.criticity_names[1:]))
    for hours in (-3, 3):
        arrivals = Arrivals(late=0, ahead=0, typical_seconds=hours * 3600)
        yield changed(quiet, cpu=replace(cpu, current=spelt, arrivals=arrivals))


def every_resource() -> Iterator[Resource]:
    """Reviewed resources with every verdict of a forecast."""
    noise = 0.001 * np.random.default_rng(5).standard_normal(14 * 144)
    days = np.arange(1, 14 * 144 + 1) / 144
    for per_day, start in ((0.02, 0.5), (0.0001, 0.3), (0.004, 0.3), (-0.01, 0.8), (0.0, 0.5), (0.03, 0.8)):
        yield _reviewed(start + per_day * days + noise)
    yield _reviewed(0.617 + 0.02 * days + noise)  # full within hours
    yield _reviewed(np.tile([0.5] * 9 + [0.95], 202)[: 14 * 144])
    for metric in (METRICS[0], RAM):
        yield _reviewed(0.5 + 0.02 * days + noise, metric)
    yield _reviewed(0.5 + 0.006 * days + 60 * noise)
    for day in range(7):
        yield _reviewed(
            np.where((days % 7).astype(int) == day, 0.7, 0.5) - np.where((days % 7).astype(int) == 6 - day, 0.2, 0)
        )
    random = np.random.default_rng(1190)  # of 1,500 seeds one of two whose rise is as good as none at its slowest
    each_day = random.normal(0, random.uniform(0.03, 0.12), 15)
    yield _reviewed(0.65 + random.uniform(0.003, 0.012) * days + each_day[days.astype(int)])
    yield _reviewed((0.5 + 0.02 * days + noise)[-3 * 144 :])
    yield _reviewed((0.5 + 0.0002 * np.round(days) + 40 * noise)[-3 * 144 :])
    yield _reviewed((0.5 + 0.02 * days + noise)[-10:])
    yield _reviewed(np.empty(0))
    yield _reviewed(np.full(300, np.nan))


def _reviewed(readings: NDArray[np.float64], metric: Metric = DISK) -> Resource:
    back = np.arange(len(readings), dtype=np.int64)[::-1] * 600_000
    whole = Columns(to_epoch_ms(WEEK.end_utc) - back, readings, np.zeros(len(readings), np.int16), ("low",))
    now = whole.time_ms > to_epoch_ms(WEEK.start_utc)

    def cut(kept: NDArray[np.bool_]) -> Columns:
        return Columns(whole.time_ms[kept], whole.reading[kept], whole.criticity[kept], whole.criticity_names)

    part = MetricPeriod(metric, WEEK, SAO_PAULO, cut(now), cut(~now))
    return review(Period(WEEK, SAO_PAULO, (part,), None), 0.9, 90)[0]
