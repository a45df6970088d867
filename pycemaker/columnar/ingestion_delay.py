"""Samples with the second in which each was stored, out of raw BSON. Pure.

An ObjectId begins with the second of its creation, big-endian (the ObjectId page of MongoDB's BSON types), and MongoDB
puts a document's `_id` before its other fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.columnar.split import Documents, gather
from pycemaker.series.batches import Columns, join_columns

_ID_OFFSET = 4  # The first element's bytes begin behind the document's length
_OBJECT_ID_HEAD = b"\x07_id\x00"


@dataclass(frozen=True)
class StoredSamples:
    """One metric's samples, oldest first, and the second in which each was stored.

    Attributes:
        stored_s: each sample's second since 1970 by its `_id` (uint32); None where a document has no time, or an `_id`
            that is no ObjectId.
    """

    columns: Columns
    stored_s: NDArray[np.uint32] | None

    def part(self, start: int, stop: int) -> StoredSamples:
        """The samples from `start` to before `stop`, not copied."""
        stored_s = None if self.stored_s is None else self.stored_s[start:stop]
        return StoredSamples(self.columns.part(start, stop), stored_s)

    @property
    def delays_seconds(self) -> NDArray[np.float64] | None:
        """Each sample's seconds from its own time to its storing, negative where it is ahead; None where unknown."""
        if self.stored_s is None:
            return None
        return np.asarray(self.stored_s.astype(np.float64) - self.columns.time_ms / 1000, np.float64)


def join_stored(parts: Iterable[StoredSamples]) -> StoredSamples:
    """The parts one after another; `stored_s` is None where one part's is."""
    parts = list(parts)
    known = [part.stored_s for part in parts if part.stored_s is not None]
    stored_s = np.concatenate([np.empty(0, np.uint32), *known])
    return StoredSamples(join_columns(part.columns for part in parts), stored_s if len(known) == len(parts) else None)


def stored_seconds(documents: Documents) -> NDArray[np.uint32] | None:
    """Each document's second since 1970 by its `_id`; None where one `_id` is no ObjectId."""
    if not len(documents):
        return np.empty(0, np.uint32)
    heads = gather(documents.raw, documents.starts + _ID_OFFSET, len(_OBJECT_ID_HEAD))
    if (heads != np.void(_OBJECT_ID_HEAD)).any():
        return None
    seconds = gather(documents.raw, documents.starts + _ID_OFFSET + len(_OBJECT_ID_HEAD), 4)
    return seconds.view(">u4").astype(np.uint32)
