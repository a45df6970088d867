"""The state of one application as the page at `/` shows it: samples out of memory, and forecasts that are ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from pycemaker.analysis.rates import second_rates
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import METRICS, Metric
from pycemaker.monitor.alert_history import Alert, AlertHistory
from pycemaker.monitor.forecast_reader import Forecast
from pycemaker.monitor.sample_means import read_columns
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.robust import Floats
from pycemaker.web.pages.course_chart import STEP_MS, STEPS
from pycemaker.web.polled_answers import whole_minute
from pycemaker.web.services import Services
from pycemaker.window import Interval, from_epoch_ms, to_epoch_ms

SHOWN_SCHEDULES = 3
_HOUR = timedelta(hours=1)
_STEP_MINUTES = STEP_MS // 60_000


@dataclass(frozen=True)
class LastHour:
    """A metric's samples of one hour, and the end of that hour; None where the metric has no sample at all."""

    metric: Metric
    end_utc: datetime | None
    samples: Columns


@dataclass(frozen=True)
class OverviewStatus:
    """The state of an application.

    Attributes:
        now_utc: the end of the last whole step, from which charts look back and ahead.
        hours: each metric's last hour.
        courses: by metric id the means of the steps before now, oldest first; counts a second. NaN where there is none.
        score, worst: the health of the last whole minute, NaN where it is unknown, and the metric that weighs most.
        scores: the health at the end of each step.
        forecasts: by metric id and HEALTH; those that are made.
        alerts: the open ones, the latest first.
        schedules: documents of the next ones; None where not everybody may see them.
    """

    now_utc: datetime
    hours: Sequence[LastHour]
    courses: Mapping[str, Floats]
    score: float
    worst: str
    scores: Floats
    forecasts: Mapping[str, Forecast]
    alerts: Sequence[Alert]
    schedules: Sequence[Mapping[str, Any]] | None


def read_hours(store: Store, now_utc: datetime) -> tuple[LastHour, ...]:
    """Each metric's hour until now or, where that has no sample, until its newest sample.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    return tuple(_last_hour(store, metric, now_utc) for metric in METRICS)


def read_status(services: Services, application: str) -> OverviewStatus:
    """The state of an application now.

    Raises:
        UnknownApplication, DatabaseUnreachable: as `Store.for_application`.
    """
    store, now_utc, means = services.store.for_application(application), services.clock(), services.sample_means
    now_ms = to_epoch_ms(now_utc) // STEP_MS * STEP_MS
    count = STEPS + now_ms % HOUR_MS // STEP_MS  # they begin with an hour, so that the earlier ones stay in memory
    ends_ms = now_ms - STEP_MS * np.arange(count - 1, -1, -1, dtype=np.int64)
    minute = whole_minute(now_utc)
    past_step = (to_epoch_ms(minute) - now_ms) // 60_000
    health = means.health(store, minute, STEPS * _STEP_MINUTES + past_step)
    is_open = services.settings.api_token is None  # as the list at /schedules is
    return OverviewStatus(
        now_utc=from_epoch_ms(now_ms),
        hours=read_hours(store, now_utc),
        courses={each.id: means.means(store, each, ends_ms, second_rates)[-STEPS:] for each in METRICS},
        score=float(health.score[-1]),
        worst=health.worst[-1],
        scores=health.score[: STEPS * _STEP_MINUTES][_STEP_MINUTES - 1 :: _STEP_MINUTES],
        forecasts=services.hourly_forecasts.read(store, now_utc),
        alerts=AlertHistory(store.database).open(application),
        schedules=services.scheduler.store.upcoming(application, SHOWN_SCHEDULES) if is_open else None,
    )


def _last_hour(store: Store, metric: Metric, now_utc: datetime) -> LastHour:
    newest = store.newest_sample(metric)
    if not len(newest):
        return LastHour(metric, None, no_columns())
    newest_utc = from_epoch_ms(int(newest.time_ms[-1]))
    # The next whole second: a date in a path has no fractions, and the link has to take in the sample.
    whole_utc = newest_utc + timedelta(microseconds=-newest_utc.microsecond % 1_000_000)
    end_utc = whole_utc if newest_utc <= now_utc - _HOUR else now_utc
    return LastHour(metric, end_utc, read_columns(store, metric, Interval(end_utc - _HOUR, end_utc)))
