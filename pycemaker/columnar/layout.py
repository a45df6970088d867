"""Layouts of BSON documents, and groups of documents that are laid out alike.

Documents of one layout have the same fields of the same kinds in the same order. Only a string's length moves what
comes after it, so a layout is a list of *parts* that each end where a string begins: in a part every byte has a fixed
offset. A part is gathered from all documents in one numpy call, as void items at unaligned places (5 ns an item of any
width), and its names, kinds and terminators are compared with the first document's, eight bytes at a time. A
document that has none of the layouts tried, or a kind of value not in `WIDTHS`, is left to a full decoder.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.columnar.parse import iterate_elements
from pycemaker.columnar.split import WORD, Documents, Indices, Items, Mask, byte_masks, gather, words_of

DOUBLE, STRING, OBJECT_ID, BOOLEAN, DATE, NULL, INT32, INT64 = 0x01, 0x02, 0x07, 0x08, 0x09, 0x0A, 0x10, 0x12
WIDTHS = {DOUBLE: 8, OBJECT_ID: 12, BOOLEAN: 1, DATE: 8, NULL: 0, INT32: 4, INT64: 8}

_LONGEST_STRING = 64
"""In bytes. Strings are gathered as wide as a group's longest, so one long string would make all wide."""

_LONGEST_DOCUMENT = 2048

_LAYOUTS_TRIED = 16


@dataclass(frozen=True)
class WorkSizes:
    """Sizes of the steps in which a batch is encoded, in documents. They change its cost and no byte of it.

    Attributes:
        block: encoded together; bounds the memory for a batch of 16 MB.
        smallest_group: a group takes 0.25 ms whatever its size, a document decoded by itself 8 µs.
        strip: rows of text joined together before they are closed up; they stay in the processor's cache.
    """

    block: int = 32_768
    smallest_group: int = 48
    strip: int = 2048


WORK_SIZES = WorkSizes()


@dataclass(frozen=True)
class Field:
    """A field of a layout: its value is at `offset` in part `part`; a string's text comes after that part."""

    name: str
    kind: int
    part: int
    offset: int


@dataclass(frozen=True)
class Part:
    """A stretch without strings: its bytes in words of eight, and a mask of the bits that all documents share."""

    size: int
    skeleton: NDArray[np.uint64]
    fixed: NDArray[np.uint64]
    ends_in_string: bool


@dataclass(frozen=True)
class Layout:
    """The fields of a document by name, and its parts from left to right."""

    fields: Mapping[str, Field]
    parts: Sequence[Part]

    @property
    def reach(self) -> int:
        """The most bytes from a document's start that are read."""
        return sum(len(part.skeleton) * WORD + part.ends_in_string * (_LONGEST_STRING + WORD) for part in self.parts)


@dataclass(frozen=True)
class Texts:
    """A text a document.
    Both have no dimension where the text is the same in every document.

    Attributes:
        items: begin with the text; the rest of an item is padding of any content.
        lengths: of the texts, in bytes.
    """

    items: Items
    lengths: Indices

    @property
    def width(self) -> int:
        """The bytes of an item."""
        return self.items.itemsize


