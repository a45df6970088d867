"""BSON read many documents at a time: where each starts, how it is laid out, and which others are laid out alike.

Documents of one layout have the same fields of the same kinds in the same order. Only a string's length moves what
comes after it, so a layout is a list of *parts* that each end where a string begins: in a part every byte has its
place. A part is gathered from all documents in one numpy call, as void items at unaligned places (5 ns an item of any
width), and its names, kinds and terminators are compared with the first document's, eight bytes at a time. What is not
laid out as any layout tried, or holds a kind of value not in `WIDTHS`, is left to a full decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.columnar.split import WORD, Documents, Indices, Items, Mask, byte_masks, gather, words_of

DOUBLE, STRING, OBJECT_ID, BOOLEAN, DATE, NULL, INT32, INT64 = 0x01, 0x02, 0x07, 0x08, 0x09, 0x0A, 0x10, 0x12
WIDTHS = {DOUBLE: 8, OBJECT_ID: 12, BOOLEAN: 1, DATE: 8, NULL: 0, INT32: 4, INT64: 8}

_LONGEST_STRING = 64
"""In bytes. Strings are gathered as wide as a group's longest, so one long string would make all wide."""

_LONGEST_DOCUMENT = 2048

_LAYOUTS_TRIED = 16
_FEWEST = 48
"""Documents a group is worth: it takes 0.25 ms whatever its size, a document decoded by itself 8 µs."""


@dataclass(frozen=True)
class Field:
    """A field of a layout: its value is at `offset` in part `part`; a string follows that part."""

    name: str
    kind: int
    part: int
    offset: int


@dataclass(frozen=True)
class Part:
    """A stretch without strings: what its bytes are, in words of eight, and which of their bits must be so."""

    size: int
    skeleton: NDArray[np.uint64]
    fixed: NDArray[np.uint64]
    ends_in_string: bool


@dataclass(frozen=True)
class Layout:
    """How the documents of one kind are laid out."""

    fields: Mapping[str, Field]
    parts: Sequence[Part]

    @property
    def reach(self) -> int:
        """How many bytes from a document's start are looked at, at most."""
        return sum(len(part.skeleton) * WORD + part.ends_in_string * (_LONGEST_STRING + WORD) for part in self.parts)


@dataclass(frozen=True)
class Texts:
    """A piece of text a document: items that start with it, and its lengths in bytes; the rest of an item is anything.

    What is the same in every document has no dimension.
    """

    items: Items
    lengths: Indices

    @property
    def width(self) -> int:
        """How many bytes an item has."""
        return self.items.itemsize

    def cut(self, some: slice) -> tuple[Items, Indices]:
        """Items and lengths of some documents."""
        items = self.items[some] if self.items.ndim else self.items
        return items, self.lengths[some] if self.lengths.ndim else self.lengths


@dataclass(frozen=True)
class Group:
    """Documents of one layout: `rows` are their indices, the rest is an element a document for each part."""

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


