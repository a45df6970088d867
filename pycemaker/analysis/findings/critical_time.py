"""Time spent critical where it grew, and readings never seen before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.findings.extremes import greatest
from pycemaker.analysis.findings.finding import Floor
from pycemaker.analysis.findings.time_blocks import DAY_HOURS, Series
from pycemaker.series.cadence import Cadence
from pycemaker.series.robust import Floats
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.series.batches import Columns

_MERGED_MS = 60_000
_LEAST_SHARE, _LEAST_RUN_SECONDS = 0.005, 300
_HIGH = {"ratio": Floor(1, 0.10), "seconds": Floor(3, 0.5), "requests": Floor(3, 20)}
_LEAST_HIGH_RATIO = 0.9
_AROUND_MS = 600_000
_GROWN, _GROWN_SECONDS, _TWICE = 1.5, 600, 2
_MOST_REPEATS = 7


@dataclass(frozen=True)
class CriticalTime:
    """The time that a metric was critical.

    Attributes:
        start_ms, end_ms: its longest stretch; critical samples hang together where they are a minute apart or less, or
            as far as neighbours are at this cadence.
        longest_seconds: how long it was critical within that stretch.
        previous_seconds: in all, in the interval before.
        is_new: whether nothing before, in as many hours, was critical half as long.
        repeats: on how many of the `days` before it was critical at the hour of the longest stretch too.
        days: of how many days before that hour is known, seven at most.
    """

    seconds: float
    start_ms: int
    end_ms: int
    longest_seconds: float
    stretches: int
    previous_seconds: float
    is_new: bool
    repeats: int
    days: int


@dataclass(frozen=True)
class NewHigh:
    """A reading like none before. `highest_else`: the highest of all other samples that were read."""

    reading: float
    time_ms: int
    highest_else: float


def critical_time(series: Series) -> CriticalTime | None:
    """Time spent critical, where it grew: half as much again and 10 min more than in any hours before.

    None where it is neither 0.5% of the interval nor 5 min at once.
    """
    part = series.part
    lasting, times, breaks = _critical_samples(part.current, part.cadence)
    if not len(times):
        return None
    first, last = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(times) - 1]])
    lengths = np.add.reduceat(lasting, first)
    longest = int(np.argmax(lengths))
    seconds, run_seconds = float(lasting.sum()) / 1000, float(lengths[longest]) / 1000
    is_long = run_seconds >= _LEAST_RUN_SECONDS
    if not is_long and seconds < _LEAST_SHARE * part.window.hours * 3600:
        return None
    before = float(_critical_samples(part.previous, part.previous_cadence)[0].sum()) / 1000
    if seconds < _GROWN * max(before, _known_critical_seconds(series)) + _GROWN_SECONDS:
        return None
    start_ms, end_ms = int(times[first[longest]] - lasting[first[longest]]), int(times[last[longest]])
    days = _same_hours(series, start_ms)
    repeats, known = int((days > 0).sum()), int(np.isfinite(days).sum())
    is_new = is_twice_the_known(series) and before < seconds / 2
    return CriticalTime(seconds, start_ms, end_ms, run_seconds, len(first), before, is_new, repeats, known)


def is_twice_the_known(series: Series) -> bool:
    """True if the interval was critical at least twice as long as the days before were in as many hours in a row."""
    return critical_seconds(series) >= _TWICE * _known_critical_seconds(series)


def critical_seconds(series: Series) -> float:
    """The seconds of the interval that were critical, however many there were before."""
    return float(_critical_samples(series.part.current, series.part.cadence)[0].sum()) / 1000


def _critical_samples(columns: Columns, cadence: Cadence) -> tuple[Floats, NDArray[np.int64], NDArray[np.intp]]:
    """The milliseconds that each critical sample stands for, its time, and the indexes after which a stretch ends."""
    critical = _is_critical(columns)
    lasting, times = cadence.lasting_ms(columns.time_ms)[critical], columns.time_ms[critical]
    return lasting, times, np.flatnonzero(np.diff(times) > np.maximum(_MERGED_MS, cadence.joined_ms(times[1:])))


def _known_critical_seconds(series: Series) -> float:
    """The most that as many hours in a row were critical in the days before."""
    width, hours = len(series.hours), np.nan_to_num(series.critical) * 3600
    if len(hours) < width:
        return 0.0
    return max(0.0, greatest(np.convolve(hours, np.ones(width), "valid")))


def _same_hours(series: Series, time_ms: int) -> Floats:
    """The critical share of the same hour, or one beside it, on each of the days before; NaN where it is not known."""
    start_ms = to_epoch_ms(series.part.window.start_utc)
    hour = len(series.critical) + (time_ms - start_ms) // 3_600_000
    backs = range(DAY_HOURS, (_MOST_REPEATS + 1) * DAY_HOURS, DAY_HOURS)
    days = [series.critical[max(0, hour - back - 1) : max(0, hour - back + 2)] for back in backs]
    return np.array([np.fmax.reduce(day, initial=np.nan) for day in days])


def new_high(series: Series) -> NewHigh | None:
    """A highest reading far beyond all that was read of other times; None where there is none, or little to know."""
    part = series.part
    finite = np.isfinite(part.current.reading)
    times, readings = part.current.time_ms[finite], part.current.reading[finite]
    if not len(readings) or not np.isfinite(series.peaks).any():
        return None
    highest = int(np.argmax(readings))
    other = np.concatenate([series.peaks, part.previous.reading, readings[np.abs(times - times[highest]) > _AROUND_MS]])
    high = NewHigh(float(readings[highest]), int(times[highest]), float(other[np.isfinite(other)].max()))
    if part.metric.unit == "ratio" and high.reading < _LEAST_HIGH_RATIO:
        return None
    floor = _HIGH.get(part.metric.unit, _HIGH["requests"])
    return high if high.reading > high.highest_else and floor.parts(high.reading, high.highest_else) else None


def _is_critical(columns: Columns) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    names = np.array([name == "critical" for name in columns.criticity_names], np.bool_)
    critical: np.ndarray[tuple[int], np.dtype[np.bool_]] = names[columns.criticity] & np.isfinite(columns.reading)
    return critical
