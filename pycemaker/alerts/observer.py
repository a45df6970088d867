"""Observer: what the rules of every application see of a minute, by one query a metric.

It remembers each metric's newest sample and the usual distance of its samples. Where it has not seen the minute before,
it reads the newest ones anew. A metric without a known distance never counts as silent.
"""

import binascii
import logging
import math
import time
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from pycemaker.alerts.default_rules import SILENT_SECONDS
from pycemaker.alerts.minute_medians import Indexes, mean_points
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import Observation, is_late
from pycemaker.analysis.health import BORDERS, MINUTE_MS, hour_scores
from pycemaker.analysis.rates import per_second
from pycemaker.cache.newest_by_application import read_newest
from pycemaker.cache.sample_store import Store
from pycemaker.errors import UnknownApplication
from pycemaker.metrics import METRICS, Metric, find_metric
from pycemaker.mongo.recent_samples import read_recent
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, is_application
from pycemaker.series import cadence
from pycemaker.series.cadence import Times
from pycemaker.series.robust import Floats, block_medians
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

_LEARNED_HOURS = 6
_DISTANCES = 8  # Three lost samples change no usual distance; a new one, of a minute, does within a rule's five minutes
LEARN_SECONDS = 5.0
"""Time of each minute for reading usual distances, 10 ms each; the others follow in the next minutes."""

FORECAST_SECONDS = 15.0
"""Time of each minute for forecasts, 50 ms each, 300 ms the first one of a metric; those beyond wait for an hour."""

_HOUR_MINUTES = 60

MOST_APPLICATIONS = 10_000
"""Applications that are watched; those that come after them are not."""

_log = logging.getLogger(__name__)


@dataclass
class _Series:
    """One metric, a row an application: its newest sample, the usual distance of its samples and the last distances.

    In milliseconds; NaN where it is not known. A usual distance is infinite where the samples tell none.
    """

    last_ms: Floats = field(default_factory=lambda: np.empty(0))
    step_ms: Floats = field(default_factory=lambda: np.empty(0))
    distances_ms: Floats = field(default_factory=lambda: np.empty((0, _DISTANCES)))
    medians: Floats = field(default_factory=lambda: np.empty(0))
    points: Floats = field(default_factory=lambda: np.empty(0))

    def grow(self, count: int) -> None:
        """Make room for so many applications; nothing is known of the new ones."""
        missing = np.full((count - len(self.last_ms), _DISTANCES), np.nan)
        self.last_ms, self.step_ms = (np.concatenate([own, missing[:, 0]]) for own in (self.last_ms, self.step_ms))
        self.distances_ms = np.concatenate([self.distances_ms, missing])

    def note(self, row: Indexes, time_ms: Times) -> None:
        """Learn from a minute's samples, in the order of applications and then of time."""
        since = np.diff(time_ms, prepend=0).astype(np.float64)
        is_first = np.diff(row, prepend=-1) > 0
        since[is_first] = time_ms[is_first] - self.last_ms[row[is_first]]
        self._remember(row[since > 0], since[since > 0])
        usual = cadence.usual_distances(self.distances_ms)
        self.step_ms = np.where(np.isfinite(usual), usual, self.step_ms)
        np.fmax.at(self.last_ms, row, time_ms.astype(np.float64))

    def _remember(self, row: Indexes, distances_ms: Floats) -> None:
        count = len(self.last_ms)
        to_end = np.cumsum(np.bincount(row, minlength=count))[row] - np.arange(len(row))
        row, distances_ms = row[to_end <= _DISTANCES], distances_ms[to_end <= _DISTANCES]
        sizes = np.bincount(row, minlength=count)
        longer = np.concatenate([self.distances_ms, np.full_like(self.distances_ms, np.nan)], axis=1)
        longer[row, _DISTANCES + np.arange(len(row)) - (np.cumsum(sizes) - sizes)[row]] = distances_ms
        self.distances_ms = np.take_along_axis(longer, np.arange(_DISTANCES) + sizes[:, None], axis=1)