class _Reader:
    """Walks over one document and notes its layout."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.position = 0
        self.fields: dict[str, Field] = {}
        self.parts: list[Part] = []
        self._start_part()
        self._step(4, fixed=False)

    def read(self) -> Layout | None:
        while kind := self.document[self.position]:
            self._step(1, fixed=True)
            if kind not in WIDTHS and kind != STRING:
                return None
            self._read_field(kind)
        self._step(1, fixed=True)
        self._end_part(ends_in_string=False)
        return Layout(self.fields, self.parts) if self.position == len(self.document) else None

    def _read_field(self, kind: int) -> None:
        name_end = self.document.index(0, self.position)
        name = self.document[self.position : name_end].decode()
        self._step(name_end + 1 - self.position, fixed=True)
        self.fields[name] = Field(name, kind, len(self.parts), len(self.bits))
        if kind == STRING:
            self._read_string()
        else:
            self._step(WIDTHS[kind], fixed=False)

    def _read_string(self) -> None:
        length = int.from_bytes(self.document[self.position : self.position + 4], "little")
        self._step(4, fixed=False)
        self._end_part(ends_in_string=True)
        self.position += length - 1
        self._start_part()
        if self.document[self.position]:
            raise ValueError("a string does not end in a zero byte")
        self._step(1, fixed=True)

    def _step(self, count: int, *, fixed: bool) -> None:
        self.bits += (b"\xff" if fixed else b"\0") * count
        self.position += count

    def _start_part(self) -> None:
        self.bits = bytearray()
        self.part_start = self.position

    def _end_part(self, *, ends_in_string: bool) -> None:
        size = len(self.bits)
        width = -(-size // WORD) * WORD
        skeleton = self.document[self.part_start : self.part_start + size].ljust(width, b"\0")
        fixed = np.frombuffer(bytes(self.bits).ljust(width, b"\0"), np.uint64)
        self.parts.append(Part(size, np.frombuffer(skeleton, np.uint64) & fixed, fixed, ends_in_string))


def read_layout(document: bytes) -> Layout | None:
    """How this document is laid out; None where it is malformed or has what only a full decoder reads."""
    if len(document) > _LONGEST_DOCUMENT:
        return None
    try:
        return _Reader(document).read()
    except (IndexError, ValueError):
        return None


def match(documents: Documents, rows: Indices, layout: Layout) -> Group:
    """Those documents among `rows` that have this layout, every byte that is not a value compared.

    A document that differs is left out as soon as that shows, and the others are matched anew. So are those so near the
    end of `documents` that reads of a whole layout would pass it.
    """
    parts: list[Items] = []
    starts: list[Indices] = []
    lengths: list[Indices] = []
    place = documents.starts[rows]
    alike = place <= len(documents.raw) - layout.reach
    for part in layout.parts:
        if not alike.all():
            return match(documents, rows[alike], layout)
        parts.append(gather(documents.raw, place, len(part.skeleton) * WORD))
        place = place + part.size
        alike = _has_skeleton(parts[-1], part)
        if part.ends_in_string:
            starts.append(place)
            lengths.append(parts[-1].getfield("<i4", part.size - 4).astype(np.int64) - 1)
            alike &= (lengths[-1] >= 0) & (lengths[-1] <= _LONGEST_STRING)
            place = place + lengths[-1]
        else:
            alike &= place == documents.ends[rows]
    if not alike.all():
        return match(documents, rows[alike], layout)
    return Group(documents, layout, rows, parts, starts, lengths)


def _has_skeleton(items: Items, part: Part) -> Mask:
    words = words_of(items)
    alike = np.ones(len(words), np.bool_)
    for place in np.flatnonzero(part.fixed):
        alike &= words[:, place] & part.fixed[place] == part.skeleton[place]
    return alike


def group_by_layout(
    documents: Documents, rows: Indices, fitting: Callable[[Group], Mask]
) -> tuple[list[Group], Indices]:
    """Groups of documents laid out alike, and those documents left to be decoded one by one.

    A layout is that of a document picked among those not yet in a group, further on with each try, so that a few odd
    ones at the beginning do not use up all tries.

    Args:
        documents: all of them.
        rows: the indices of those to arrange.
        fitting: which documents of a group belong in it, by their values.
    """
    groups: list[Group] = []
    left: list[Indices] = []
    for attempt in range(_LAYOUTS_TRIED):
        if len(rows) < _FEWEST:
            break
        layout = read_layout(documents.document_at(rows[len(rows) * attempt // _LAYOUTS_TRIED]))
        if layout is None:
            continue
        group = match(documents, rows, layout)
        rows = np.setdiff1d(rows, group.rows, assume_unique=True)
        fits = fitting(group) if len(group) >= _FEWEST else np.zeros(len(group), np.bool_)
        left.append(group.rows[~fits])
        if fits.any():
            groups.append(group if fits.all() else match(documents, group.rows[fits], layout))
    return groups, np.concatenate([rows, *left])
