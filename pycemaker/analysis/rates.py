"""Counts per sample as rates, a minute or a second, by the cadence of the samples. Pure.

A collector writes what it counted since its last sample: 12 requests every 5 s are 2.4 a second. Readers see 144 a
minute; from `LEAST_PER_SECOND` on, on average over the interval or the one before, they see a rate a second. A metric
has one scale in a report, so that its numbers compare.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pycemaker.metrics import Metric
from pycemaker.series.batches import Columns
from pycemaker.series.cadence import Cadence, Times
from pycemaker.series.memoize import memoized
from pycemaker.series.period import MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.stats import mean

PER_MINUTE, PER_SECOND = "per_minute", "per_second"
"""Units of rates, beside those of the registry."""

LEAST_PER_SECOND = 10.0  # The least mean rate a second that is shown as a rate a second
_MINUTE = 60


def rate_unit(part: MetricPeriod) -> str:
    """The unit in which readers see a metric: `PER_MINUTE` or `PER_SECOND` for counts, else the metric's own.

    Counts of unknown cadence stay counts.
    """
    if part.metric.unit != "requests" or not part.cadence.is_known:
        return part.metric.unit
    means = [mean(_per_second(own.reading, steps_ms)) for own, steps_ms in _intervals(part)]
    return PER_SECOND if max(means) >= LEAST_PER_SECOND else PER_MINUTE


@memoized
def in_rates(part: MetricPeriod) -> MetricPeriod:
    """The metric's period with counts as rates, by the cadence that each sample came at; any other one as it is."""
    unit = rate_unit(part)
    if unit == part.metric.unit:
        return part
    factor = 1 if unit == PER_SECOND else _MINUTE
    current, previous = (
        replace(own, reading=_per_second(own.reading, steps) * factor) for own, steps in _intervals(part)
    )
    return replace(part, metric=replace(part.metric, unit=unit), current=current, previous=previous)


def second_rates(metric: Metric, columns: Columns, cadence: Cadence) -> tuple[Times, Floats]:
    """The times and the finite readings of samples; counts as rates a second, none where the cadence is unknown.

    Args:
        columns: samples, oldest first.
        cadence: theirs.
    """
    rates = per_second(metric, columns.reading, cadence.steps_ms(columns.time_ms))
    known = np.isfinite(rates)
    return columns.time_ms[known], rates[known]


def per_second(metric: Metric, readings: Floats, steps_ms: Floats) -> Floats:
    """Readings of samples; of counts the rates a second, NaN where the usual distance of samples is unknown.

    Args:
        metric: theirs.
        readings: theirs, in the metric's unit.
        steps_ms: the usual distance of samples at each one, in milliseconds; 0, NaN or infinite where it is unknown.
    """
    return _per_second(readings, steps_ms) if metric.unit == "requests" else readings


def rate(amount: float, part: MetricPeriod, at_ms: float | None = None) -> float:
    """An amount per sample in the unit that `rate_unit` says; of any other metric the amount.

    Args:
        at_ms: when, milliseconds since 1970 in UTC, where the cadence changes within the interval.
    """
    unit = rate_unit(part)
    if unit == part.metric.unit:
        return amount
    step_ms = part.cadence.step_ms if at_ms is None else float(part.cadence.steps_ms(np.array([at_ms], np.int64))[0])
    return amount / (step_ms / 1000) * (1 if unit == PER_SECOND else _MINUTE)


def _intervals(part: MetricPeriod) -> tuple[tuple[Columns, NDArray[np.float64]], ...]:
    """The samples of both intervals, with the usual distance before each, in milliseconds."""
    return (
        (part.current, part.cadence.steps_ms(part.current.time_ms)),
        (part.previous, part.previous_cadence.steps_ms(part.previous.time_ms)),
    )


def _per_second(counts: Floats, steps_ms: Floats) -> Floats:
    is_known = (steps_ms > 0) & np.isfinite(steps_ms)
    return counts / np.where(is_known, steps_ms / 1000, np.nan)
