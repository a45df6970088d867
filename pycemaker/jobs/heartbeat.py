"""Heartbeat of the jobs that this server works on: renews their leases, and stops the work on those it lost."""

import contextlib
from collections.abc import Callable, Iterator

from pycemaker.jobs.job_store import JobStore


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