class Observer:
    """Observes minutes. One thread uses it.

    Args:
        store: the samples.
        forecasts: makes the forecasts of rules of FORECAST, each once an hour.
    """

    def __init__(self, store: Store, forecasts: ForecastReader) -> None:
        self._store, self._forecasts = store, forecasts
        self._numbers: dict[str, int] = {}
        self._series = {metric.id: _Series() for metric in METRICS}
        self._scores = np.empty(0)
        self._at_ms = 0
        self.watched_from_ms = 0
        """The instant from which silence counts: nobody watched before, and what collects may have stopped too."""
        self._learn_until = self._forecast_seconds = 0.0

    @property
    def applications(self) -> list[str]:
        """Those that have samples, as far as is known."""
        return list(self._numbers)

    def observe(self, at_ms: int) -> None:
        """Read the minute that ends at this instant.

        Raises:
            DatabaseUnreachable, IndexesNotReady: as the store.
        """
        if self._at_ms != at_ms - MINUTE_MS:
            self._read_newest(at_ms)
        recent = {metric: read_recent(self._store.database, metric, at_ms - MINUTE_MS, at_ms) for metric in METRICS}
        for applications, *_samples in recent.values():
            self._number_all(applications)
        for metric, (applications, time_ms, reading) in recent.items():
            row = np.array([self._numbers.get(name, -1) for name in applications], np.int64)
            order = np.lexsort((time_ms, row))[np.count_nonzero(row < 0) :]
            self._note(metric, row[order], time_ms[order], reading[order])
        self._scores = hour_scores({name: self._series[name].points for name in BORDERS})
        self._at_ms = at_ms
        self._learn_until, self._forecast_seconds = time.monotonic() + LEARN_SECONDS, 0.0

    def seen_by(self, application: str, rule: Rule) -> Observation:
        """What a rule sees of the minute that was read last.

        Raises:
            DatabaseUnreachable: a usual distance, or the history of a forecast, cannot be read.
        """
        number = self._numbers.get(application)
        if number is None:
            return Observation(self._at_ms)
        if rule.kind == HEALTH:
            silent = any(self._is_silent(application, number, name, SILENT_SECONDS) for name in BORDERS)
            return Observation(self._at_ms, float(self._scores[number]), silent)
        series = self._series[rule.metric]
        last_ms = None if math.isnan(series.last_ms[number]) else int(series.last_ms[number])
        seconds = rule.for_seconds if rule.kind == NO_DATA else SILENT_SECONDS
        is_silent = self._is_silent(application, number, rule.metric, seconds)
        if rule.kind == FORECAST:
            return Observation(self._at_ms, self._hours_left(application, rule), is_silent)
        return Observation(self._at_ms, float(series.medians[number]), is_silent, last_ms)

    def _number_all(self, applications: list[str]) -> None:
        """Number the applications that are new; a name that no route could have is none."""
        for name in dict.fromkeys(applications):
            if name in self._numbers or not (name == DEFAULT_APPLICATION or is_application(name)):
                continue
            if len(self._numbers) == MOST_APPLICATIONS:
                _log.warning("there are more than %d applications: alerts watch the first ones", MOST_APPLICATIONS)
                break
            self._numbers[name] = len(self._numbers)
        for series in self._series.values():
            series.grow(len(self._numbers))

    def _read_newest(self, at_ms: int) -> None:
        """Read the newest samples until an instant: one that is dated ahead must not hide a silence."""
        newest = read_newest(self._store)
        self._number_all(list(newest))
        for application, samples in newest.items():
            for metric_id, sample in samples.items():
                if application in self._numbers:
                    last_ms = to_epoch_ms(sample.time_utc)
                    if last_ms > at_ms:
                        reader = self._store.for_application(application).reader
                        last_ms = reader.newest_ms(find_metric(metric_id), at_ms + 1) or 0
                    self._series[metric_id].last_ms[self._numbers[application]] = last_ms or math.nan

    def _note(self, metric: Metric, row: Indexes, time_ms: Times, reading: Floats) -> None:
        """Take a minute's samples, in the order of applications and then of time."""
        series, count = self._series[metric.id], len(self._numbers)
        series.note(row, time_ms)
        amounts = per_second(metric, reading, series.step_ms[row])
        row, amounts = row[np.isfinite(amounts)], amounts[np.isfinite(amounts)]
        series.medians = block_medians(row, amounts, count, 1)
        if metric.id in BORDERS:
            series.points = mean_points(metric.id, row, amounts, count)

    def _is_silent(self, application: str, number: int, metric_id: str, seconds: float) -> bool:
        series = self._series[metric_id]
        last_ms = series.last_ms[number]
        if math.isnan(last_ms) or not is_late(seconds, self._at_ms, max(int(last_ms), self.watched_from_ms), 0.0):
            return False
        if math.isnan(series.step_ms[number]) and time.monotonic() < self._learn_until:
            series.step_ms[number] = self._learn(application, metric_id, int(last_ms))
            if math.isfinite(series.step_ms[number]):  # the end of the silence is one distance among several
                series.distances_ms[number] = series.step_ms[number]
        step_ms = series.step_ms[number]
        return bool(np.isfinite(step_ms)) and is_late(seconds, self._at_ms, int(last_ms), step_ms)

    def _learn(self, application: str, metric_id: str, last_ms: int) -> float:
        """The usual distance of a metric's last samples; infinite where they tell none, or are gone."""
        interval = Interval(from_epoch_ms(last_ms) - timedelta(hours=_LEARNED_HOURS), from_epoch_ms(last_ms))
        try:
            columns = self._store.for_application(application).read_columns(find_metric(metric_id), interval)
        except UnknownApplication:
            return math.inf
        learned = cadence.learn(columns.time_ms, to_epoch_ms(interval.start_utc), last_ms)
        return learned.step_ms if learned else math.inf

    def _hours_left(self, application: str, rule: Rule) -> float:
        """The hours until the late edge of the forecast is at the limit, infinite where it does not get there.

        NaN outside of the application's own minute of each hour, where that has no time left, and where the history is
        too short.
        """
        minute = self._at_ms // MINUTE_MS
        is_due = minute % _HOUR_MINUTES == binascii.crc32(application.encode()) % _HOUR_MINUTES
        if not is_due or self._forecast_seconds >= FORECAST_SECONDS:
            return math.nan
        try:
            store = self._store.for_application(application)
        except UnknownApplication:
            return math.nan
        at, within = from_epoch_ms(self._at_ms), rule.within_hours or 1
        began = time.monotonic()
        try:
            return self._forecasts.hours_until(store, find_metric(rule.metric), at, within, rule.enter or 0.0)
        finally:
            self._forecast_seconds += time.monotonic() - began
