"""A metric's two intervals as blocks of some minutes, and the same hours of earlier days as slots. Pure.

Samples seconds apart hang together; blocks of minutes do so less, and one spike moves no block's median. Nothing below
counts a sample as if it were independent of its neighbour: days are compared with days, blocks with blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pycemaker.period import EARLIER_SLICES
from pycemaker.robust import Floats, block_means, block_medians, median
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.cadence import Cadence
    from pycemaker.period import EarlierHours, MetricPeriod
    from pycemaker.samples import Columns

LARGEST = 1e15
"""Readings beyond this count as this: no unit of ours comes near, and squares of it stay finite."""

_BLOCK_SECONDS = (60, 300, 900, 1800, 3600)
_LONG_BLOCK_SECONDS, _SHORT_HOURS = 300, 2
_FEWEST_SAMPLES = 3
_LEAST_FULL = 1 / 3
_FEWEST_SLOTS = EARLIER_SLICES // 2


@dataclass(frozen=True)
class Series:
    """One metric, in blocks of `block_ms` from the start of the previous interval on.

    Attributes:
        part: where it comes from.
        block_ms: how long a block is: five minutes, or one where the interval is at most two hours; longer where
            samples are so rare that it would have fewer than three.
        amounts: each block's median reading, its mean for counts; NaN where it has too few samples.
        now: the first block of the current interval.
        days: a row for each earlier day that has samples for half of its slots, nearest first, a column a slot.
        days_back: how many days back each row is.
    """

    part: MetricPeriod
    block_ms: int
    amounts: Floats
    now: int
    days: Floats
    days_back: Floats

    @property
    def unit(self) -> str:
        """The metric's."""
        return self.part.metric.unit

    @property
    def start_ms(self) -> int:
        """Where the first block starts."""
        return to_epoch_ms(self.part.window.previous_start_utc)

    @property
    def current(self) -> Floats:
        """The current interval's blocks."""
        return self.amounts[self.now :]

    @property
    def previous(self) -> Floats:
        """The previous interval's blocks."""
        return self.amounts[: self.now]

    @cached_property
    def slots(self) -> Floats:
        """The current interval in as many slots as an earlier day has."""
        place = np.arange(len(self.current)) * EARLIER_SLICES // len(self.current)
        kept = np.isfinite(self.current)
        return block_medians(place[kept], self.current[kept], EARLIER_SLICES, 1)

    @cached_property
    def normal_slots(self) -> Floats:
        """Each slot's median over the earlier days; NaN without any."""
        return (
            np.array([median(column) for column in self.days.T]) if len(self.days) else np.full(EARLIER_SLICES, np.nan)
        )

    def block_start_ms(self, block: int) -> int:
        """Where a block starts."""
        return self.start_ms + block * self.block_ms


def series(part: MetricPeriod) -> Series:
    """The blocks and slots of one metric's period."""
    block_ms = _block_ms(part)
    now = part.window.hours * 3_600_000 // block_ms
    start_ms = to_epoch_ms(part.window.previous_start_utc)
    halves = [
        _blocks(half, part.metric.unit, start_ms, block_ms, 2 * now, _fewest(block_ms, cadence))
        for half, cadence in ((part.previous, part.previous_cadence), (part.current, part.cadence))
    ]
    rows = [(earlier, _day(earlier, part)) for earlier in part.earlier]
    kept = [(earlier, row) for earlier, row in rows if np.isfinite(row).sum() >= _FEWEST_SLOTS]
    days = np.array([row for _, row in kept]).reshape(-1, EARLIER_SLICES)
    back = [(part.window.start_utc - earlier.start_utc).total_seconds() / 86400 for earlier, _ in kept]
    return Series(part, block_ms, np.concatenate([halves[0][:now], halves[1][now:]]), now, days, np.array(back))


def _block_ms(part: MetricPeriod) -> int:
    slowest_ms = max(part.cadence.slowest_ms, part.previous_cadence.slowest_ms)
    least_ms = max(_FEWEST_SAMPLES * slowest_ms, 0 if part.window.hours <= _SHORT_HOURS else _LONG_BLOCK_SECONDS * 1000)
    return 1000 * next((seconds for seconds in _BLOCK_SECONDS if seconds * 1000 >= least_ms), _BLOCK_SECONDS[-1])


def _fewest(block_ms: int, cadence: Cadence) -> int:
    """How many samples a block has at least: a third of those that it should have, one without a cadence."""
    return int(block_ms // cadence.slowest_ms * _LEAST_FULL) if cadence.is_known else 1


def scaled(amounts: Floats, unit: str) -> Floats:
    """The amounts where their noise does not grow with them: the logarithm of seconds, the root of counts.

    M. S. Bartlett, "The use of transformations", Biometrics 3 (1947).
    """
    if unit == "seconds":
        return np.asarray(np.log(np.maximum(amounts, 1e-4)), np.float64)
    return np.sqrt(np.maximum(amounts, 0)) if unit == "requests" else amounts


def _day(earlier: EarlierHours, part: MetricPeriod) -> Floats:
    slot_ms = part.window.hours * 3_600_000 // EARLIER_SLICES
    return _blocks(earlier.samples, part.metric.unit, to_epoch_ms(earlier.start_utc), slot_ms, EARLIER_SLICES, 1)


def _blocks(columns: Columns, unit: str, start_ms: int, block_ms: int, count: int, fewest: int) -> Floats:
    place = (columns.time_ms - start_ms - 1) // block_ms
    kept = np.isfinite(columns.reading) & (place >= 0) & (place < count)
    readings = np.clip(columns.reading[kept], -LARGEST, LARGEST)
    middle = block_means if unit == "requests" else block_medians
    return middle(place[kept], readings, count, fewest)
