"""Batches of samples in memory: columns of numbers, and documents as JSON rows. Pure containers.

A tail out of memory is a slice of a batch, and thousands a second are taken by dozens of threads. numpy's calls and
xxhash's on long texts let another thread run, however short they are, and in taking turns at the interpreter a request
spent twice the time of its work. So slicing calls neither.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import xxhash
from numpy.typing import NDArray

from pycemaker.series.memoize import memoized
from pycemaker.window import Interval, to_epoch_ms

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_CRITICITY = "unknown"  # The criticity of a document without one


@dataclass(frozen=True)
class Columns:
    """One metric's samples, oldest first, an element a document.

    Attributes:
        time_ms: when, milliseconds since 1970 in UTC (int64).
        reading: the metric's reading in its unit (float64); NaN where the document has none that is finite.
        criticity: for each sample an index into `criticity_names` (int16).
        criticity_names: the collector's words; `unknown` stands for a document without one.
    """

    time_ms: NDArray[np.int64]
    reading: NDArray[np.float64]
    criticity: NDArray[np.int16]
    criticity_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time_ms)

    def part(self, start: int, stop: int) -> Columns:
        """The samples from `start` to before `stop`, not copied."""
        some = slice(start, stop)
        return Columns(self.time_ms[some], self.reading[some], self.criticity[some], self.criticity_names)

    def copy(self) -> Columns:
        """The same, copied."""
        return Columns(self.time_ms.copy(), self.reading.copy(), self.criticity.copy(), self.criticity_names)

    def after(self, time_ms: int) -> Columns:
        """The samples later than an instant, not copied."""
        return self.part(int(np.searchsorted(self.time_ms, time_ms, side="right")), len(self))

    def take(self, indices: NDArray[np.int64]) -> Columns:
        """The samples at these indices, copied."""
        return Columns(self.time_ms[indices], self.reading[indices], self.criticity[indices], self.criticity_names)

    def within(self, interval: Interval) -> Columns:
        """The samples of an interval that has an end."""
        assert interval.end_utc is not None  # noqa: S101 - an open end is no part
        ends = to_epoch_ms(interval.start_utc), to_epoch_ms(interval.end_utc)
        first, last = np.searchsorted(self.time_ms, ends, side="right")
        return self.part(int(first), int(last))

    def to_frame(self, zone: ZoneInfo) -> pd.DataFrame:
        """The samples as pandas: `time` (aware, in `zone`), `reading` (NaN where missing), `criticity` (category)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "time": pd.to_datetime(self.time_ms, unit="ms", utc=True).tz_convert(zone),
                "reading": self.reading,
                "criticity": pd.Categorical.from_codes(self.criticity, pd.Index(self.criticity_names)),
            }
        )