@dataclass(frozen=True)
class Group:
    """Documents of one layout: `rows` are their indices; the others have, for each part, an element a document."""

    documents: Documents
    layout: Layout
    rows: Indices
    parts: Sequence[Items]
    string_starts: Sequence[Indices]
    string_lengths: Sequence[Indices]
    _strings: dict[int, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, which: Field, dtype: str) -> NDArray[Any]:
        """The values of a field of fixed width, as stored."""
        return self.parts[which.part].getfield(dtype, which.offset).copy()

    def strings(self, which: Field) -> Texts:
        """The bytes of a string field, filled up with zeros to a whole number of words."""
        if which.part not in self._strings:
            self._strings[which.part] = self._gather_strings(which.part)
        return self._strings[which.part]

    def _gather_strings(self, part: int) -> Texts:
        lengths = self.string_lengths[part]
        width = max(WORD, -(-int(lengths.max()) // WORD) * WORD)
        items = gather(self.documents.raw, self.string_starts[part], width)
        return Texts((words_of(items) & words_of(byte_masks(lengths, width))).view(f"V{width}").ravel(), lengths)


def read_layout(document: bytes) -> Layout | None:
    """The layout of this document; None where it is malformed or has what only a full decoder reads."""
    if len(document) > _LONGEST_DOCUMENT:
        return None
    try:
        return _layout_of(document)
    except (IndexError, ValueError, struct.error):
        return None


def _layout_of(document: bytes) -> Layout | None:
    """As `read_layout`. Raises IndexError, ValueError, struct.error: it is malformed."""
    fields: dict[str, Field] = {}
    parts: list[Part] = []
    part_start, end, mask = 0, 4, bytes(4)  # a document's own length is no part of its layout
    for name, element in iterate_elements(document):
        if element.kind not in WIDTHS and element.kind != STRING:
            return None
        mask += b"\xff" * (element.start - end)
        fields[name.decode()] = Field(name.decode(), element.kind, len(parts), element.start - part_start)
        end = element.end
        if element.kind != STRING:
            mask += bytes(end - element.start)
            continue
        parts.append(_part(document, part_start, mask + bytes(4), ends_in_string=True))
        part_start, mask = end - 1, b"\xff"
        if document[part_start]:
            raise ValueError("a string does not end in a zero byte")
    parts.append(_part(document, part_start, mask + b"\xff", ends_in_string=False))
    return Layout(fields, parts) if end == len(document) - 1 and not document[end] else None


def _part(document: bytes, start: int, mask: bytes, *, ends_in_string: bool) -> Part:
    """The part that starts there and is as long as its mask."""
    width = -(-len(mask) // WORD) * WORD
    skeleton = np.frombuffer(document[start : start + len(mask)].ljust(width, b"\0"), np.uint64)
    fixed = np.frombuffer(mask.ljust(width, b"\0"), np.uint64)
    return Part(len(mask), skeleton & fixed, fixed, ends_in_string)


def match(documents: Documents, rows: Indices, layout: Layout) -> Group:
    """The documents among `rows` that have this layout; every byte that is not a value is compared.

    A document that differs is left out at its first difference, and the others are matched anew. So is a document so
    near the end of `documents` that reads of a whole layout would pass it.
    """
    parts: list[Items] = []
    starts: list[Indices] = []
    lengths: list[Indices] = []
    offsets = documents.starts[rows]
    alike = offsets <= len(documents.raw) - layout.reach
    for part in layout.parts:
        if not alike.all():
            return match(documents, rows[alike], layout)
        parts.append(gather(documents.raw, offsets, len(part.skeleton) * WORD))
        offsets = offsets + part.size
        alike = _has_skeleton(parts[-1], part)
        if part.ends_in_string:
            starts.append(offsets)
            lengths.append(parts[-1].getfield("<i4", part.size - 4).astype(np.int64) - 1)
            alike &= (lengths[-1] >= 0) & (lengths[-1] <= _LONGEST_STRING)
            offsets = offsets + lengths[-1]
        else:
            alike &= offsets == documents.ends[rows]
    if not alike.all():
        return match(documents, rows[alike], layout)
    return Group(documents, layout, rows, parts, starts, lengths)


def _has_skeleton(items: Items, part: Part) -> Mask:
    words = words_of(items)
    alike = np.ones(len(words), np.bool_)
    for word in np.flatnonzero(part.fixed):
        alike &= words[:, word] & part.fixed[word] == part.skeleton[word]
    return alike


def group_by_layout(
    documents: Documents, rows: Indices, fits: Callable[[Group], Mask], smallest_group: int
) -> tuple[list[Group], Indices]:
    """Groups of documents that are laid out alike, and the documents left to be decoded one by one.

    Each layout is that of a document that is in no group yet, further on with each try, so that a few odd ones at the
    beginning do not use up all tries.

    Args:
        fits: mask of a group's documents whose values are right for it.
    """
    groups: list[Group] = []
    left: list[Indices] = []
    for attempt in range(_LAYOUTS_TRIED):
        if len(rows) < smallest_group:
            break
        layout = read_layout(documents.document_at(rows[len(rows) * attempt // _LAYOUTS_TRIED]))
        if layout is None:
            continue
        group = match(documents, rows, layout)
        rows = np.setdiff1d(rows, group.rows, assume_unique=True)
        mask = fits(group) if len(group) >= smallest_group else np.zeros(len(group), np.bool_)
        left.append(group.rows[~mask])
        if mask.any():
            groups.append(group if mask.all() else match(documents, group.rows[mask], layout))
    return groups, np.concatenate([rows, *left])
