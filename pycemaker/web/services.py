"""The parts that the routes work with."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pycemaker.alerts.evaluator import Evaluator, make_evaluator
from pycemaker.cache.sample_store import Store
from pycemaker.collect.collect_file import CollectFile
from pycemaker.collect.sample_writer import SampleWriter
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.rate_limits import RateLimits
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.monitor.hourly_forecasts import HourlyForecasts
from pycemaker.monitor.sample_means import SampleMeans
from pycemaker.schedules.scheduler import Scheduler, make_scheduler
from pycemaker.settings import NOTEBOOKS, Settings
from pycemaker.telemetry.traffic import Traffic
from pycemaker.web.access.access_control import AccessControl
from pycemaker.web.middleware.in_flight import InFlight

SHORT_SECONDS = 4 * 3600
"""Samples of an answer that is built at once: dashboards poll the last hour or two, which crowds may not delay."""

STREAMS = 32
"""Long answers at a time: each holds a thread until its client has read it, however slowly."""

PREVIEWS = 2
"""Previews of rules at a time: each reads a month, and they leave slots for building other answers."""


@dataclass(frozen=True)
class Services:
    """The parts that the routes work with.

    Attributes:
        clock: gives the present, aware UTC.
        streams: slots for long answers.
        previews: slots for previews of rules.
        in_flight: the bytes of answers that clients have not read.
        collect_file: the sources of COLLECT_FILE.
    """

    settings: Settings
    store: Store
    report_service: ReportService
    traffic: Traffic = field(default_factory=Traffic)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    streams: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(STREAMS))
    previews: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(PREVIEWS))
    in_flight: InFlight = field(default_factory=InFlight)
    notebooks: Path = NOTEBOOKS
    collect_file: CollectFile = field(default_factory=CollectFile)

    @cached_property
    def access_control(self) -> AccessControl:
        """Checks tokens and limits of report requests."""
        return AccessControl(self.settings, RateLimits(self.store.database))

    @cached_property
    def sample_writer(self) -> SampleWriter:
        """Writes posted samples."""
        return SampleWriter(self.store.database, self.store.reader.applications.indexes)

    @cached_property
    def scheduler(self) -> Scheduler:
        """The schedules, and what enters their reports."""
        return make_scheduler(self.store.database, self.report_service, self.settings)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The rules of alerts, and what evaluates them."""
        return make_evaluator(self.store, self.report_service, self.settings)

    @cached_property
    def forecasts(self) -> ForecastReader:
        """Makes and keeps forecasts."""
        return ForecastReader(self.in_flight.build_slot)

    @cached_property
    def hourly_forecasts(self) -> HourlyForecasts:
        """Makes forecasts in the background for the pages."""
        return HourlyForecasts(self.forecasts)

    @cached_property
    def sample_means(self) -> SampleMeans:
        """Reads means of samples, and health."""
        return SampleMeans()

    @property
    def refuses_answers(self) -> bool:
        """True where answers are refused now for those that are under way or in flight."""
        has_place = self.streams.acquire(blocking=False)
        if has_place:
            self.streams.release()
        return not has_place or self.in_flight.is_full
