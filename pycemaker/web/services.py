"""What the routes work with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pycemaker.data.limits import Limits
from pycemaker.data.store import Store
from pycemaker.report import catalogue
from pycemaker.report.desk import Desk
from pycemaker.settings import Settings
from pycemaker.traffic import Traffic
from pycemaker.web.gate import Gate
from pycemaker.web.in_flight import InFlight

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
        in_flight: how much of the others.
        notebooks: the folder in which the reports are.
    """

    settings: Settings
    store: Store
    desk: Desk
    traffic: Traffic = field(default_factory=Traffic)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    streams: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(STREAMS))
    in_flight: InFlight = field(default_factory=InFlight)
    notebooks: Path = catalogue.NOTEBOOKS

    @cached_property
    def gate(self) -> Gate:
        """Who may ask for reports, and how often."""
        return Gate(self.settings, Limits(self.store.database))

    @property
    def refuses_answers(self) -> bool:
        """Whether answers are refused now for those that are under way or in flight."""
        has_place = self.streams.acquire(blocking=False)
        if has_place:
            self.streams.release()
        return not has_place or self.in_flight.is_full
