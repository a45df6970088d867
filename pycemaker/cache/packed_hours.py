"""An hour's samples as one document of the collection `hour_samples`. Pure.

    {"_id": {"application": "", "metric": "cpu", "hour": ISODate("2026-05-20T11:00:00Z")},
     "version": 2, "documents": 720, "last_ms": 1779278395000, "last_made_s": 1779278396, "distances": BinData(...),
     "readings": BinData(...), "criticities": BinData(...), "words": ["high", "low"], "stored": BinData(...),
     "made_at": ISODate(...)}

`documents` is how many there are, `last_ms` when the last of them was taken, and `last_made_s` the second in which its
`_id` was made, null where that does not tell. An element a sample, oldest first, all little-endian:
`distances` are milliseconds since the sample before it, of the first one since the hour's start (32 bits); `readings`
are 64-bit floats; `criticities` are places in `words` (16 bits); `stored` are seconds from the making of the `_id` of
the sample before it, of the first one since 1970 (32 bits, modulo 2^32), and null where an `_id` tells none. Distances
repeat, and so MongoDB's compression leaves little more than the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.cache.summary_documents import Document, id_of
from pycemaker.columnar.ingestion_delay import StoredSamples, join_stored
from pycemaker.mongo.reader import HourFingerprint
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS

VERSION = 2
"""Of this layout: documents of another one are made anew."""

MOST_SAMPLES = 7_200
"""An hour with more, two a second, is read as it stands: some 130 KB."""


def to_documents(samples: StoredSamples, application: str, metric_id: str, now_utc: datetime) -> dict[int, Document]:
    """A document for each hour that has samples, and not too many, made `now_utc`; by hours since 1970."""
    hour = (samples.columns.time_ms - 1) // HOUR_MS
    starts = np.flatnonzero(np.diff(hour, prepend=-1))
    ends = np.flatnonzero(np.diff(hour, append=-1)) + 1
    return {
        own: {"_id": id_of(application, metric_id, own), "made_at": now_utc}
        | _packed(samples.part(start, end), own * HOUR_MS)
        for own, start, end in zip(hour[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
        if end - start <= MOST_SAMPLES
    }


def _packed(samples: StoredSamples, hour_ms: int) -> Document:
    columns = samples.columns
    codes, places = np.unique(columns.criticity, return_inverse=True)
    return {
        "version": VERSION,
        "documents": len(columns),
        "last_ms": int(columns.time_ms[-1]),
        "last_made_s": None if samples.stored_s is None else int(samples.stored_s[-1]),
        "distances": np.diff(columns.time_ms, prepend=hour_ms).astype("<u4").tobytes(),
        "readings": columns.reading.astype("<f8").tobytes(),
        "criticities": places.astype("<u2").tobytes(),
        "words": [columns.criticity_names[code] for code in codes.tolist()],
        "stored": None
        if samples.stored_s is None
        else np.diff(samples.stored_s, prepend=_ZERO).astype("<u4").tobytes(),
    }


def from_documents(documents: Sequence[Document]) -> StoredSamples:
    """The samples that documents hold, given oldest first."""
    if not documents:
        return join_stored([])
    counts = np.array([len(document["readings"]) // 8 for document in documents], np.int64)
    hours_ms = np.array([hour_of(document) for document in documents], np.int64) * HOUR_MS
    names = tuple(sorted({word for document in documents for word in document["words"]}))
    columns = Columns(
        _added_up(_column(documents, "distances", "<u4").astype(np.int64), counts, hours_ms),
        _column(documents, "readings", "<f8").astype(np.float64),
        _numbered(documents, counts, names),
        names,
    )
    if any(document["stored"] is None for document in documents):
        return StoredSamples(columns, None)
    return StoredSamples(columns, _added_up(_column(documents, "stored", "<u4").astype(np.uint32), counts, _ZERO))


def hour_of(document: Document) -> int:
    """Which hour a document is of, in hours since 1970; its dates are naive."""
    return int((document["_id"]["hour"] - _EPOCH).total_seconds()) // 3600


def is_valid(document: Document, end: HourFingerprint | None) -> bool:
    """Whether a document's hour has, by the index, as many documents and the same last one as it holds."""
    if end is None or (end.documents, end.last_ms) != (document["documents"], document["last_ms"]):
        return False
    return None in (end.stored_s, document["last_made_s"]) or end.stored_s == document["last_made_s"]


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as the documents are read
_ZERO = np.zeros(1, np.uint32)


def _column(documents: Sequence[Document], name: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(document[name] for document in documents), kind)


def _added_up(distances: NDArray[Any], counts: NDArray[np.int64], starts: NDArray[Any]) -> NDArray[Any]:
    """The distances of each document added up from its start on; of 32 bits modulo 2^32."""
    sums = np.cumsum(distances, dtype=distances.dtype)
    firsts = np.cumsum(counts) - counts
    return np.asarray(sums + np.repeat(starts - (sums[firsts] - distances[firsts]), counts))


def _numbered(documents: Sequence[Document], counts: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int16]:
    """The criticities by their places in `names`."""
    places = {name: place for place, name in enumerate(names)}
    table = np.array([places[word] for document in documents for word in document["words"]], np.int16)
    words = np.array([len(document["words"]) for document in documents], np.int64)
    return np.asarray(table[_column(documents, "criticities", "<u2") + np.repeat(np.cumsum(words) - words, counts)])
