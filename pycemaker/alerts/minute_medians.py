"""Medians of the samples of minutes, and their points of health, of many applications or many minutes at once. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.health import BORDERS, MINUTE_MS
from pycemaker.metrics import Metric
from pycemaker.series import cadence
from pycemaker.series.batches import Columns
from pycemaker.series.robust import Floats

Indexes = NDArray[np.intp]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Samples of one metric, sorted by series and then by time.

    Attributes:
        series: whose sample it is, from 0 on: an application's number.
        time_ms: milliseconds since 1970 in UTC.
        reading: finite.
    """

    series: Indexes
    time_ms: Times
    reading: Floats


def rates(metric: Metric, samples: Samples, before_ms: Floats) -> Samples:
    """The samples in the unit of rules: requests become requests a second, by the time since the sample before.

    Args:
        metric: theirs; of another unit they stay as they are.
        samples: the samples.
        before_ms: of each series the time of the last sample before them; NaN where there is none, and then the first
            one has no rate and is left out.
    """
    if metric.unit != "requests" or not len(samples.series):
        return samples
    times = samples.time_ms.astype(np.float64)
    is_first = np.diff(samples.series, prepend=-1) != 0
    step = np.where(is_first, times - before_ms[samples.series], np.diff(times, prepend=np.nan)) / 1000
    kept = step > 0
    return Samples(samples.series[kept], samples.time_ms[kept], samples.reading[kept] / step[kept])


def medians(group: Indexes, amounts: Floats, count: int) -> Floats:
    """The median of each group's amounts; NaN where a group has none.

    Args:
        group: of each amount, 0 to `count` - 1.
        amounts: finite.
        count: how many groups there are.
    """
    ranked = amounts[np.lexsort((amounts, group))]
    sizes = np.bincount(group, minlength=count)
    starts = np.cumsum(sizes) - sizes
    result = np.full(count, np.nan)
    some = sizes > 0
    low, high = starts[some] + (sizes[some] - 1) // 2, starts[some] + sizes[some] // 2
    result[some] = ranked[low] / 2 + ranked[high] / 2
    return result


def mean_points(metric_id: str, group: Indexes, amounts: Floats, count: int) -> Floats:
    """The mean points of health of each group's amounts (`analysis/health`); NaN where a group has none."""
    points = np.searchsorted(np.array(BORDERS[metric_id]), amounts)
    sizes = np.bincount(group, minlength=count)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(group, points, count) / np.where(sizes, sizes, np.nan), np.float64)


@dataclass(frozen=True)
class MetricMinutes:
    """One metric, minute by minute.

    Attributes:
        ends_ms: the end of each minute, milliseconds since 1970 in UTC.
        medians: in the unit of rules; NaN without a reading.
        points: the mean points of health; empty of a metric that health does not weigh.
        last_ms: the newest sample at the end of each minute; 0 before the first one.
        step_ms: the usual distance of samples then; infinite where it is unknown.
    """

    ends_ms: Times
    medians: Floats
    points: Floats
    last_ms: Times
    step_ms: Floats

    def is_silent(self, seconds: float) -> NDArray[np.bool_]:
        """The minutes at whose ends no sample has come for so long, and for three usual distances."""
        return (self.last_ms > 0) & (self.ends_ms - self.last_ms > np.maximum(1000 * seconds, 3 * self.step_ms))


def metric_minutes(metric: Metric, columns: Columns, start_ms: int, count: int) -> MetricMinutes:
    """The minutes of one metric.

    Args:
        metric: whose samples they are.
        columns: samples after `start_ms`, oldest first.
        start_ms: milliseconds since 1970 in UTC.
        count: how many minutes follow.
    """
    finite = np.isfinite(columns.reading)
    times, readings = columns.time_ms[finite], columns.reading[finite]
    ends = start_ms + MINUTE_MS * np.arange(1, count + 1, dtype=np.int64)
    own = rates(metric, Samples(np.zeros(len(times), np.intp), times, readings), np.array([np.nan]))
    minute = (own.time_ms - start_ms - 1) // MINUTE_MS
    points = mean_points(metric.id, minute, own.reading, count) if metric.id in BORDERS else np.empty(0)
    last_ms = np.concatenate([np.zeros(1, np.int64), times])[np.searchsorted(times, ends, side="right")]
    learned = cadence.learn(times, start_ms, int(ends[-1]))
    step_ms = learned.steps_ms(last_ms) if learned else np.full(count, np.inf)
    return MetricMinutes(ends, medians(minute, own.reading, count), points, last_ms, step_ms)
