"""How long after the time they carry samples were stored, out of raw BSON. Pure.

An ObjectId begins with the second in which it was made, big-endian (the ObjectId page of MongoDB's BSON types), and in
a document of `_id` and `time_series` alone the fields stand at fixed places (bsonspec.org, version 1.1): in the order
of the index where that alone answers, else in the document's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LENGTH = 43
_SIZE = _LENGTH.to_bytes(4, "little")
_ID, _TIME = b"\x07_id\x00", b"\x09time_series\x00"
_ID_BYTES, _TIME_BYTES = 12, 8


def lags_seconds(raw: bytes) -> NDArray[np.float64] | None:
    """For each document the seconds from its `time_series` to the making of its `_id`.

    Args:
        raw: documents of those two fields, one after another.

    Returns:
        None where a document is of another shape: an `_id` that is no ObjectId, or a time that is no date.
    """
    if not raw or len(raw) % _LENGTH:
        return None
    rows = np.frombuffer(raw, np.uint8).reshape(-1, _LENGTH)
    id_first = raw.startswith(_ID, len(_SIZE))
    made_at = len(_SIZE) + len(_ID) + (0 if id_first else len(_TIME) + _TIME_BYTES)
    taken_at = len(_SIZE) + len(_TIME) + (len(_ID) + _ID_BYTES if id_first else 0)
    if not (_all_have(rows, 0, _SIZE) and _all_have(rows, made_at - len(_ID), _ID)):
        return None
    if not _all_have(rows, taken_at - len(_TIME), _TIME):
        return None
    made = np.ascontiguousarray(rows[:, made_at : made_at + 4]).view(">u4").ravel()
    taken_ms = np.ascontiguousarray(rows[:, taken_at : taken_at + _TIME_BYTES]).view("<i8").ravel()
    return made.astype(np.float64) - taken_ms / 1000


def _all_have(rows: NDArray[np.uint8], place: int, text: bytes) -> bool:
    return bool((rows[:, place : place + len(text)] == np.frombuffer(text, np.uint8)).all())
