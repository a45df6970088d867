"""Elements of one BSON document, without making objects of them (bsonspec.org, version 1.1). Pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

DATE, _NULL, _MIN_KEY = 0x09, 0x0A, 0xFF

_FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}
_SIZED = {0x02: 4, 0x03: 0, 0x04: 0, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
"""The bytes of a value beside the length that it begins with, by kind."""
_REGEX = 0x0B

_read_length = struct.Struct("<i").unpack_from


@dataclass(frozen=True)
class Element:
    """A value: its kind, and the offsets at which its bytes start and end."""

    kind: int
    start: int
    end: int


def elements_of(raw: bytes, start: int = 0) -> dict[str, Element]:
    """The elements of the document that starts there, by name; of equal names the last one.

    Raises:
        ValueError, IndexError, struct.error: it is malformed.
    """
    return {name.decode(errors="replace"): element for name, element in iterate_elements(raw, start)}


def iterate_elements(raw: bytes, start: int = 0) -> Iterator[tuple[bytes, Element]]:
    """The names and elements of the document that starts there, in its order. Raises as `elements_of`."""
    offset, last = start + 4, start + _read_length(raw, start)[0] - 1
    while offset < last:
        name_end = raw.index(0, offset + 1)
        element = Element(raw[offset], name_end + 1, _end_of(raw, raw[offset], name_end + 1))
        yield raw[offset + 1 : name_end], element
        offset = element.end


def _end_of(raw: bytes, kind: int, start: int) -> int:
    if kind in _FIXED:
        return start + _FIXED[kind]
    if kind == _REGEX:
        return raw.index(0, raw.index(0, start) + 1) + 1
    length = int(_read_length(raw, start)[0])
    if kind not in _SIZED or length < 0:
        raise ValueError(f"no BSON has the kind {kind}, or no value {length} bytes")
    return start + _SIZED[kind] + length


def key_of(document: bytes, prefix: bytes = b"") -> bytes | None:
    """The document's key in the index, `{time_series, _id}` as BSON; None without a date or an `_id`.

    Args:
        prefix: elements that precede these in the index, as `application_element` gives one.
    """
    elements = elements_of(document)
    time, own_id = elements.get("time_series"), elements.get("_id")
    if time is None or time.kind != DATE or own_id is None:
        return None
    return _key(prefix, document[time.start : time.end], own_id.kind, document[own_id.start : own_id.end])


def first_key(time_ms: int, prefix: bytes = b"") -> bytes:
    """The key in the index before every document of that instant; `prefix` as for `key_of`."""
    return _key(prefix, struct.pack("<q", time_ms), _MIN_KEY, b"")


def application_element(application: str) -> bytes:
    """The element `application` of a key; null for the default application, whose documents lack the field."""
    if not application:
        return b"\x0aapplication\0"
    text = application.encode()
    return b"\x02application\0" + struct.pack("<i", len(text) + 1) + text + b"\0"


def has_application(document: bytes) -> bool:
    """True where the document itself, and not one inside it, has a field `application` that is not null."""
    element = elements_of(document).get("application")
    return element is not None and element.kind != _NULL


def _key(prefix: bytes, time: bytes, kind: int, own_id: bytes) -> bytes:
    inside = prefix + b"\x09time_series\0" + time + bytes([kind]) + b"_id\0" + own_id
    return struct.pack("<i", len(inside) + 5) + inside + b"\0"
