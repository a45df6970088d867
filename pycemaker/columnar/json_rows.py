"""JSON text of documents that are laid out alike: made column by column, then scattered to each document's row."""

import operator
from binascii import hexlify
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from io import BytesIO
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pycemaker.columnar import layout
from pycemaker.columnar.columns import Totals, label_distinct, numbers_of
from pycemaker.columnar.layout import Field, Group, Texts
from pycemaker.columnar.split import Indices, Items, gather, sliding_items
from pycemaker.metrics import Metric

_QUOTED = (layout.STRING, layout.OBJECT_ID, layout.DATE)
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class JsonLines:
    """The JSON texts of a group's documents, as pieces from left to right: constant ones, and columns of texts."""

    pieces: Sequence[Texts]

    @property
    def width(self) -> int:
        """Room for the longest line, padding of items included."""
        return sum(piece.width for piece in self.pieces)

    @property
    def lengths(self) -> Indices:
        """Each line's length, with the comma after it."""
        return reduce(operator.add, [piece.lengths for piece in self.pieces])

    def write(self, some: slice, table: NDArray[np.uint8], starts: Indices) -> None:
        """Write some of the lines, each at its start. The padding of an item is overwritten by the next one."""
        offsets = starts.copy()
        for piece in self.pieces:
            sliding_items(table, piece.width)[offsets] = piece.items[some] if piece.items.ndim else piece.items
            offsets += piece.lengths[some] if piece.lengths.ndim else piece.lengths


def json_lines_of(group: Group, metric: Metric, totals: Totals) -> JsonLines:
    """The lines of the group's documents; a summed metric gets its total as `value`."""
    pieces, before = list[Texts](), b"{"
    for field in group.layout.fields.values():
        summed = metric.is_sum and field.name == "value"
        quote = b'"' if field.kind in _QUOTED and not summed else b""
        pieces.append(_constant(before + orjson.dumps(field.name) + b":" + quote))
        pieces.append(_total_texts(totals) if summed else _value_texts(group, field))
        before = quote + b","
    if metric.is_sum and "value" not in group.layout.fields:
        pieces += (_constant(before + b'"value":'), _total_texts(totals))
        before = b","
    return JsonLines([*pieces, _constant(before.rstrip(b",") + b"},")])


def _constant(text: bytes) -> Texts:
    """A text that all lines have."""
    return Texts(np.array(np.void(text)), np.array(len(text)))


def _total_texts(totals: Totals) -> Texts:
    return _number_texts(totals.reading if totals.whole is None else totals.whole)


def _value_texts(group: Group, field: Field) -> Texts:
    match field.kind:
        case layout.STRING:
            return group.strings(field)
        case layout.OBJECT_ID:
            return Texts(np.frombuffer(hexlify(group.values(field, "V12").data), "V24"), np.array(24))
        case layout.DATE:
            return _date_texts(group.values(field, "<i8"))
        case layout.BOOLEAN:
            values = group.values(field, "u1").astype(np.int64)
            return Texts(np.array([b"false", b"true"]).view("V5")[values], 5 - values)
        case layout.NULL:
            return _constant(b"null")
        case _:
            return _number_texts(numbers_of(group, field.name))


def _number_texts(numbers: NDArray[Any]) -> Texts:
    """Numbers as orjson writes them: `null` for those that are not finite."""
    text = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    bounds = np.concatenate(([0], commas, [len(text) - 1]))
    lengths = np.diff(bounds) - 1
    width = int(lengths.max())
    return Texts(gather(text + bytes(width), bounds[:-1] + 1, width), lengths)


def _date_texts(date_ms: NDArray[np.int64]) -> Texts:
    """Times as `2022-04-10T12:43:23.000Z`, put together from three tables."""
    days, in_day_ms = np.divmod(date_ms, _DAY_MS)
    seconds, milliseconds = np.divmod(in_day_ms, 1000)
    texts = np.empty(len(date_ms), "V24")
    texts.getfield("V13", 0)[:] = _day_texts(days)
    texts.getfield("V8", 11)[:] = _second_texts()[seconds]
    texts.getfield("V5", 19)[:] = _millisecond_texts()[milliseconds]
    return Texts(texts, np.array(24))


def _day_texts(days: NDArray[np.int64]) -> Items:
    codes, firsts = label_distinct(days.view("V8"))
    texts = np.datetime_as_string(days[firsts].astype("M8[D]"), unit="h").astype("S13")
    return texts.view("V13")[codes]


@cache
def _second_texts() -> Items:
    """`12:43:23` for each second of a day."""
    minutes = np.array([f"{minute // 60:02}:{minute % 60:02}:" for minute in range(24 * 60)], "S8")
    seconds = np.array([f"{second:02}" for second in range(60)], "S2")
    return np.strings.add(minutes[:, None], seconds).astype("S8").ravel().view("V8")


@cache
def _millisecond_texts() -> Items:
    return np.array([f".{millisecond:03}Z" for millisecond in range(1000)], "S5").view("V5")


def join_lines(
    lines: Sequence[tuple[Indices, JsonLines]], texts: Mapping[int, bytes], count: int, strip: int
) -> tuple[bytes, Indices]:
    """The texts of a block's documents in order, joined by commas; and their lengths in bytes.

    Args:
        lines: of groups of documents: their indices in the block, and their lines.
        texts: of single documents, by their indices in the block.
    """
    lengths = np.empty(count, np.int64)
    for rows, line in lines:
        lengths[rows] = line.lengths - 1
    for row, text in texts.items():
        lengths[row] = len(text)
    starts = np.append(0, np.cumsum(lengths + 1))
    end = int(starts[-1])
    width = max([line.width for _, line in lines], default=0)
    with BytesIO() as joined:
        joined.seek(end + width)
        joined.write(b",")
        if lines:
            _write_lines(lines, starts[:-1], joined, width, strip)
        for row, text in texts.items():
            joined.seek(int(starts[row]))
            joined.write(text + b",")
        joined.truncate(end - 1)
        return joined.getvalue(), lengths


def _write_lines(
    lines: Sequence[tuple[Indices, JsonLines]], starts: Indices, joined: BytesIO, width: int, strip: int
) -> None:
    """Write groups of lines at their starts: first into the equally wide rows of a table, then closed up.

    The rows are written in their full width. numpy assigns them in order, so each overwrites the padding of the one
    before it, and the single documents' texts, written after, what is left of it.
    """
    table = np.empty(strip * width, np.uint8)
    with joined.getbuffer() as view:
        rows_at = sliding_items(view, width)
        for first in range(0, len(starts), strip):
            for rows, line in lines:
                some = slice(*np.searchsorted(rows, (first, first + strip)).tolist())
                line.write(some, table, (rows[some] - first) * width)
            strip_starts = starts[first : first + strip]
            rows_at[strip_starts] = table.view(f"V{width}")[: len(strip_starts)]
        del rows_at  # the view cannot be released while an array looks at it
