"""Hours of samples kept in memory, bounded in bytes: those not used for longest leave first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from pycemaker.series.batches import Batch

HOUR_MS = 3_600_000
"""A block is an hour of UTC: 720 documents, about 150 KB."""


@dataclass(frozen=True)
class LruUsage:
    """How the memory is used.

    Attributes:
        size_bytes, limit_bytes: how much it takes, and may take.
        blocks: how many hours are held.
        hits, misses: how often an hour that was asked for was there, and was not or no longer held, since the start.
        evictions: how many hours had to leave for others.
    """

    size_bytes: int
    limit_bytes: int
    hours: int
    hits: int
    misses: int
    evictions: int


Key = tuple[str, int]
"""A metric's id, and the hours from 1970 to the block's start."""


@dataclass(frozen=True)
class CachedHour:
    """One metric's documents of one hour, as the database had them in one generation (see `shelf`)."""

    batch: Batch
    generation: int


class HourLru:
    """All metrics' blocks together. Threads share it.

    Args:
        limit_bytes: how much they may take.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, CachedHour] = OrderedDict()
        self._bytes = 0
        self._hits = self._misses = self._evictions = 0

    @property
    def use(self) -> LruUsage:
        """How it is used, as of now."""
        with self._lock:
            counts = (len(self._held), self._hits, self._misses, self._evictions)
            return LruUsage(self._bytes, self.limit_bytes, *counts)

    @property
    def size_bytes(self) -> int:
        """How much they take now."""
        return self._bytes

    @property
    def mean_bytes(self) -> float:
        """How much one takes on average, at least a third of an hour at the normal rate; that where none is held."""
        with self._lock:
            return max(50_000.0, self._bytes / len(self._held)) if self._held else 150_000.0

    def get(self, key: Key) -> CachedHour | None:
        """The block, which counts as used; None where it is not held."""
        with self._lock:
            block = self._held.get(key)
            if block is not None:
                self._held.move_to_end(key)
            return block

    def find(self, key: Key, generation: int) -> CachedHour | None:
        """The block where it is of this generation or a later one. It is counted whether it was."""
        block = self.get(key)
        is_hit = block is not None and block.generation >= generation
        with self._lock:
            self._hits += is_hit
            self._misses += not is_hit
        return block if is_hit else None

    def put(self, key: Key, block: CachedHour) -> None:
        """Hold it, in place of what was held there; let others go where that takes too much."""
        with self._lock:
            before = self._held.pop(key, None)
            self._held[key] = block
            self._bytes += block.batch.size_bytes - (before.batch.size_bytes if before else 0)
            while self._bytes > self.limit_bytes:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= oldest.batch.size_bytes
                self._evictions += 1
