"""Period of a notebook: every metric's samples of an interval and of the previous interval. Pure containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker.i18n.language import _
from pycemaker.metrics import Metric
from pycemaker.series import cadence
from pycemaker.series.batches import Columns, columns_digest
from pycemaker.series.cadence import Cadence
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries
from pycemaker.window import Interval, Window, to_epoch_ms, to_iso_text

if TYPE_CHECKING:
    import pandas as pd

HISTORY_DAYS = 28  # Days of hour summaries that are read before the interval's start: four weeks
REPR_CLASS = "pm-repr"  # The HTML class of a period, or of one metric's part, at the end of a cell
_NEAR_HOURS = 24  # Hours whose summaries give the cadence where an interval has too few samples
_LEAST_FITTING = 12  # One or two distances give the cadence only where at least so many of them fit into the interval


@dataclass(frozen=True)
class Arrivals:
    """Punctuality of samples: the second in each `_id` against the sample's own time.

    Attributes:
        late: the number of samples stored over a minute after their time.
        ahead: the number of samples whose time is over a minute after their storing: a collector's clock is ahead.
        typical_seconds: the usual delay from a sample's time to its storing, where nine of ten agree on it; else 0.
    """

    late: int
    ahead: int
    typical_seconds: float = 0.0


@dataclass(frozen=True)
class Absence:
    """Facts about a metric without a sample in the interval.

    Attributes:
        newest_ms: its last sample before the interval's end, milliseconds since 1970 in UTC; None where there is none.
        has_undated: whether it has documents whose `time_series` is no date.
    """

    newest_ms: int | None
    has_undated: bool


@dataclass(frozen=True, repr=False)
class MetricPeriod:
    """One metric over a window.

    Attributes:
        current: samples of the interval, oldest first.
        previous: samples of the previous interval, oldest first.
        arrivals: the samples' punctuality; None where it was not read, or where an `_id` is no ObjectId.
        history: hour summaries of the `HISTORY_DAYS` days before the interval's start; None where they were not read.
        absence: the facts where the interval has no sample; None where they were not read.
        application: whose samples they are; the empty text is the default application.
    """

    metric: Metric
    window: Window
    zone: ZoneInfo
    current: Columns
    previous: Columns
    arrivals: Arrivals | None = None
    history: HourSummaries | None = None
    absence: Absence | None = None
    application: str = ""

    @property
    def id(self) -> str:
        """The metric's id, as in `period["cpu"]`."""
        return self.metric.id

    @property
    def label(self) -> str:
        """The metric's name in the readers' language."""
        return _(self.metric.label)

    def _repr_html_(self) -> str:
        return _html_table(self.window, (self,))

    def __repr__(self) -> str:
        return f"<{self.metric.id}: {len(self.current)} samples, {len(self.previous)} before, {_ends(self.window)}>"

    @cached_property
    def cadence(self) -> Cadence:
        """The cadence of the interval's samples; where they are too few, of earlier ones."""
        return self._cadence(self.window.current, self.current, self.previous)

    @cached_property
    def previous_cadence(self) -> Cadence:
        """The cadence of the previous interval's samples; where they are too few, of the interval's."""
        return self._cadence(self.window.previous, self.previous, self.current)

    @property
    def expected(self) -> int:
        """The number of samples that the interval should have by its cadence; 0 where that is unknown."""
        return self.cadence.expected

    def _cadence(self, interval: Interval, own: Columns, other: Columns) -> Cadence:
        assert interval.end_utc is not None  # noqa: S101 - a window's intervals have ends
        ends = to_epoch_ms(interval.start_utc), to_epoch_ms(interval.end_utc)
        return cadence.learn(own.time_ms, *ends) or cadence.steady(self._step_elsewhere_ms(own, other), *ends)

    def _step_elsewhere_ms(self, own: Columns, other: Columns) -> float:
        """The usual distance, learned from more than the interval's own samples; 0 where it is unknown."""
        others = cadence.distances_ms(other.time_ms)
        near = self.history.step_ms[-_NEAR_HOURS:].tolist() if self.history else []
        longest_ms = HOUR_MS * self.window.hours / _LEAST_FITTING
        few = cadence.distances_ms(np.concatenate([own.time_ms, other.time_ms]), longest_ms)
        candidates_ms = (
            float(np.median(others)) if len(others) >= cadence.LEAST_DISTANCES else 0.0,
            float(np.median([step_ms for step_ms in near if step_ms] or [0])),
            few.min() if len(few) else 0.0,
        )
        return float(next((step_ms for step_ms in candidates_ms if step_ms > 0), 0.0))

    def frame(self, index: str | None = None) -> pd.DataFrame:
        """The interval as pandas, a row a sample, oldest first: `time` (aware, readers' zone), `reading` (metric's
        unit; NaN where there is none), `criticity` (a category). `index` is the column that becomes the index.
        """
        return _indexed(self.current.to_frame(self.zone), index)

    def previous_frame(self, index: str | None = None) -> pd.DataFrame:
        """The previous interval, as `frame`."""
        return _indexed(self.previous.to_frame(self.zone), index)


