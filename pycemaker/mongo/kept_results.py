"""Results kept for some seconds, each of them made once, however many threads ask for it at a time."""

import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

from cachetools import LRUCache, TTLCache

from pycemaker.mongo.single_flight import SingleFlight

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


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
