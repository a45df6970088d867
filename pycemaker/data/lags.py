"""Samples and when they were stored, out of raw BSON. Pure.

An ObjectId begins with the second in which it was made, big-endian (the ObjectId page of MongoDB's BSON types), and
MongoDB puts a document's `_id` before its other fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.data.gather import Documents, gather
from pycemaker.samples import Columns, join_columns

_AT = 4
_ID = b"\x07_id\x00"


@dataclass(frozen=True)
class Stored:
    """One metric's samples, oldest first, and when they were stored.

    Attributes:
        columns: the samples.
        made_s: for each the second since 1970 in which its `_id` was made (uint32); None where a document has no time,
            or an `_id` that is no ObjectId.
    """

    columns: Columns
    made_s: NDArray[np.uint32] | None

    def part(self, start: int, stop: int) -> Stored:
        """The samples from `start` to before `stop`, not copied."""
        return Stored(self.columns.part(start, stop), None if self.made_s is None else self.made_s[start:stop])

    @property
    def lags_seconds(self) -> NDArray[np.float64] | None:
        """For each the seconds from the time that it carries to the making of its `_id`; None where unknown."""
        if self.made_s is None:
            return None
        return np.asarray(self.made_s.astype(np.float64) - self.columns.time_ms / 1000, np.float64)


def join_stored(parts: Iterable[Stored]) -> Stored:
    """The parts one after another; of one that does not tell when it was stored, none does."""
    parts, made_s = list(parts), [np.empty(0, np.uint32)]
    columns = join_columns(part.columns for part in parts)
    for part in parts:
        if part.made_s is None:
            return Stored(columns, None)
        made_s.append(part.made_s)
    return Stored(columns, np.concatenate(made_s))


def made_seconds(documents: Documents) -> NDArray[np.uint32] | None:
    """For each document the second since 1970 in which its `_id` was made; None where one is no ObjectId."""
    if not len(documents):
        return np.empty(0, np.uint32)
    if (gather(documents.raw, documents.starts + _AT, len(_ID)) != np.void(_ID)).any():
        return None
    return gather(documents.raw, documents.starts + _AT + len(_ID), 4).view(">u4").astype(np.uint32)
