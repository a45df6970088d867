"""What a notebook works on: every metric's samples of an interval, and of the one before it. Pure containers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pycemaker.hour_summaries import HourSummaries
from pycemaker.language import _
from pycemaker.metrics import SAMPLE_SECONDS, Metric
from pycemaker.samples import Columns, columns_digest
from pycemaker.window import Window

if TYPE_CHECKING:
    import pandas as pd

EARLIER_DAYS = 7
"""How many earlier days the same hours are read of: a week, so that each weekday is among them."""

HISTORY_DAYS = 28
"""How many days of hour summaries before the interval's start are read: four weeks."""

EARLIER_SLICES = 24
"""How many slices of each of those days are read."""


@dataclass(frozen=True)
class EarlierHours:
    """The same hours of an earlier day, coarsely: short slices of them, evenly spread.

    Attributes:
        start_utc: where those hours start, aware.
        samples: what the slices hold, oldest first.
    """

    start_utc: datetime
    samples: Columns


@dataclass(frozen=True)
class Arrivals:
    """When samples were stored against the time they carry, by their ObjectIds' own clock.

    Attributes:
        late: how many were stored over a minute after the time they carry.
        ahead: how many carry a time over a minute after they were stored: a clock that is ahead.
    """

    late: int
    ahead: int


@dataclass(frozen=True)
class MetricPeriod:
    """One metric over a window.

    Attributes:
        metric: which one.
        window: the two intervals.
        zone: where readers are.
        current: samples of the interval, oldest first.
        previous: samples of the interval before it, oldest first.
        earlier: the same hours of earlier days, nearest first; empty where they were not read.
        arrivals: None where it was not looked at, or where the samples' `_id`s do not tell.
        history: hour summaries of the `HISTORY_DAYS` days before the interval's start; None where they were not read.
    """

    metric: Metric
    window: Window
    zone: ZoneInfo
    current: Columns
    previous: Columns
    earlier: tuple[EarlierHours, ...] = ()
    arrivals: Arrivals | None = None
    history: HourSummaries | None = None

    @property
    def label(self) -> str:
        """What readers see as the metric's name, in their language."""
        return _(self.metric.label)

    @property
    def expected(self) -> int:
        """How many samples the interval should have: one every `SAMPLE_SECONDS`."""
        return self.window.hours * 3600 // SAMPLE_SECONDS

    def frame(self) -> pd.DataFrame:
        """The interval as pandas: `time` (aware, readers' zone), `reading` (metric's unit), `criticity`."""
        return self.current.to_frame(self.zone)

    def previous_frame(self) -> pd.DataFrame:
        """The interval before it, likewise, at its own times."""
        return self.previous.to_frame(self.zone)


@dataclass(frozen=True)
class Period:
    """Every metric over one window.

    Attributes:
        window: the two intervals.
        zone: where readers are.
        metrics: one entry for each metric of the registry, in its order.
        sample_until_utc: where a made-up history ends that the interval or the one before it reaches into;
            None where every sample is real.
    """

    window: Window
    zone: ZoneInfo
    metrics: tuple[MetricPeriod, ...]
    sample_until_utc: datetime | None

    def __getitem__(self, metric_id: str) -> MetricPeriod:
        """One metric's part, by id. Raises KeyError."""
        for part in self.metrics:
            if part.metric.id == metric_id:
                return part
        raise KeyError(metric_id)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that stand for every sample of both intervals: the same data, the same digest."""
        parts = ((part.metric.id, each) for part in self.metrics for each in (part.current, part.previous))
        return columns_digest(parts)

    @property
    def expected(self) -> int:
        """How many samples all metrics together should have."""
        return sum(part.expected for part in self.metrics)

    @property
    def received(self) -> int:
        """How many samples there are in the interval, all metrics together."""
        return sum(len(part.current) for part in self.metrics)