@dataclass(frozen=True, repr=False)
class Period:
    """Every metric over one window.

    Attributes:
        metrics: one entry for each metric of the registry, in its order.
        sample_until_utc: the end of the demo data that the interval or the previous one reaches into; None where every
            sample is real.
        application: whose samples they are; the empty text is the default application.
    """

    window: Window
    zone: ZoneInfo
    metrics: tuple[MetricPeriod, ...]
    sample_until_utc: datetime | None
    application: str = ""

    def __repr__(self) -> str:
        counts = ", ".join(f"{part.metric.id} {len(part.current)}" for part in self.metrics)
        return f"<Period {_ends(self.window)}; samples: {counts}>"

    def _repr_html_(self) -> str:
        return _html_table(self.window, self.metrics)

    def __getitem__(self, metric_id: str) -> MetricPeriod:
        """One metric's part, by id. Raises KeyError, which names the ids there are."""
        for part in self.metrics:
            if part.metric.id == metric_id:
                return part
        raise KeyError(f"no metric {metric_id!r}; there are {', '.join(self._ipython_key_completions_())}")

    def _ipython_key_completions_(self) -> list[str]:
        """The ids that Jupyter offers after `period["`."""
        return [part.metric.id for part in self.metrics]

    def frame(self) -> pd.DataFrame:
        """The interval as pandas: readings, a column a metric id, by `time` (aware, readers' zone), oldest first.

        NaN where a metric has no finite reading at an instant that others have. Of samples at one instant the last
        counts.
        """
        return _wide({part.id: part.frame("time")["reading"] for part in self.metrics})

    def previous_frame(self) -> pd.DataFrame:
        """The previous interval, as `frame`."""
        return _wide({part.id: part.previous_frame("time")["reading"] for part in self.metrics})

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over every sample of both intervals: the same samples have the same digest."""
        parts = ((part.metric.id, each) for part in self.metrics for each in (part.current, part.previous))
        return columns_digest(parts)

    @property
    def expected(self) -> int:
        """The number of samples that all metrics together should have."""
        return sum(part.expected for part in self.metrics)

    @property
    def received(self) -> int:
        """The number of samples in the interval, all metrics together."""
        return sum(len(part.current) for part in self.metrics)


def _ends(window: Window) -> str:
    return f"{to_iso_text(window.start_utc)} to {to_iso_text(window.end_utc)}"


def _indexed(frame: pd.DataFrame, index: str | None) -> pd.DataFrame:
    return frame if index is None else frame.set_index(index)


def _wide(readings: Mapping[str, pd.Series[float]]) -> pd.DataFrame:
    import pandas as pd

    once = {name: own[~own.index.duplicated(keep="last")] for name, own in readings.items()}
    return pd.concat(once, axis=1, sort=True)


def _html_table(window: Window, parts: Iterable[MetricPeriod]) -> str:
    """A period as authors see it at the end of a cell: a row a metric."""
    import pandas as pd

    rows = [(p.id, p.label, p.metric.unit, len(p.current), p.expected, len(p.previous)) for p in parts]
    table = pd.DataFrame(rows, columns=["id", "label", "unit", "samples", "expected", "previous"])
    return f'<div class="{REPR_CLASS}"><p>{_ends(window)}</p>{table.to_html(index=False)}</div>'
