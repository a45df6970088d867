"""Circuit breaker of MongoDB: during an outage one caller at a time probes it, and the others fail at once.

Without it each caller waits for the full 2 s of an exchange, and those threads could answer other requests.
"""

import threading
import time
from collections.abc import Callable

from pycemaker.errors import DatabaseUnreachable
from pycemaker.mongo import caller_deadline

_PROBE_SECONDS = 2.5  # Bound of a probe: an exchange and some
_LEAST_PROBE_SECONDS = 1.5


class CircuitBreaker:
    """Open while MongoDB is away. Threads share it. `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._is_open = False
        self._failures = 0
        self._fault = DatabaseUnreachable(reason="no answer")
        self._answered_at = self._failed_at = float("-inf")
        self._probe_until = float("-inf")
        self._prober = 0

    def admit(self) -> None:
        """Let a caller through to MongoDB; during an outage one at a time.

        Raises:
            DatabaseUnreachable: MongoDB is away, for the cause last seen, and another caller probes it, or this one's
                deadline is too near for a probe.
        """
        if not self._is_open:
            return
        with self._lock:
            own, now = threading.get_ident(), self._clock()
            is_probed = now < self._probe_until and self._prober != own
            if is_probed or caller_deadline.bounded_seconds(_PROBE_SECONDS) < _LEAST_PROBE_SECONDS:
                raise self._repeat_fault()
            self._prober, self._probe_until = own, now + _PROBE_SECONDS

    def note_answer(self) -> None:
        """Note an answer of MongoDB."""
        self._answered_at = self._clock()
        self._is_open, self._failures = False, 0

    def note_failure(self, began: float, fault: DatabaseUnreachable, *, sees_no_server: bool = False) -> None:
        """Note an exchange that began at `began`, of this clock, and got no answer, for this cause.

        One slow exchange is no outage: two without an answer in between are, or one for which no server was in sight.
        """
        if self._answered_at >= began:
            return
        with self._lock:
            self._failures += 1
            self._fault = fault
            self._failed_at = self._clock()
            self._is_open = self._is_open or sees_no_server or self._failures > 1
            if self._prober == threading.get_ident():
                self._probe_until = float("-inf")

    def fail_since(self, began: float) -> None:
        """Fail a caller who has waited since `began` for another one that failed.

        Raises:
            DatabaseUnreachable: MongoDB failed since, and has not answered.
        """
        if self._is_open and self._failed_at >= began:
            raise self._repeat_fault()

    def _repeat_fault(self) -> DatabaseUnreachable:
        """The fault last seen, as an exception of the caller's own."""
        return type(self._fault)(**self._fault.facts)
