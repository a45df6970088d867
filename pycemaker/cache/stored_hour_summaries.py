"""Hour summaries in MongoDB: computed when first needed, compared with the samples' count at each use.

A metric's collection is only read; summaries are in `hour_summaries`. Several processes may compute the same hour at
the same time, and the last write stays. Where the collection cannot be written (a user who may only read) summaries are
computed in memory, as many as the budget allows.

Changes of samples are noticed at each use:

* **Late and deleted samples of the last day** (`RECENT_HOURS`) at once: their count in the index is compared, and hours
  that differ are computed again. For 17,280 keys at 5 s MongoDB takes some 8 ms.
* **Older ones** within half an hour where a server runs, since each of its passes (`hour_refresher`) compares all
  days. Else within as many uses as there are days: a use compares the day that was compared longest ago, over an hour
  ago.
* **Corrected samples**, which leave the count as it is, within a day where a server runs. Hours computed over a day ago
  are computed again: one at each use, and in each pass enough to get through all of them within a day.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pycemaker.cache.hour_summary_documents import Document, from_documents, hour_of, is_whole, to_documents
from pycemaker.cache.sample_store import Store
from pycemaker.cache.stored_hours import HourCollection, interval_of, naive_now, whole_hours
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, summarize
from pycemaker.window import Interval

COLLECTION = "hour_summaries"

RECENT_HOURS = 24
RUN_HOURS = 24  # Hours that are read together: 17,280 samples at 5 s, 86,400 at 1 s
_A_DAY = timedelta(days=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RefreshBudget:
    """Bounds of the work on one metric at a use.

    Attributes:
        seconds: the time after which nothing more is begun; the rest is left for later uses.
        hours_recomputed: the number of hours, computed over a day ago, that are computed again.
        recheck_seconds: the age from which a day's comparison is repeated; the last day is always compared.
    """

    seconds: float
    days_compared: int = 1
    hours_recomputed: int = 1
    recheck_seconds: float = 3600.0


REPORT_BUDGET = RefreshBudget(seconds=1.0)


class SummaryStore:
    """The hour summaries of one database. Threads share it."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._collection = HourCollection(store.database, COLLECTION, "checked_at", store.application)
        self._clock = clock

    def read(self, metric: Metric, interval: Interval, budget: RefreshBudget = REPORT_BUDGET) -> HourSummaries:
        """The summaries of the whole hours within an interval that has an end, oldest first.

        Missing hours are computed, newest first. Where the budget ends before the oldest ones, these have no row yet;
        where it ends before all comparisons, the rest are as they were.

        Raises:
            DatabaseUnreachable: MongoDB is away, and no summary has been read.
        """
        hours, until = whole_hours(interval), self._clock() + budget.seconds
        documents = self._find(metric, hours)
        try:
            changed = self._compare(metric, documents, budget, until)
            self._add_missing(metric, hours, documents, until)
            self._recompute(metric, documents, changed, until)
        except DatabaseUnreachable as error:
            if not documents:
                raise
            _log.warning("hour summaries of %s not brought up to date: %s", metric.id, error.facts.get("reason"))
        return from_documents(documents, metric.unit)

    def _find(self, metric: Metric, hours: range) -> dict[int, Document]:
        documents = self._collection.find(metric, hours)
        return {hour_of(document): document for document in documents if is_whole(document, metric.unit)}

    # Comparing.

    def _compare(
        self, metric: Metric, documents: dict[int, Document], budget: RefreshBudget, until: float
    ) -> dict[int, int]:
        """The hours to compute again, each with its count by the index."""
        if not documents:
            return {}
        newest = max(documents)
        recent = range(newest + 1 - RECENT_HOURS, newest + 1)
        changed = self._differing(metric, documents, recent)
        older = [hour for hour in documents if hour < recent.start]
        for day in _least_recent(documents, older, budget):
            if self._clock() >= until:
                break
            changed |= self._differing(metric, documents, day)
            self._collection.set_fields(metric, day, {"checked_at": naive_now()})
        return changed | self._aged(metric, documents, budget.hours_recomputed)

    def _differing(self, metric: Metric, documents: dict[int, Document], hours: range) -> dict[int, int]:
        """The hours whose count by the index differs from their document's, found by halving."""
        known = [hour for hour in hours if hour in documents]
        if not known:
            return {}
        span = range(known[0], known[-1] + 1)
        counted = self._store.count(metric, interval_of(span))
        if counted == sum(documents[hour]["documents"] for hour in known):
            return {}
        if len(span) == 1:
            return {span.start: counted}
        middle = span.start + len(span) // 2
        halves = range(span.start, middle), range(middle, span.stop)
        return self._differing(metric, documents, halves[0]) | self._differing(metric, documents, halves[1])

    def _aged(self, metric: Metric, documents: dict[int, Document], count: int) -> dict[int, int]:
        """The hours that were computed longest ago, over a day ago, each with its count by the index."""
        before = naive_now() - _A_DAY
        oldest = sorted((each["made_at"], hour) for hour, each in documents.items() if each["made_at"] < before)
        return {hour: self._store.count(metric, interval_of(range(hour, hour + 1))) for _, hour in oldest[:count]}

    # Computing.

    def _add_missing(self, metric: Metric, hours: range, documents: dict[int, Document], until: float) -> None:
        """Compute the hours without a document, newest first, and skip stretches without a sample."""
        stop = hours.stop
        while self._clock() < until:
            stop = next((hour + 1 for hour in reversed(range(hours.start, stop)) if hour not in documents), hours.start)
            newest_ms = self._store.reader.newest_ms(metric, stop * HOUR_MS + 1) if stop > hours.start else None
            if newest_ms is None or newest_ms <= hours.start * HOUR_MS:
                return
            newest = (newest_ms - 1) // HOUR_MS
            if newest in documents:
                stop = newest
                continue
            start = max(hours.start, newest + 1 - RUN_HOURS)
            start = next((hour + 1 for hour in reversed(range(start, newest + 1)) if hour in documents), start)
            self._compute(metric, range(start, newest + 1), documents)
            stop = start

    def _recompute(self, metric: Metric, documents: dict[int, Document], changed: dict[int, int], until: float) -> None:
        for hour in sorted(changed, reverse=True):
            if self._clock() >= until:
                return
            documents.pop(hour)
            self._compute(metric, range(hour, hour + 1), documents, changed[hour])

    def _compute(
        self, metric: Metric, hours: range, documents: dict[int, Document], counted: int | None = None
    ) -> None:
        """Compute and store these hours; `counted` is the count by the index where it is one hour."""
        columns = self._store.read_columns(metric, interval_of(hours))
        summaries = summarize(columns, metric.unit)
        computed = to_documents(summaries, self._collection.application, metric.id, naive_now())
        if counted is not None:
            computed = [document | {"documents": counted} for document in computed]
        documents.update((hour_of(document), document) for document in computed)
        self._collection.write(computed)
        if not computed:
            self._collection.delete(metric, hours)


def _least_recent(documents: dict[int, Document], hours: Iterable[int], budget: RefreshBudget) -> list[range]:
    """The UTC days that were compared longest ago, as hours, up to `days_compared`."""
    compared: dict[int, datetime] = {}
    for hour in hours:
        day, checked_at = hour // 24, documents[hour]["checked_at"]
        compared[day] = min(checked_at, compared.get(day, checked_at))
    before = naive_now() - timedelta(seconds=budget.recheck_seconds)
    days = sorted((checked_at, day) for day, checked_at in compared.items() if checked_at <= before)
    return [range(day * 24, day * 24 + 24) for _, day in days[: budget.days_compared]]
