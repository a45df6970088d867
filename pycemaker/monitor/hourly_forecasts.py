"""Forecasts of an application's metrics and health from its last whole hour on, made in the background, once an hour.

Whoever asks gets those that are ready. One thread at a time makes what is missing; it ends with its application, so a
server has none of them running while nobody asks.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cachetools import LRUCache

from pycemaker.cache.sample_store import Store
from pycemaker.errors import NotEnoughHistory, PycemakerError
from pycemaker.metrics import METRICS, find_metric
from pycemaker.monitor.forecast_reader import HEALTH, Forecast, ForecastReader

AHEAD_HOURS = 6
"""The hours that are known at any time: forecasts reach an hour further, and are those of their hour alone."""

WAIT_SECONDS, RETRY_SECONDS = 0.3, 30.0
"""The longest wait of the first caller; the pause before what failed is tried again."""

_MOST_APPLICATIONS = 1_000
_HOUR = timedelta(hours=1)
_log = logging.getLogger(__name__)


@dataclass
class _Hour:
    """The forecasts of an application from one origin. `is_done`: nothing more is made of it."""

    origin_utc: datetime
    forecasts: dict[str, Forecast] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    next_try: float = float("-inf")


class HourlyForecasts:
    """Reads forecasts. Threads share it.

    Args:
        wait_seconds: the longest wait for an application that has none yet.
    """

    def __init__(self, forecasts: ForecastReader, wait_seconds: float = WAIT_SECONDS) -> None:
        self._forecasts, self._wait_seconds = forecasts, wait_seconds
        self._hours: LRUCache[str, _Hour] = LRUCache(_MOST_APPLICATIONS)
        self._lock = threading.Lock()
        self._is_making = False

    def read(self, store: Store, now_utc: datetime) -> dict[str, Forecast]:
        """The forecasts that are ready, by metric id and HEALTH, from the last whole hour on.

        Until those of a new hour are ready, those of the hour before. One is missing where the history is too short.
        """
        origin_utc = now_utc.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            known = self._hours.get(store.application)
            is_current = known is not None and known.is_done and known.origin_utc == origin_utc
            may_try = not is_current and (known is None or known.next_try <= time.monotonic())
            made = self._start(store, origin_utc) if may_try else None
        if made and (known is None or known.origin_utc < origin_utc - _HOUR):
            made.ended.wait(self._wait_seconds)
        latest = made if made and made.is_done else known or made
        return dict(latest.forecasts) if latest and latest.origin_utc >= origin_utc - _HOUR else {}

    def _start(self, store: Store, origin_utc: datetime) -> _Hour | None:
        """Start the thread for an application, where none is running. The lock is held."""
        if self._is_making:
            return None
        self._is_making = True
        hour = _Hour(origin_utc)
        threading.Thread(target=self._make, args=(store, hour), daemon=True, name="forecasts").start()
        return hour

    def _make(self, store: Store, hour: _Hour) -> None:
        try:
            for name in (HEALTH, *(metric.id for metric in METRICS)):
                self._make_one(store, hour, name)
            hour.is_done = True
        except PycemakerError as error:  # MongoDB is away, or other answers take the slots
            _log.info("forecasts of %r not made: %s", store.application, error)
        except Exception:  # noqa: BLE001 - a fault of one forecast must not let every later page start a thread at once
            _log.exception("forecasts of %r not made", store.application)
        with self._lock:
            kept = hour if hour.is_done else self._hours.get(store.application, hour)
            kept.next_try = time.monotonic() + (0 if hour.is_done else RETRY_SECONDS)
            self._hours[store.application] = kept
            self._is_making = False
        hour.ended.set()

    def _make_one(self, store: Store, hour: _Hour, name: str) -> None:
        hours = AHEAD_HOURS + 1
        with suppress(NotEnoughHistory):
            hour.forecasts[name] = (
                self._forecasts.health(store, hour.origin_utc, hours)
                if name == HEALTH
                else self._forecasts.metric(store, find_metric(name), hour.origin_utc, hours)
            )
