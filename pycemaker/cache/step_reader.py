"""Reader of steps: up to a week out of the samples, in memory where they are; longer ones out of hour summaries."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pycemaker.cache.sample_store import SampleRead, Store
from pycemaker.cache.stored_hour_summaries import RefreshBudget, SummaryStore
from pycemaker.cache.stored_hours import interval_of, whole_hours
from pycemaker.metrics import Metric
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.steps import Steps, steps_of_hours, steps_of_parts
from pycemaker.window import Interval, from_epoch_ms

SAMPLES_SECONDS = 7 * 86_400
"""The longest stretch whose steps are made of samples where they could be made of hour summaries."""

_HOUR = timedelta(hours=1)
BUDGET = RefreshBudget(seconds=3.0)
"""What a request spends on hours that are not stored yet; the rest are read as samples."""


class StepReader:
    """Reads steps of one database. Threads share it. `store`: the database's samples."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._summaries = SummaryStore(store)

    def reads_hours(self, interval: Interval, every_seconds: int, now_utc: datetime) -> bool:
        """True where steps are made of hour summaries: steps of whole hours over more than SAMPLES_SECONDS."""
        seconds = ((interval.end_utc or now_utc) - interval.start_utc).total_seconds()
        return every_seconds * 1000 % HOUR_MS == 0 and seconds > SAMPLES_SECONDS

    def of_samples(self, metric: Metric, interval: Interval, reading: SampleRead, every_seconds: int) -> Steps:
        """The steps of a read that has begun. Raises DatabaseUnreachable: MongoDB is away."""
        parts: Iterable[Columns] = (batch.columns for batch in reading.batches)
        if not reading.fits_cache:  # a document's columns are read in half the time of its text
            parts = self._store.columns_by_page(metric, interval)
        return steps_of_parts(parts, every_seconds * 1000)

    def of_hours(self, metric: Metric, interval: Interval, every_seconds: int, now_utc: datetime) -> Steps:
        """The steps of stored hours, and of the samples before, after and between them.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        hours = whole_hours(Interval(interval.start_utc, interval.end_utc or now_utc))
        known = self._summaries.read(metric, interval_of(hours), BUDGET)
        rest = (self._store.read_columns(metric, each) for each in _between(interval, known.hour_ms.tolist()))
        return steps_of_hours([known, *(summarize(each, metric.unit) for each in rest)], every_seconds * 1000)


def _between(interval: Interval, hours_ms: Iterable[int]) -> Iterator[Interval]:
    """The parts of an interval outside these hours: its two ends, empty hours, and hours that are not stored yet."""
    start_utc = interval.start_utc
    for hour_utc in map(from_epoch_ms, hours_ms):
        if hour_utc > start_utc:
            yield Interval(start_utc, hour_utc)
        start_utc = hour_utc + _HOUR
    yield Interval(start_utc, interval.end_utc)
