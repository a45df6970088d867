"""How long after the time they carry samples were stored, out of raw BSON. Pure.

An ObjectId begins with the second in which it was made, big-endian (the ObjectId page of MongoDB's BSON types), and
MongoDB puts a document's `_id` before its other fields.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pycemaker.columnar.split import Documents, gather

_AT = 4
_ID = b"\x07_id\x00"


def ingestion_delays_seconds(documents: Documents, time_ms: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """For each document the seconds from the time that it carries to the making of its `_id`.

    Args:
        documents: they have at least an `_id` and a time.
        time_ms: their times, milliseconds since 1970 in UTC.

    Returns:
        None where a document has no time, or an `_id` that is no ObjectId.
    """
    if len(documents) != len(time_ms):
        return None
    if not len(documents):
        return np.empty(0)
    if (gather(documents.raw, documents.starts + _AT, len(_ID)) != np.void(_ID)).any():
        return None
    made = gather(documents.raw, documents.starts + _AT + len(_ID), 4).view(">u4")
    return made.astype(np.float64) - time_ms / 1000
