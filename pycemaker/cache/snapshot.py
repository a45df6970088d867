"""Snapshot of a metric's recent time: its generation, and its open hours (see `metric_cache` for the terms)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pycemaker.series.batches import Batch
from pycemaker.series.hour_summaries import HOUR_MS


@dataclass(frozen=True)
class OpenHours:
    """Every document from `start_hour` on.

    Attributes:
        start_hour: hours since 1970.
        edge_ms: later documents are read at each probe; milliseconds since 1970 in UTC.
        newest_ms: the time of the newest document, but for a few that are dated ahead; likewise.
        batch: the documents.
        probed: the BSON of the documents later than the edge; None where it was not read by itself yet.
        pieces: the documents hour by hour, as they will be once they are sealed: so their digests stay the same.
    """

    start_hour: int
    edge_ms: int
    newest_ms: int
    batch: Batch
    probed: bytes | None
    pieces: Sequence[Batch]


def split_hours(batch: Batch) -> list[Batch]:
    """The documents hour by hour; hours without a document have no part."""
    hours = np.unique(batch.columns.time_ms // HOUR_MS).tolist()
    return [batch.between(hour * HOUR_MS, (hour + 1) * HOUR_MS) for hour in hours]


@dataclass(frozen=True)
class Snapshot:
    """A metric's recent time at one moment.

    Attributes:
        generation: goes up with each change of anything but the open hours.
        open_version: goes up with each change of the open hours.
        open: None where the metric has no sample, or none was read yet.
    """

    generation: int = 0
    open_version: int = 0
    open: OpenHours | None = None

    @property
    def edge_ms(self) -> int | None:
        """The open hours' edge; None where there are none."""
        return self.open.edge_ms if self.open else None

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest sample, but for a few that are dated ahead; None where there is none."""
        return self.open.newest_ms if self.open else None

    def version(self, until_ms: int | None) -> tuple[int, int]:
        """Stands for the documents earlier than `until_ms` (None: without end): equal versions, equal documents."""
        reaches_open_hours = self.open is None or until_ms is None or until_ms > self.open.edge_ms
        return self.generation, self.open_version if reaches_open_hours else -1