@dataclass(frozen=True)
class Batch:
    """A run of documents: their columns, and each document as JSON text.

    Attributes:
        rows: the documents' JSON texts joined by commas, without a trailing one; UTF-8.
        row_ends: for each document the offset just past its text (int64), counted from `rows_from`.
        rows_from: the offset at which `rows` starts; 0 but in a part of another batch, whose offsets it shares.
        end_of: of a part without an end: the batch whose last documents it has, and how many come before them.
    """

    columns: Columns
    rows: bytes
    row_ends: NDArray[np.int64]
    rows_from: int = 0
    end_of: tuple[Batch, int] | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.row_ends)

    @property
    def ends(self) -> NDArray[np.int64]:
        """For each document the offset in `rows` just past its text."""
        return self.row_ends - self.rows_from

    def row(self, index: int) -> bytes:
        """The JSON text of one document."""
        return self.rows[self._row_start(index) : int(self.row_ends[index]) - self.rows_from]

    def part(self, start: int, stop: int) -> Batch:
        """The documents from `start` to before `stop`; itself where that is all of them."""
        return self._cut(start, stop, None)

    def _cut(self, start: int, stop: int, end_of: tuple[Batch, int] | None) -> Batch:
        if start <= 0 and stop >= len(self):
            return self
        if start >= stop:
            return no_batch()
        first = self._row_start(start)
        rows = self.rows[first : int(self.row_ends[stop - 1]) - self.rows_from]
        return Batch(self.columns.part(start, stop), rows, self.row_ends[start:stop], self.rows_from + first, end_of)

    def between(self, from_ms: int, until_ms: int | None) -> Batch:
        """The documents with from_ms <= time < until_ms; None means without end."""
        times = self.columns.time_ms.data
        start = bisect_left(times, from_ms)
        if until_ms is None:
            return self._cut(start, len(self), (self, start))
        return self.part(start, bisect_left(times, until_ms))

    @property
    @memoized
    def digest(self) -> bytes:
        """128 bits that stand for `rows`: xxh3, which takes 15 µs for 720 documents where SHA-1 takes 60.

        A part without an end has a digest of the whole batch's digest and of its start: a poll of an hour's last
        minutes hashes no rows.
        """
        if self.end_of is None:
            return xxhash.xxh3_128_digest(self.rows)
        whole, start = self.end_of
        return xxhash.xxh3_128_digest(whole.digest + start.to_bytes(8, "little"))

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return 600 + len(self.rows) + 26 * len(self)

    def _row_start(self, index: int) -> int:
        return 0 if index == 0 else int(self.row_ends[index - 1]) + 1 - self.rows_from


def batches_digest(batches: Iterable[Batch], *more: str) -> str:
    """One digest, in hexadecimal, of each batch that has documents and of more texts."""
    digests = b"".join(batch.digest for batch in batches if len(batch))
    return xxhash.xxh3_128_hexdigest(digests + "\0".join(("", *more)).encode())


def text_digest(text: bytes) -> str:
    """128 bits that stand for the text, in hexadecimal."""
    return xxhash.xxh3_128_hexdigest(text)


def columns_digest(parts: Iterable[tuple[str, Columns]]) -> str:
    """One digest, in hexadecimal, of named columns: of instants, readings and criticities, bit by bit."""
    hashed = xxhash.xxh3_128()
    for name, columns in parts:
        hashed.update("\0".join((name, *columns.criticity_names)).encode())
        for column in (columns.time_ms, columns.reading, columns.criticity):
            hashed.update(np.ascontiguousarray(column).tobytes())
    return hashed.hexdigest()


def no_columns() -> Columns:
    """Columns of no sample at all."""
    return Columns(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int16), (UNKNOWN_CRITICITY,))


def no_batch() -> Batch:
    """A batch of no document."""
    return Batch(no_columns(), b"", np.empty(0, np.int64))


def join_batches(batches: Sequence[Batch]) -> Batch:
    """The batches one after another, copied, so that it keeps no larger batch alive."""
    filled = [batch for batch in batches if len(batch)]
    if not filled:
        return no_batch()
    if len(filled) == 1:
        return Batch(filled[0].columns.copy(), filled[0].rows, filled[0].ends)
    offsets = np.cumsum([0, *(len(batch.rows) + 1 for batch in filled[:-1])])
    return Batch(
        join_columns(batch.columns for batch in filled),
        b",".join(batch.rows for batch in filled),
        np.concatenate([batch.ends + offset for batch, offset in zip(filled, offsets, strict=True)]),
    )


def join_columns(parts: Iterable[Columns]) -> Columns:
    """The parts one after another, their criticities numbered alike. No part gives `no_columns()`."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return no_columns()
    names = tuple(sorted({name for part in filled for name in part.criticity_names}))
    codes = {name: code for code, name in enumerate(names)}
    return Columns(
        np.concatenate([part.time_ms for part in filled]),
        np.concatenate([part.reading for part in filled]),
        np.concatenate(
            [np.array([codes[name] for name in part.criticity_names], np.int16)[part.criticity] for part in filled]
        ),
        names,
    )
