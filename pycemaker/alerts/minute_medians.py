"""Medians of the samples of minutes, and their points of health, of many applications or many minutes at once. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.health import BORDERS, MINUTE_MS
from pycemaker.analysis.rates import second_rates
from pycemaker.metrics import Metric
from pycemaker.series import cadence
from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence, Times
from pycemaker.series.robust import Floats, block_means, block_medians

Indexes = NDArray[np.int64]


def mean_points(metric_id: str, group: Indexes, amounts: Floats, count: int) -> Floats:
    """The mean points of health of each group's amounts (`analysis/health`); NaN where a group has none."""
    points = np.searchsorted(np.array(BORDERS[metric_id]), amounts).astype(np.float64)
    return block_means(group, points, count, 1)


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
    times = columns.time_ms[np.isfinite(columns.reading)]
    ends = start_ms + MINUTE_MS * np.arange(1, count + 1, dtype=np.int64)
    learned = cadence.learn(times, start_ms, int(ends[-1])) or Cadence(())
    time_ms, amounts = second_rates(metric, columns, learned)
    minute = (time_ms - start_ms - 1) // MINUTE_MS
    points = mean_points(metric.id, minute, amounts, count) if metric.id in BORDERS else np.empty(0)
    last_ms = np.concatenate([np.zeros(1, np.int64), times])[np.searchsorted(times, ends, side="right")]
    step_ms = learned.steps_ms(last_ms) if learned.is_known else np.full(count, np.inf)
    return MetricMinutes(ends, block_medians(minute, amounts, count, 1), points, last_ms, step_ms)
