"""Encoding of BSON documents as columns and JSON text, a whole batch at a time.

No object is made of a document. `layout` groups the documents that are laid out alike; numpy takes a field's bytes out
of all of them at once; hex, date and number texts are made for a whole column (numbers by one `orjson.dumps`); and the
texts are scattered, field by field, to their places in each document's row.

`decode` takes the documents that this way would not get exactly right: other kinds of values, strings that are long,
not ASCII or escaped in JSON, dates outside of the years 1 to 9999, sums near 64 bits, and layouts that few share.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pycemaker.columnar.columns import Totals, criticities, fits_columns, fits_text, sum_readings
from pycemaker.columnar.decode import Decoded, UndatedError, decode, dump, is_dated
from pycemaker.columnar.json_rows import join_lines, json_lines_of
from pycemaker.columnar.layout import WORK_SIZES, Group, WorkSizes, group_by_layout
from pycemaker.columnar.split import Documents, Indices, Mask, split
from pycemaker.metrics import Metric
from pycemaker.series.batches import UNKNOWN_CRITICITY, Batch, Columns, no_columns

_MOST_NAMES = 32_767  # The most different criticities that int16 can number


def encode_batch(raw: bytes | Documents, metric: Metric, sizes: WorkSizes = WORK_SIZES) -> Batch:
    """The documents' columns and JSON texts.

    Args:
        raw: BSON documents in the order wanted, one after another or split already.
        metric: what they measure; a summed one gets the sum as `value`, in place where one is stored, else at the end.
            A row for each document whose `time_series` is a date. One with a list of dates is left out, although
            MongoDB finds it by any of them: it was not taken at an instant. Raises bson.errors.InvalidBSON: `raw` is
            cut short or malformed.
    """
    encoder = _Encoder(split(raw), metric, sizes)
    try:
        rows = b",".join([encoder.encode(some) for some in encoder.blocks()])
    except UndatedError:
        return encode_batch(encoder.documents.only(is_dated), metric, sizes)
    return Batch(encoder.columns(), rows, np.cumsum(encoder.lengths + 1) - 1)


def encode_columns(raw: bytes | Documents, metric: Metric, sizes: WorkSizes = WORK_SIZES) -> Columns:
    """The columns of `encode_batch` alone. Raises the same."""
    encoder = _Encoder(split(raw), metric, sizes)
    try:
        for some in encoder.blocks():
            encoder.measure(some)
    except UndatedError:
        return encode_columns(encoder.documents.only(is_dated), metric, sizes)
    return encoder.columns()


class _Encoder:
    """State of one call: an element a document, filled in group by group."""

    def __init__(self, documents: Documents, metric: Metric, sizes: WorkSizes) -> None:
        self.documents = documents
        self.metric = metric
        self.sizes = sizes
        self.time_ms = np.empty(len(documents), np.int64)
        self.reading = np.empty(len(documents), np.float64)
        self.codes = np.empty(len(documents), np.int64)
        self.words: dict[str, int] = {}
        self.lengths = np.empty(len(documents), np.int64)

    def blocks(self) -> Iterator[Indices]:
        for start in range(0, len(self.documents), self.sizes.block):
            yield np.arange(start, min(start + self.sizes.block, len(self.documents)))

    def columns(self) -> Columns:
        if not len(self.documents):
            return no_columns()
        return Columns(self.time_ms, self.reading, *_number_by_name(self.codes, self.words))

    def measure(self, rows: Indices) -> None:
        groups, others = self._grouped(rows, fits_columns)
        for group in groups:
            self._fill(group)
        for row in others.tolist():
            self._fill_one(row)

    def encode(self, rows: Indices) -> bytes:
        groups, others = self._grouped(rows, fits_text)
        first = int(rows[0])
        lines = [(group.rows - first, json_lines_of(group, self.metric, self._fill(group))) for group in groups]
        texts = {row - first: dump(self._fill_one(row).document) for row in others.tolist()}
        joined, self.lengths[rows] = join_lines(lines, texts, len(rows), self.sizes.strip)
        return joined

    def _grouped(self, rows: Indices, fits: Callable[[Group, Metric], Mask]) -> tuple[list[Group], Indices]:
        least = self.sizes.smallest_group
        return group_by_layout(self.documents, rows, lambda group: fits(group, self.metric), least)

    def _fill(self, group: Group) -> Totals:
        totals = sum_readings(group, self.metric)
        codes, words = criticities(group)
        self.time_ms[group.rows] = group.values(group.layout.fields["time_series"], "<i8")
        self.reading[group.rows] = totals.reading
        self.codes[group.rows] = np.array([self._code(word) for word in words])[codes]
        return totals

    def _fill_one(self, row: int) -> Decoded:
        decoded = decode(self.documents.document_at(row), self.metric)
        self.time_ms[row] = decoded.time_ms
        self.reading[row] = decoded.reading
        self.codes[row] = self._code(decoded.criticity)
        return decoded

    def _code(self, word: str) -> int:
        return self.words.setdefault(word or UNKNOWN_CRITICITY, len(self.words))


def _number_by_name(codes: NDArray[np.int64], words: Mapping[str, int]) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """The codes renumbered in the alphabetical order of the words; words too many for int16 become `unknown`."""
    names = sorted(words)
    if len(names) > _MOST_NAMES:
        names = sorted({*names[: _MOST_NAMES - 1], UNKNOWN_CRITICITY})
    codes_by_name = {name: code for code, name in enumerate(names)}
    unknown = codes_by_name.get(UNKNOWN_CRITICITY, 0)
    table = np.array([codes_by_name.get(word, unknown) for word in words], np.int16)
    return table[codes], tuple(names)
