"""What is known of a metric's recent time at one moment (see `shelf`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pycemaker.cache.lru import HOUR_MS
from pycemaker.series.batches import Batch
from pycemaker.series.once import cached_attribute


@dataclass(frozen=True)
class OpenHours:
    """The end: every document from `start_hour` on.

    Attributes:
        start_hour: hours since 1970.
        edge_ms: what is later than this is read at each probe.
        batch: the documents.
        probed: the BSON of those later than the edge, None where it was not read by itself yet.
    """

    start_hour: int
    edge_ms: int
    batch: Batch
    probed: bytes | None

    @cached_attribute
    def pieces(self) -> list[Batch]:
        """The documents hour by hour, as they will be once they are sealed: so their digests stay the same."""
        hours = np.unique(self.batch.columns.time_ms // HOUR_MS).tolist()
        parts = (self.batch.between(hour * HOUR_MS, (hour + 1) * HOUR_MS) for hour in hours)
        return [replace(part, end_of=None) for part in parts]


@dataclass(frozen=True)
class Snapshot:
    """What is known at one moment. `version` is another one after each change of the open end."""

    generation: int = 0
    version: int = 0
    open: OpenHours | None = None

    @property
    def edge_ms(self) -> int | None:
        """Later samples are seen by the probe; None while no end is known."""
        return self.open.edge_ms if self.open else None

    def mark(self, until_ms: int | None) -> tuple[int, int]:
        """Equal marks mean equal documents earlier than `until_ms` (None: without end)."""
        reaches_end = self.open is None or until_ms is None or until_ms > self.open.edge_ms
        return self.generation, self.version if reaches_end else -1
