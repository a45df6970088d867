"""Single flight: of the threads that need the same work at a time one does it, and all have its result or failure.

`KeptResults` keeps such results for some seconds.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

from cachetools import LRUCache, TTLCache

from pycemaker.errors import DatabaseUnreachable
from pycemaker.mongo import caller_deadline

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Runs one call at a time. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flight: Future[Result] | None = None

    def run(self, call: Callable[[], Result]) -> Result:
        """The result of `call`, or of the call that is under way already. Raises what that raises, and as `wait`."""
        flight, leads = self.join()
        return self.lead(flight, call) if leads else self.wait(flight)

    @staticmethod
    def wait(flight: Future[Result]) -> Result:
        """The result of a call that another thread makes.

        Raises:
            DatabaseUnreachable: the deadline of this thread's caller is over before. And what the call raises.
        """
        seconds = caller_deadline.bounded_seconds(float("inf"))
        try:
            return flight.result(None if seconds == float("inf") else seconds)
        except TimeoutError:
            raise DatabaseUnreachable(reason="no answer") from None

    def join(self) -> tuple[Future[Result], bool]:
        """The call that is under way, else a new one; whether it is a new one, which the caller has to `lead`."""
        with self._lock:
            flight, leads = self._flight, self._flight is None
            if flight is None:
                flight = self._flight = Future()
            return flight, leads

    def lead(self, flight: Future[Result], call: Callable[[], Result]) -> Result:
        """The result of `call`, given to all who joined the flight. Raises what `call` raises."""
        try:
            result = call()
        except BaseException as error:
            self._land()
            flight.set_exception(error)
            raise
        self._land()
        flight.set_result(result)
        return result

    def _land(self) -> None:
        with self._lock:
            self._flight = None


class KeptResults(Generic[Key, Result]):
    """Results by key. Threads share it.

    Args:
        most: how many are kept; the least recently used leave.
        seconds: for how long.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._kept: TTLCache[Key, Result] = TTLCache(most, seconds)
        self._flights: LRUCache[Key, SingleFlight[Result]] = LRUCache(most)
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Result]) -> Result:
        """The kept result of this key, or that which another thread is making; else what `make` gives, which is kept.

        Raises:
            DatabaseUnreachable: as `SingleFlight.wait`. And what `make` raises, which is not kept.
        """
        with self._lock:
            with suppress(KeyError):  # between `in` and `[]` it could run out
                return self._kept[key]
            flight = self._flights.setdefault(key, SingleFlight())
        made = flight.run(make)
        with self._lock:
            self._kept[key] = made
        return made
