"""How often one address may be mailed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from pycemaker.errors import AskedTooOften

MAILS = 30
SECONDS = 3600.0


class RateLimit:
    """At most `mails` reports to one address in any `seconds`. Threads share it; a restart forgets.

    Args:
        mails: how many.
        seconds: in how long.
        clock: seconds that only grow.
    """

    def __init__(
        self, mails: int = MAILS, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._mails = mails
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}

    def admit(self, address: str) -> None:
        """Count one report to `address`.

        Raises:
            AskedTooOften: it has had as many as it may; this one does not count.
        """
        now = self._clock()
        with self._lock:
            self._forget(now)
            times = self._sent.setdefault(address.lower(), deque())
            if len(times) >= self._mails:
                wait = int(times[0] + self._seconds - now) + 1
                raise AskedTooOften(address=address, retry_after_seconds=wait)
            times.append(now)

    def _forget(self, now: float) -> None:
        for address, times in list(self._sent.items()):
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if not times:
                del self._sent[address]
