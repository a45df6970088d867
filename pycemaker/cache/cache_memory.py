"""Hours of samples in memory, bounded in bytes: the least recently used ones leave first."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

from pycemaker.metrics import Metric
from pycemaker.series.batches import Batch

_USUAL_HOUR_BYTES, _SMALLEST_HOUR_BYTES = 150_000.0, 50_000.0  # At 5 s an hour has 720 documents


@dataclass(frozen=True)
class LruUsage:
    """Usage of the memory.

    Attributes:
        hits, misses: requests for an hour that was cached and valid, and others, since the start.
        evictions: hours that left to make room, since the start.
    """

    size_bytes: int
    limit_bytes: int
    hours: int
    hits: int
    misses: int
    evictions: int


Key = tuple[str, int]
"""A name of `series_name`, and an hour: hours since 1970 in UTC, or OPEN."""

OPEN = -1  # In an hour's place: the open hours of an application's metric (see `metric_cache`)


def series_name(application: str, metric: Metric) -> str:
    """The name of an application's metric in keys; the metric's id for the default application."""
    return f"{application}/{metric.id}" if application else metric.id


@dataclass(frozen=True)
class CachedHour:
    """One metric's documents of one hour, as the database had them in one generation (see `metric_cache`)."""

    batch: Batch
    generation: int


class _Hours(LRUCache[Key, CachedHour]):
    """Counts the hours that leave."""

    evictions = 0

    def __init__(self, limit_bytes: int, on_evicted: Callable[[Key], None]) -> None:
        super().__init__(limit_bytes, getsizeof=_size_bytes)
        self._on_evicted = on_evicted

    def find(self, key: Key) -> CachedHour | None:
        try:
            return self[key]  # `get` takes 100 ns more
        except KeyError:
            return None

    def popitem(self) -> tuple[Key, CachedHour]:
        self.evictions += 1
        key, hour = super().popitem()
        self._on_evicted(key)
        return key, hour


class HourLru:
    """All metrics' cached hours together. Threads share it.

    Args:
        on_evicted: called with the key of each hour that leaves to make room; it must not use this.
    """

    def __init__(self, limit_bytes: int, on_evicted: Callable[[Key], None] = lambda _key: None) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._hours = _Hours(limit_bytes, on_evicted)
        self._hits = self._misses = 0

    @property
    def usage(self) -> LruUsage:
        """The present usage."""
        with self._lock:
            counts = (len(self._hours), self._hits, self._misses, self._hours.evictions)
            return LruUsage(int(self._hours.currsize), self.limit_bytes, *counts)

    @property
    def size_bytes(self) -> int:
        """The bytes that they take now."""
        return int(self._hours.currsize)

    @property
    def mean_bytes(self) -> float:
        """The mean size of an hour, but no less than 50 KB; 150 KB while none is cached."""
        with self._lock:
            if not self._hours:
                return _USUAL_HOUR_BYTES
            return max(_SMALLEST_HOUR_BYTES, self._hours.currsize / len(self._hours))

    def get(self, key: Key) -> CachedHour | None:
        """The hour, which counts as used; None where it is not cached."""
        with self._lock:
            return self._hours.find(key)

    def find(self, key: Key, generation: int) -> CachedHour | None:
        """As `get`, where the hour is of this generation or a later one; counted as a hit or a miss."""
        with self._lock:
            hour = self._hours.find(key)
            is_hit = hour is not None and hour.generation >= generation
            self._hits += is_hit
            self._misses += not is_hit
        return hour if is_hit else None

    def put(self, key: Key, hour: CachedHour) -> None:
        """Cache it in place of what was there. One that is larger than the limit is not cached."""
        with self._lock:
            if _size_bytes(hour) > self.limit_bytes:
                self._hours.pop(key, None)
            else:
                self._hours[key] = hour


def _size_bytes(hour: CachedHour) -> int:
    return hour.batch.size_bytes
