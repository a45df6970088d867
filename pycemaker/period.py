"""What a notebook works on: every metric's samples of an interval, and of the one before it. Pure containers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd

from pycemaker.metrics import SAMPLE_SECONDS, Metric
from pycemaker.samples import Columns
from pycemaker.window import Window


@dataclass(frozen=True)
class MetricPeriod:
    """One metric over a window.

    Attributes:
        metric: which one.
        window: the two intervals.
        zone: where readers are.
        current: samples of the interval, oldest first.
        previous: samples of the interval before it, oldest first.
    """

    metric: Metric
    window: Window
    zone: ZoneInfo
    current: Columns
    previous: Columns

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
    def expected(self) -> int:
        """How many samples all metrics together should have."""
        return sum(part.expected for part in self.metrics)

    @property
    def received(self) -> int:
        """How many samples there are in the interval, all metrics together."""
        return sum(len(part.current) for part in self.metrics)
