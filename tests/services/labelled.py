"""Labelled series: readings over weeks, and the windows in which something was wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pycemaker.metrics import CPU, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries
from pycemaker.series.period import HISTORY_DAYS, MetricPeriod
from pycemaker.window import Window

_SHARES = ("cpu", "utilization", "occupancy", "memory", "disk_usage")
_DURATIONS = ("latency", "time", "duration")
_SAMPLE_NOISE = 0.03
_CRITICAL = 0.9
_LONGEST_HOLD = 3
_PROBATION_SHARE, _PROBATION_ROWS = 0.15, 750


@dataclass(frozen=True)
class Labelled:
    """One series.

    Attributes:
        name: its file's, or its generator's with a seed.
        metric: what it is loaded as.
        time_ms: where each row's time begins, milliseconds since 1970 in UTC, ascending.
        value: each row's reading, in the metric's unit.
        windows: first and last millisecond of each labelled incident.
    """

    name: str
    metric: Metric
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]

    @property
    def scored_from_ms(self) -> int:
        """The time from which the Numenta Anomaly Benchmark scores: it leaves out 15 % of the rows, 750 at most."""
        return int(self.time_ms[int(min(_PROBATION_SHARE * len(self.time_ms), _PROBATION_ROWS))])


def read_folder(folder: Path) -> Iterator[Labelled]:
    """Every `*.csv` (`timestamp,value`) below a folder that has labels.

    Labels are a JSON file in the folder or beside the files: `name.csv`, or `folder/name.csv`, to a list of `[start,
    end]`, as the Numenta Anomaly Benchmark's `combined_windows.json`. Times are UTC.
    """
    labels: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.rglob("*.json")):
        labels |= json.loads(path.read_text())
    for path in sorted(folder.rglob("*.csv")):
        windows = labels.get(f"{path.parent.name}/{path.name}", labels.get(path.name))
        if windows is not None:
            yield _read(path, windows)


def _read(path: Path, windows: list[tuple[str, str]]) -> Labelled:
    with path.open(newline="") as file:
        rows = [(_ms(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    times, values = np.array(sorted(dict(rows).items())).T
    metric = _metric(path.stem.lower(), values)
    if metric.unit == "ratio" and values.max() > 1:
        values = values / 100
    return Labelled(
        path.stem, metric, times.astype(np.int64), values, tuple((_ms(start), _ms(end)) for start, end in windows)
    )


def _metric(name: str, values: NDArray[np.float64]) -> Metric:
    """Shares are read as CPU, durations as response time, whole numbers as requests, the rest as response time."""
    if any(word in name for word in _SHARES) and values.max() <= 100:
        return CPU
    if any(word in name for word in _DURATIONS) or (values % 1).any():
        return RESPONSE_TIME
    return REQUEST_COUNT


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def samples(series: Labelled, every_seconds: int) -> Columns:
    """The series as a collector would have sampled it.

    A row holds until the next one, three usual distances at most; a sample that falls between rows sees that row's
    reading with 3 % of noise of its own, and the row's own instant sees it as it is. So what a row is the mean of is
    seen around that mean at 5 s, and at the rows' own cadence the rows are the samples. Criticity is `critical` from
    90 % on for shares, else `regular`.
    """
    step = int(np.median(np.diff(series.time_ms)))
    times = np.arange(series.time_ms[0], series.time_ms[-1] + step, every_seconds * 1000, dtype=np.int64)
    row = np.searchsorted(series.time_ms, times, side="right") - 1
    held = times - series.time_ms[row] < _LONGEST_HOLD * step
    times, row = times[held], row[held]
    noise = np.exp(_SAMPLE_NOISE * np.random.default_rng(len(times)).standard_normal(len(times)))
    reading = series.value[row] * np.where(times == series.time_ms[row], 1, noise)
    if series.metric.unit == "ratio":
        reading = np.clip(reading, 0, 1)
    is_critical = (reading >= _CRITICAL) & (series.metric.unit == "ratio")
    return Columns(times, reading, np.where(is_critical, 0, 1).astype(np.int16), ("critical", "regular"))


def part_of(metric: Metric, window: Window, columns: Columns, summaries: HourSummaries) -> MetricPeriod:
    """A metric's part of a report over `window`, out of all its samples and their summaries."""
    start_ms = int(window.start_utc.timestamp() * 1000)
    rows = np.searchsorted(summaries.hour_ms, [start_ms - HISTORY_DAYS * 24 * HOUR_MS, start_ms - HOUR_MS + 1])
    history = summaries.part(*rows)
    now, before = columns.within(window.current), columns.within(window.previous)
    return MetricPeriod(metric, window, ZoneInfo("UTC"), now, before, history=history)
