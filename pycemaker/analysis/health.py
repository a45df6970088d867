"""Health of an application: an index, 1 for good, of CPU, RAM, response time and requests a second. Pure.

A sample has a point for each of three `BORDERS` that it exceeds, a minute the mean of its samples' points, and the
score of a minute is 1 less a twelfth of the four metrics' points. At `FAILING` or below the application counts as
failing.
Unknown is never healthy: a minute in which one of the four has no reading has no score.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.rates import second_rates
from pycemaker.metrics import CPU, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence
from pycemaker.series.hour_summaries import HourSummaries, bin_edges
from pycemaker.series.robust import Floats

BORDERS = {
    CPU.id: (0.25, 0.5, 0.75),
    RAM.id: (0.25, 0.5, 0.75),
    RESPONSE_TIME.id: (0.3, 0.6, 1.0),
    REQUEST_COUNT.id: (15.0, 30.0, 60.0),
}
"""Of each metric, in its unit; of requests a second. A reading at a border does not exceed it."""

FAILING = 0.30
MINUTE_MS = 60_000
_MOST_POINTS = 12
_METRIC_IDS = tuple(BORDERS)


@dataclass(frozen=True)
class Health:
    """The health of an application, minute by minute.

    Attributes:
        time_ms: the end of each minute, oldest first, milliseconds since 1970 in UTC.
        score: 0 to 1; NaN where one of the metrics has no reading.
        worst: the id of the metric with the most points, of equal ones the nearest to its next border; without a score
            the first one that has no reading.
    """

    time_ms: NDArray[np.int64]
    score: Floats
    worst: tuple[str, ...]


def sample_points(metric: Metric, columns: Columns, cadence: Cadence) -> tuple[NDArray[np.int64], Floats]:
    """The points of samples that have a reading, and their times.

    Args:
        metric: one of BORDERS.
        columns: samples, oldest first.
        cadence: theirs; requests of unknown cadence have no points.

    Returns:
        Times, and two rows: points; and the same on lines between the borders, to rank metrics of equal points.
    """
    times, readings = second_rates(metric, columns, cadence)
    borders = np.array(BORDERS[metric.id])
    lines = np.interp(readings, [0.0, *borders], np.arange(len(borders) + 1.0))
    return times, np.array([np.searchsorted(borders, readings), lines])


def health(points: Mapping[str, Floats], ends_ms: NDArray[np.int64]) -> Health:
    """The health of the minutes that end at these instants.

    Args:
        points: of every metric of BORDERS the means of its `sample_points` in each minute, NaN where there is none.
        ends_ms: milliseconds since 1970 in UTC.
    """
    means, lines = np.stack([points[metric_id] for metric_id in BORDERS], axis=1)
    rank = np.where(np.isnan(means), np.inf, means + lines / (10 * _MOST_POINTS))
    worst = tuple(_METRIC_IDS[index] for index in rank.argmax(axis=0))
    return Health(ends_ms, _scores(means), worst)


def hour_points(metric_id: str, hours: HourSummaries) -> Floats:
    """The mean points of each hour's readings, by their histogram; NaN without a reading.

    Within a bin readings count as spread evenly.
    """
    edges = bin_edges(hours.unit)
    seconds = np.where(hours.step_ms > 0, hours.step_ms / 1000, np.nan) if metric_id == REQUEST_COUNT.id else 1.0
    borders = np.array(BORDERS[metric_id]) * np.broadcast_to(seconds, len(hours))[:, None]
    above = np.clip((edges[1:] - borders[:, :, None]) / np.diff(edges), 0, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((above.sum(axis=1) * hours.histogram).sum(axis=1) / hours.readings, np.float64)


def hour_scores(points: Mapping[str, Floats]) -> Floats:
    """The score of each hour, out of the points of every metric of BORDERS; NaN where one has none."""
    return _scores(np.array([points[metric_id] for metric_id in _METRIC_IDS]))


def _scores(points: Floats) -> Floats:
    return np.asarray(1 - points.sum(axis=0) / _MOST_POINTS, np.float64)
