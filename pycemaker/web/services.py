"""What the routes work with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pycemaker.cache.store import Store
from pycemaker.jobs.report_service import ReportService
from pycemaker.settings import NOTEBOOKS, Settings
from pycemaker.telemetry.traffic import Traffic
from pycemaker.web.access.access_control import AccessControl
from pycemaker.web.access.rate_limits import RateLimits

STREAMS = 32
"""Long answers at a time: each holds a thread until its client has taken it, however slowly."""


@dataclass(frozen=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: zone, limits, who may receive and ask.
        store: reads samples.
        desk: takes reports in.
        traffic: counts answers.
        clock: the present, aware UTC.
        streams: how many long answers may be under way.
        notebooks: the folder in which the reports are.
    """

    settings: Settings
    store: Store
    report_service: ReportService
    traffic: Traffic = field(default_factory=Traffic)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    streams: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(STREAMS))
    notebooks: Path = NOTEBOOKS

    @cached_property
    def gate(self) -> AccessControl:
        """Who may ask for reports, and how often."""
        return AccessControl(self.settings, RateLimits(self.store.database))
