"""The reports that this server works on, each under the name by which it was taken."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from pycemaker.jobs.job_store import JobStore


class Heartbeat:
    """What is renewed as long as it is worked on, and ended where somebody else has it. Threads share it.

    A name is of one claim alone: the courier that takes a report which a maker has just passed on, and has not let go
    of yet, holds it under another.
    """

    def __init__(self) -> None:
        self._ends: dict[str, Callable[[], None]] = {}

    @contextlib.contextmanager
    def hold(self, owner: str) -> Iterator[None]:
        """Keep what was taken under this name for the length of the block."""
        self._ends[owner] = lambda: None
        try:
            yield
        finally:
            del self._ends[owner]

    def end_with(self, owner: str, end: Callable[[], None]) -> None:
        """What to call where what is held under this name is lost."""
        self._ends[owner] = end

    def renew(self, job_store: JobStore) -> None:
        """Keep everything for another lease, and end what was lost. Raises DatabaseUnreachable."""
        ends = dict(self._ends)
        for lost in job_store.renew_leases(ends):
            if lost in self._ends:  # it may have come to its own end meanwhile
                ends[lost]()
