"""Health of an application: an index, 1 for good, of CPU, RAM, response time and requests a second. Pure.

A sample has a point for each of three `BORDERS` that it exceeds, a minute the mean of its samples' points, and the
score of a minute is 1 less a twelfth of the four metrics' points. At `FAILING` or below the application counts as
failing.
Unknown is never healthy: a minute in which one of the four has no reading has no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.metrics import CPU, RAM, REQUEST_COUNT, RESPONSE_TIME
from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence
from pycemaker.series.hour_summaries import HourSummaries, bin_edges

Floats = NDArray[np.float64]

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


@dataclass(frozen=True)
class MinutePoints:
    """One metric's points of each minute: their mean; and on lines between borders, to rank metrics of equal points."""

    mean: Floats
    exact: Floats


def minute_points(metric_id: str, columns: Columns, cadence: Cadence, end_ms: int, minutes: int) -> MinutePoints:
    """The points of the minutes that end at `end_ms`; NaN where there is no reading.

    A reading stands for the minutes after it until samples are missing by the cadence, so that metrics of fewer than a
    sample a minute have points too.

    Args:
        metric_id: one of BORDERS.
        columns: samples, oldest first; those before the first minute only stand for later ones.
        cadence: of these samples.
        end_ms: milliseconds since 1970 in UTC.
        minutes: how many.
    """
    finite = np.isfinite(columns.reading)
    times, readings = columns.time_ms[finite], columns.reading[finite]
    if metric_id == REQUEST_COUNT.id:
        readings = readings / (cadence.steps_ms(times) / 1000) if cadence.is_known else readings[:0]
        times = times[: len(readings)]
    whole, exact = _points(metric_id, readings)
    start_ms = end_ms - minutes * MINUTE_MS
    inside = slice(*np.searchsorted(times, (start_ms, end_ms), side="right"))
    minute = (times[inside] - start_ms - 1) // MINUTE_MS
    counts = np.bincount(minute, minlength=minutes)
    ends_ms = start_ms + MINUTE_MS * np.arange(1, minutes + 1)
    latest = np.searchsorted(times, ends_ms, side="right") - 1
    stands = (counts == 0) & (latest >= 0)
    stands[stands] = ends_ms[stands] - times[latest[stands]] <= cadence.gaps_ms(ends_ms[stands])
    sums = (np.bincount(minute, each[inside], minlength=minutes) for each in (whole, exact))
    means = [np.where(counts > 0, each / np.maximum(counts, 1), np.nan) for each in sums]
    for mean, each in zip(means, (whole, exact), strict=True):
        mean[stands] = each[latest[stands]]
    return MinutePoints(means[0], means[1])


def health(points: Mapping[str, MinutePoints], end_ms: int) -> Health:
    """The health of the minutes that end at `end_ms`, out of the points of every metric of BORDERS."""
    means = np.array([points[metric_id].mean for metric_id in _METRIC_IDS])
    exact = np.array([points[metric_id].exact for metric_id in _METRIC_IDS])
    rank = np.where(np.isnan(means), np.inf, means + exact / (10 * _MOST_POINTS))
    time_ms = end_ms - MINUTE_MS * np.arange(means.shape[1] - 1, -1, -1)
    worst = tuple(_METRIC_IDS[index] for index in rank.argmax(axis=0))
    return Health(time_ms.astype(np.int64), _scores(means), worst)


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


def _points(metric_id: str, readings: Floats) -> tuple[Floats, Floats]:
    """The points of readings, and the same on lines between the borders, up to 3."""
    borders = np.array(BORDERS[metric_id])
    lines = np.interp(readings, [0.0, *borders], np.arange(len(borders) + 1.0))
    return np.searchsorted(borders, readings, side="left").astype(np.float64), lines
