"""Hour summaries kept in MongoDB: made when first needed, checked against the samples' count when used.

A metric's collection is only read. What an hour comes to is kept in `hour_summaries`, whoever made it; several
processes may make the same hour at a time, and the last one to write it has it. Where nothing can be written (a user
who may only read) the summaries are made in memory, as many as there is time for.

How changes of the samples are noticed, at each use:

* **Late and deleted samples of the last day** (`RECENT_HOURS`) are noticed at once: their count in the index is
  compared, and hours that differ are made anew. 17,280 keys at 5 s: some 8 ms of MongoDB's time.
* **Older ones** within half an hour where a server runs: a pass of it (`hour_keeper`) compares all of them. Else within
  as many uses as there are days: a day that was not compared for an hour is, the one for which that is longest ago.
* **Corrected ones**, which no count tells, within a day where a server runs: an hour made over a day ago is made anew,
  one at each use, in a pass as many as let all have their turn.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pycemaker.cache.hour_collection import DEFAULT_APPLICATION, HourCollection, interval_of, naive_now, whole_hours
from pycemaker.cache.store import Store
from pycemaker.cache.summary_documents import Document, from_documents, hour_of, to_documents, version_of
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, summarize
from pycemaker.window import Interval

COLLECTION = "hour_summaries"

RECENT_HOURS = 24
RUN_HOURS = 24
"""Hours that are read or counted together: 17,280 samples at 5 s, 86,400 at 1 s."""

_A_DAY = timedelta(days=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RefreshBudget:
    """How much is done for one metric at a use.

    Attributes:
        seconds: after which nothing more is begun; what is not made or compared by then is left for later uses.
        days_compared: how many days are compared beside the last one.
        hours_renewed: how many hours made over a day ago are made anew.
        rest_seconds: a day beside the last one that was compared so lately is not compared again.
    """

    seconds: float
    days_compared: int = 1
    hours_recomputed: int = 1
    recheck_seconds: float = 3600.0


REPORT_BUDGET = RefreshBudget(seconds=1.0)


class SummaryStore:
    """The hour summaries of one database. Threads share it.

    Args:
        store: where the samples are.
        application: whose samples.
        clock: seconds, as `time.monotonic` counts them.
    """

    def __init__(
        self, store: Store, application: str = DEFAULT_APPLICATION, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._collection = HourCollection(store.database, COLLECTION, "checked_at", application)
        self._clock = clock

    def read(self, metric: Metric, interval: Interval, budget: RefreshBudget = REPORT_BUDGET) -> HourSummaries:
        """The summaries of the whole hours within an interval that has an end, oldest first.

        What is missing is made, newest first. Where the effort does not go that far back the older hours have no row
        yet; where it does not reach all that would be compared, they are as they were.

        Raises:
            DatabaseUnreachable: MongoDB is away, and nothing is known.
        """
        hours, until = whole_hours(interval), self._clock() + budget.seconds
        kept = self._kept(metric, hours)
        try:
            changed = self._compare(metric, kept, budget, until)
            self._make_missing(metric, hours, kept, until)
            self._make_anew(metric, kept, changed, until)
        except DatabaseUnreachable as error:
            if not kept:
                raise
            _log.warning("hour summaries of %s not brought up to date: %s", metric.id, error.facts.get("reason"))
        return from_documents(kept, metric.unit)

    def _kept(self, metric: Metric, hours: range) -> dict[int, Document]:
        version, documents = version_of(metric.unit), self._collection.find(metric, hours)
        return {hour_of(document): document for document in documents if document["version"] == version}

    # Comparing.

    def _compare(
        self, metric: Metric, kept: dict[int, Document], budget: RefreshBudget, until: float
    ) -> dict[int, int]:
        """Hours to be made anew, and how many documents each has by the index."""
        if not kept:
            return {}
        newest = max(kept)
        recent = range(newest + 1 - RECENT_HOURS, newest + 1)
        changed = self._differing(metric, kept, recent)
        older = [hour for hour in kept if hour < recent.start]
        for day in _least_recent(kept, older, budget):
            if self._clock() >= until:
                break
            changed |= self._differing(metric, kept, day)
            self._collection.note(metric, day, {"checked_at": naive_now()})
        return changed | self._aged(metric, kept, budget.hours_recomputed)

    def _differing(self, metric: Metric, kept: dict[int, Document], hours: range) -> dict[int, int]:
        """Those whose documents are more or fewer than they were, found by halves."""
        known = [hour for hour in hours if hour in kept]
        if not known:
            return {}
        span = range(known[0], known[-1] + 1)
        counted = self._store.count(metric, interval_of(span))
        if counted == sum(kept[hour]["documents"] for hour in known):
            return {}
        if len(span) == 1:
            return {span.start: counted}
        middle = span.start + len(span) // 2
        halves = range(span.start, middle), range(middle, span.stop)
        return self._differing(metric, kept, halves[0]) | self._differing(metric, kept, halves[1])

    def _aged(self, metric: Metric, kept: dict[int, Document], count: int) -> dict[int, int]:
        """Those made longest ago, over a day ago."""
        before = naive_now() - _A_DAY
        oldest = sorted((document["made_at"], hour) for hour, document in kept.items() if document["made_at"] < before)
        return {hour: self._store.count(metric, interval_of(range(hour, hour + 1))) for _, hour in oldest[:count]}

    # Making.

    def _make_missing(self, metric: Metric, hours: range, kept: dict[int, Document], until: float) -> None:
        """Make what is missing, newest first; where there is no sample it is passed over."""
        stop = hours.stop
        while self._clock() < until:
            stop = next((hour + 1 for hour in range(stop - 1, hours.start - 1, -1) if hour not in kept), hours.start)
            newest_ms = self._store.newest_ms(metric, stop * HOUR_MS + 1) if stop > hours.start else None
            if newest_ms is None or newest_ms <= hours.start * HOUR_MS:
                return
            newest = (newest_ms - 1) // HOUR_MS
            if newest in kept:
                stop = newest
                continue
            start = max(hours.start, newest + 1 - RUN_HOURS)
            start = next((hour + 1 for hour in range(newest, start - 1, -1) if hour in kept), start)
            self._make(metric, range(start, newest + 1), kept)
            stop = start

    def _make_anew(self, metric: Metric, kept: dict[int, Document], changed: dict[int, int], until: float) -> None:
        for hour in sorted(changed, reverse=True):
            if self._clock() >= until:
                return
            kept.pop(hour)
            self._make(metric, range(hour, hour + 1), kept, changed[hour])

    def _make(self, metric: Metric, hours: range, kept: dict[int, Document], counted: int | None = None) -> None:
        """Make these hours; `counted`: how many documents the one hour has by the index."""
        columns = self._store.read_columns(metric, interval_of(hours))
        summaries = summarize(columns, metric.unit)
        documents = to_documents(summaries, self._collection.application, metric.id, naive_now())
        if counted is not None:
            documents = [document | {"documents": counted} for document in documents]
        kept.update((hour_of(document), document) for document in documents)
        self._collection.write(documents)
        if not documents:
            self._collection.remove(metric, hours)


def _least_recent(kept: dict[int, Document], hours: Iterable[int], budget: RefreshBudget) -> list[range]:
    """Days of 24 hours of UTC to be compared, those for which that is longest ago first."""
    compared: dict[int, datetime] = {}
    for hour in hours:
        day, at = hour // 24, kept[hour]["checked_at"]
        compared[day] = min(at, compared.get(day, at))
    before = naive_now() - timedelta(seconds=budget.recheck_seconds)
    days = sorted((at, day) for day, at in compared.items() if at <= before)
    return [range(day * 24, day * 24 + 24) for _, day in days[: budget.days_compared]]
