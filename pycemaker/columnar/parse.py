"""One BSON document's elements, found without making objects of them (bsonspec.org, version 1.1). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

DATE, _MIN_KEY = 0x09, 0xFF

_FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}
_SIZED = {0x02: 4, 0x03: 0, 0x04: 0, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
"""What a value takes beside the length that it begins with."""
_REGEX = 0x0B

_read_length = struct.Struct("<i").unpack_from


@dataclass(frozen=True)
class Element:
    """A value: its kind, and where its bytes start and end."""

    kind: int
    start: int
    end: int


def elements_of(raw: bytes, start: int = 0) -> dict[str, Element]:
    """The elements of the document that starts there, by name.

    Raises:
        ValueError, IndexError, struct.error: it is malformed.
    """
    found = {}
    place, last = start + 4, start + _read_length(raw, start)[0] - 1
    while place < last:
        name_end = raw.index(0, place + 1)
        end = _end_of(raw, raw[place], name_end + 1)
        found[raw[place + 1 : name_end].decode(errors="replace")] = Element(raw[place], name_end + 1, end)
        place = end
    return found


def _end_of(raw: bytes, kind: int, start: int) -> int:
    if kind in _FIXED:
        return start + _FIXED[kind]
    if kind == _REGEX:
        return raw.index(0, raw.index(0, start) + 1) + 1
    if kind not in _SIZED:
        raise ValueError(f"no BSON has the kind {kind}")
    return start + _SIZED[kind] + int(_read_length(raw, start)[0])


def key_of(document: bytes) -> bytes | None:
    """Its place in the index, `{time_series, _id}` as BSON; None where its time is no date or it has no `_id`."""
    found = elements_of(document)
    time, own = found.get("time_series"), found.get("_id")
    if time is None or time.kind != DATE or own is None:
        return None
    return _key(document[time.start : time.end], own.kind, document[own.start : own.end])


def first_key(time_ms: int) -> bytes:
    """The place in the index before every document of that instant."""
    return _key(struct.pack("<q", time_ms), _MIN_KEY, b"")


def _key(time: bytes, kind: int, own: bytes) -> bytes:
    inside = b"\x09time_series\0" + time + bytes([kind]) + b"_id\0" + own
    return struct.pack("<i", len(inside) + 5) + inside + b"\0"
