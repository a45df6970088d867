"""Samples in memory: columns for numbers, and encoded rows for what goes out. Pure containers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pycemaker.window import Interval, to_epoch_ms

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_CRITICITY = "unknown"
"""What a document without a criticity counts as."""


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

    def within(self, interval: Interval) -> Columns:
        """The samples of an interval that has an end."""
        assert interval.end_utc is not None  # noqa: S101 - an open end is no part
        ends = to_epoch_ms(interval.start_utc), to_epoch_ms(interval.end_utc)
        first, last = np.searchsorted(self.time_ms, ends, side="right")
        part = slice(int(first), int(last))
        return Columns(self.time_ms[part], self.reading[part], self.criticity[part], self.criticity_names)

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
        columns: an element a document.
        rows: the documents' JSON texts joined by commas, without a trailing one; UTF-8.
        row_ends: for each document the offset in `rows` just past its text (int64).
    """

    columns: Columns
    rows: bytes
    row_ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row_ends)

    def row(self, index: int) -> bytes:
        """The JSON text of one document."""
        start = 0 if index == 0 else int(self.row_ends[index - 1]) + 1
        return self.rows[start : int(self.row_ends[index])]


def no_columns() -> Columns:
    """Columns of no sample at all."""
    return Columns(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int16), (UNKNOWN_CRITICITY,))


def join_columns(parts: Iterable[Columns]) -> Columns:
    """The parts one after another, their criticity words brought to one numbering. No part gives `no_columns()`."""
    kept = [part for part in parts if len(part)]
    if not kept:
        return no_columns()
    names = tuple(sorted({name for part in kept for name in part.criticity_names}))
    places = {name: place for place, name in enumerate(names)}
    return Columns(
        np.concatenate([part.time_ms for part in kept]),
        np.concatenate([part.reading for part in kept]),
        np.concatenate(
            [np.array([places[n] for n in part.criticity_names], np.int16)[part.criticity] for part in kept]
        ),
        names,
    )
