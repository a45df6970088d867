"""Reader of one application's samples in equal steps: their means, and the health of each minute.

The last hours are read at each call, out of the memory where samples are there. Earlier steps are kept for ten minutes,
so late and corrected samples of theirs count after that.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
from cachetools import TTLCache

from pycemaker.analysis.health import BORDERS, MINUTE_MS, Health, health, sample_points
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hour_samples import HourSamples
from pycemaker.metrics import Metric, find_metric
from pycemaker.series import cadence
from pycemaker.series.batches import Columns, join_columns
from pycemaker.series.cadence import Cadence, Times
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.robust import Floats
from pycemaker.series.step_means import step_means
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

Amounts = Callable[[Metric, Columns, Cadence], tuple[Times, Floats]]
"""Gives samples' times and finite amounts."""

KEPT_SECONDS = 600.0
_KEPT = 128
"""Runs of steps, of all applications together; one of a month's minutes has 0.7 MB."""

_FRESH_HOURS, _LEAD_HOURS = 2, 1


class SampleMeans:
    """Reads means of steps, and health. Threads share it."""

    def __init__(self) -> None:
        self._kept: TTLCache[tuple[object, ...], Floats] = TTLCache(_KEPT, KEPT_SECONDS)
        self._lock = threading.Lock()

    def health(self, store: Store, end_utc: datetime, minutes: int) -> Health:
        """The health of so many minutes, the last of which ends at `end_utc`.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        end_ms = to_epoch_ms(end_utc)
        whole = minutes if minutes <= 60 else -(-minutes // 60) * 60 + end_ms % HOUR_MS // MINUTE_MS
        ends_ms = end_ms - MINUTE_MS * np.arange(whole - 1, -1, -1, dtype=np.int64)  # the same ones all hour long
        points = {name: self.means(store, find_metric(name), ends_ms, sample_points) for name in BORDERS}
        return health({name: each[:, -minutes:] for name, each in points.items()}, ends_ms[-minutes:])

    def means(self, store: Store, metric: Metric, ends_ms: Times, amounts: Amounts) -> Floats:
        """The means of a metric's amounts in the steps that end at these instants, as `step_means`.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        fresh_from_ms = (int(ends_ms[-1]) // HOUR_MS - _FRESH_HOURS) * HOUR_MS
        split = int(np.searchsorted(ends_ms, fresh_from_ms, side="right"))
        fresh = _read(store, metric, ends_ms[split:], amounts)
        if not split:
            return fresh
        key = (store.application, metric.id, amounts, split, *ends_ms[:2].tolist())
        with self._lock:
            earlier = self._kept.get(key)
        if earlier is None:
            earlier = _read(store, metric, ends_ms[:split], amounts)
            with self._lock:
                self._kept[key] = earlier
        return np.concatenate([earlier, fresh], axis=-1)


def readings(_metric: Metric, columns: Columns, _cadence: Cadence) -> tuple[Times, Floats]:
    """The finite readings, as amounts."""
    finite = np.isfinite(columns.reading)
    return columns.time_ms[finite], columns.reading[finite]


def read_columns(store: Store, metric: Metric, interval: Interval) -> Columns:
    """The samples of an interval that has an end: out of the memory, or, of a long one, out of the stored hours.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    assert interval.end_utc is not None  # noqa: S101 - steps have an end
    if interval.end_utc - interval.start_utc <= timedelta(hours=_FRESH_HOURS + _LEAD_HOURS + 2):
        return join_columns(batch.columns for batch in store.read(metric, interval))
    return HourSamples(store).read(metric, interval).columns


def _read(store: Store, metric: Metric, ends_ms: Times, amounts: Amounts) -> Floats:
    start_utc = from_epoch_ms(int(ends_ms[0])) - timedelta(hours=_LEAD_HOURS)
    columns = read_columns(store, metric, Interval(start_utc, from_epoch_ms(int(ends_ms[-1]))))
    learned = cadence.learn(columns.time_ms, to_epoch_ms(start_utc), int(ends_ms[-1])) or Cadence(())
    return step_means(*amounts(metric, columns, learned), learned, ends_ms)
