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
from pycemaker.alerts.minute_medians import Samples, mean_points, medians, rates
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import Observation, is_late
from pycemaker.analysis.health import BORDERS, MINUTE_MS, hour_scores
from pycemaker.cache.newest_by_application import read_newest
from pycemaker.cache.sample_store import Store
from pycemaker.errors import UnknownApplication
from pycemaker.metrics import METRICS, Metric, find_metric
from pycemaker.mongo.recent_samples import read_recent
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, is_application
from pycemaker.series import cadence
from pycemaker.series.robust import Floats
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

_LEARNED_HOURS = 6
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
    """What is known of one metric: of each application its newest sample and the usual distance, in milliseconds."""

    last_ms: Floats = field(default_factory=lambda: np.empty(0))
    step_ms: Floats = field(default_factory=lambda: np.empty(0))
    medians: Floats = field(default_factory=lambda: np.empty(0))
    points: Floats = field(default_factory=lambda: np.empty(0))

    def grow(self, count: int) -> None:
        """Make room for so many applications; nothing is known of the new ones."""
        missing = np.full(count - len(self.last_ms), np.nan)
        self.last_ms, self.step_ms = np.concatenate([self.last_ms, missing]), np.concatenate([self.step_ms, missing])


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
            series = np.array([self._numbers.get(name, -1) for name in applications], np.intp)
            order = np.lexsort((time_ms, series))[np.count_nonzero(series < 0) :]
            self._note(metric, Samples(series[order], time_ms[order], reading[order]))
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

    def _note(self, metric: Metric, samples: Samples) -> None:
        """Take the medians of a minute's samples, their points of health, and what they tell of the cadence."""
        series, count = self._series[metric.id], len(self._numbers)
        in_rates = rates(metric, samples, series.last_ms)
        series.medians = medians(in_rates.series, in_rates.reading, count)
        if metric.id in BORDERS:
            series.points = mean_points(metric.id, in_rates.series, in_rates.reading, count)
        last_ms = series.last_ms.copy()
        np.fmax.at(last_ms, samples.series, samples.time_ms.astype(np.float64))
        sizes = np.bincount(samples.series, minlength=count)
        step_ms = np.where(last_ms > series.last_ms, last_ms - series.last_ms, np.nan) / np.where(sizes, sizes, np.nan)
        is_gap = step_ms > cadence.LEAST_GAP_MS + 4 * series.step_ms
        series.step_ms = np.where(np.isfinite(step_ms) & ~is_gap, step_ms, series.step_ms)
        series.last_ms = last_ms

    def _is_silent(self, application: str, number: int, metric_id: str, seconds: float) -> bool:
        series = self._series[metric_id]
        last_ms = series.last_ms[number]
        if math.isnan(last_ms) or not is_late(seconds, self._at_ms, max(int(last_ms), self.watched_from_ms), 0.0):
            return False
        if math.isnan(series.step_ms[number]) and time.monotonic() < self._learn_until:
            series.step_ms[number] = self._learn(application, metric_id, int(last_ms))
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
