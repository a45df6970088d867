"""Heartbeat of the jobs that this server works on: renews their leases, and stops the work on those it lost."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs.job_store import JobStore

_log = logging.getLogger(__name__)


def repeat(closing: threading.Event, work: Callable[[], object], first_seconds: float, seconds: float) -> None:
    """Call `work` after `first_seconds`, then every `seconds`, until the event is set; no fault ends that."""
    wait = first_seconds
    while not closing.wait(wait):
        wait = seconds
        try:
            work()
        except DatabaseUnreachable:
            continue
        except Exception:  # noqa: BLE001 - nobody would notice its end, and every report would be lost to others
            if not closing.is_set():
                _log.exception("what is done every %g s failed", seconds)


class Heartbeat:
    """The owner names of the jobs being worked on. Threads share it.

    Each claim has an owner name of its own: a delivery worker may claim a report while the render worker that released
    it still tracks its own claim.
    """

    def __init__(self) -> None:
        self._stops: dict[str, Callable[[], None]] = {}

    @contextlib.contextmanager
    def track(self, owner: str) -> Iterator[None]:
        """Keep the lease of what was claimed under this name for the length of the block."""
        self._stops[owner] = lambda: None
        try:
            yield
        finally:
            del self._stops[owner]

    def on_lost(self, owner: str, stop: Callable[[], None]) -> None:
        """Call `stop` when the lease under this name is lost."""
        self._stops[owner] = stop

    def renew(self, job_store: JobStore) -> None:
        """Renew every lease, and stop the work on those that were lost. Raises DatabaseUnreachable."""
        stops = dict(self._stops)
        for lost in job_store.renew_leases(stops):
            if lost in self._stops:  # else the work has ended meanwhile
                stops[lost]()
