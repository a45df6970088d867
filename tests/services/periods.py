"""Periods made of literal numbers, and one that looks like a day at work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker.metrics import METRICS, Metric
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import Window, to_epoch_ms

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
WINDOW = Window(datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC), 6)
"""10/04/2022, 03:43:23 to 09:43:23 in São Paulo."""


def columns(
    start_utc: datetime, readings: Sequence[float], names: Sequence[str] = ("low",), every_seconds: int = 5
) -> Columns:
    """Samples so far apart after `start_utc`; their criticities are `names` over and over."""
    known = tuple(sorted(set(names)))
    time_ms = to_epoch_ms(start_utc) + np.arange(1, len(readings) + 1, dtype=np.int64) * every_seconds * 1000
    codes = np.array([known.index(names[place % len(names)]) for place in range(len(readings))], np.int16)
    return Columns(time_ms, np.array(readings, np.float64), codes, known)


def part(
    metric: Metric, readings: Sequence[float], previous: Sequence[float] = (), names: Sequence[str] = ("low",)
) -> MetricPeriod:
    """One metric over `WINDOW`: its first samples, 5 s apart, in either interval."""
    current = columns(WINDOW.start_utc, readings, names) if len(readings) else no_columns()
    before = columns(WINDOW.previous_start_utc, previous, names) if len(previous) else no_columns()
    return MetricPeriod(metric, WINDOW, SAO_PAULO, current, before)


def period_of(*parts: MetricPeriod, sample_until_utc: datetime | None = None) -> Period:
    """A period of these parts."""
    return Period(WINDOW, SAO_PAULO, parts, sample_until_utc)


def busy_period(window: Window = WINDOW, zone: ZoneInfo = SAO_PAULO) -> Period:
    """Every metric: an hourly rhythm, a gap of 20 minutes, an outage of 25 with slow answers and failures."""
    parts = []
    for metric in METRICS:
        now = _busy(metric, to_epoch_ms(window.start_utc), window.hours, outage=True)
        before = _busy(metric, to_epoch_ms(window.previous_start_utc), window.hours, outage=False)
        parts.append(MetricPeriod(metric, window, zone, now, before))
    return Period(window, zone, tuple(parts), window.start_utc)


def _busy(metric: Metric, start_ms: int, hours: int, *, outage: bool) -> Columns:
    time_ms = start_ms + np.arange(1, hours * 720 + 1, dtype=np.int64) * 5000
    past = (time_ms - start_ms) / (hours * 3_600_000)
    noise = np.random.default_rng(len(metric.id)).normal(0, 0.02, len(time_ms))
    level = 0.35 + 0.1 * np.sin(past * hours * 2 * np.pi) + noise
    down = (past > 0.62) & (past < 0.62 + 25 / 60 / hours) & outage
    scale = {"ratio": 1.0, "seconds": 0.4}.get(metric.unit, 30.0)
    reading = level * scale * np.where(down, 1.9, 1.0)
    if metric.unit == "requests":
        reading = np.round(reading)
    codes = np.where(down, 0, np.where(level > 0.42, 1, 2)).astype(np.int16)
    kept = (past < 0.3) | (past > 0.3 + 20 / 60 / hours) | (not outage)
    return Columns(time_ms[kept], reading[kept], codes[kept], ("critical", "high", "low"))
