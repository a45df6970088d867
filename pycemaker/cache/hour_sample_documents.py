"""Documents of the collection `hour_samples`: the samples of one metric and UTC hour, as columns. Pure.

    {"_id": {"application": "", "metric": "cpu", "hour": ISODate("2026-05-20T11:00:00Z")},
     "version": 2, "documents": 720, "last_ms": 1779278395000, "last_made_s": 1779278396, "distances": BinData(...),
     "readings": BinData(...), "criticities": BinData(...), "words": ["high", "low"], "stored": BinData(...),
     "made_at": ISODate(...)}

`documents` is the number of samples, `last_ms` the time of the last one, and `last_made_s` the second in its `_id`,
null where the `_id` is no ObjectId. The columns have an element a sample, oldest first, little-endian:

* `distances` (32 bits): milliseconds since the previous sample; for the first one since the hour's start.
* `readings`: 64-bit floats.
* `criticities` (16 bits): indices into `words`.
* `stored` (32 bits, modulo 2^32): seconds since the previous sample's `_id`; for the first one since 1970. Null where
  an `_id` is no ObjectId.

Distances repeat, so MongoDB's compression leaves little more than the readings.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.cache.hour_summary_documents import Document, id_of
from pycemaker.columnar.ingestion_delay import StoredSamples, join_stored
from pycemaker.mongo.reader import HourFingerprint
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS

VERSION = 2  # The layout's version; hours stored in another one are read again
MOST_SAMPLES = 7_200  # Two a second, some 130 KB. An hour with more gets no document.


def to_documents(samples: StoredSamples, application: str, metric_id: str, now_utc: datetime) -> dict[int, Document]:
    """A document for each hour that has samples, up to MOST_SAMPLES; by hours since 1970."""
    hour = (samples.columns.time_ms - 1) // HOUR_MS
    starts = np.flatnonzero(np.diff(hour, prepend=-1))
    ends = np.flatnonzero(np.diff(hour, append=-1)) + 1
    return {
        number: {"_id": id_of(application, metric_id, number), "made_at": now_utc}
        | _pack(samples.part(start, end), number * HOUR_MS)
        for number, start, end in zip(hour[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
        if end - start <= MOST_SAMPLES
    }


def _pack(samples: StoredSamples, hour_ms: int) -> Document:
    columns, stored_s = samples.columns, samples.stored_s
    codes, indices = np.unique(columns.criticity, return_inverse=True)
    return {
        "version": VERSION,
        "documents": len(columns),
        "last_ms": int(columns.time_ms[-1]),
        "last_made_s": None if stored_s is None else int(stored_s[-1]),
        "distances": np.diff(columns.time_ms, prepend=hour_ms).astype("<u4").tobytes(),
        "readings": columns.reading.astype("<f8").tobytes(),
        "criticities": indices.astype("<u2").tobytes(),
        "words": [columns.criticity_names[code] for code in codes.tolist()],
        "stored": None if stored_s is None else np.diff(stored_s, prepend=_ZERO).astype("<u4").tobytes(),
    }


def from_documents(documents: Sequence[Document]) -> StoredSamples:
    """The samples of documents that are sorted by hour."""
    if not documents:
        return join_stored([])
    counts = np.array([len(document["readings"]) // 8 for document in documents], np.int64)
    hours_ms = np.array([hour_of(document) for document in documents], np.int64) * HOUR_MS
    names = tuple(sorted({word for document in documents for word in document["words"]}))
    columns = Columns(
        _cumulate(_column(documents, "distances", "<u4").astype(np.int64), counts, hours_ms),
        _column(documents, "readings", "<f8").astype(np.float64),
        _criticities(documents, counts, names),
        names,
    )
    if any(document["stored"] is None for document in documents):
        return StoredSamples(columns, None)
    return StoredSamples(columns, _cumulate(_column(documents, "stored", "<u4").astype(np.uint32), counts, _ZERO))


def is_whole(document: Document) -> bool:
    """True where a document has every part, in lengths that agree: whoever may write to the database may write here."""
    try:
        count, stored = document["documents"], document["stored"]
        widths = {"distances": 4, "readings": 8, "criticities": 2, **({} if stored is None else {"stored": 4})}
        indices = np.frombuffer(document["criticities"], "<u2")
        return bool(
            document["version"] == VERSION
            and all(len(document[name]) == width * count for name, width in widths.items())
            and all(isinstance(word, str) for word in document["words"])
            and (not count or int(indices.max()) < len(document["words"]))
            and isinstance(document["made_at"], datetime)
            and isinstance(document["_id"]["hour"], datetime)
        )
    except (KeyError, TypeError, ValueError):
        return False


def hour_of(document: Document) -> int:
    """A document's hour, in hours since 1970; its dates are naive."""
    return int((document["_id"]["hour"] - _EPOCH).total_seconds()) // 3600


def is_valid(document: Document, fingerprint: HourFingerprint | None) -> bool:
    """True where a document has the count and the last sample that its hour has by the index."""
    counted = (document["documents"], document["last_ms"])
    if fingerprint is None or (fingerprint.documents, fingerprint.last_ms) != counted:
        return False
    last_s, stored_s = document["last_made_s"], fingerprint.stored_s
    return last_s is None or stored_s is None or last_s == stored_s


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - documents are read with naive dates
_ZERO = np.zeros(1, np.uint32)


def _column(documents: Sequence[Document], name: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(document[name] for document in documents), kind)


def _cumulate(distances: NDArray[Any], counts: NDArray[np.int64], starts: NDArray[Any]) -> NDArray[Any]:
    """The sums of each document's distances, from its start on; for 32 bits modulo 2^32."""
    sums = np.cumsum(distances, dtype=distances.dtype)
    firsts = np.cumsum(counts) - counts
    return np.asarray(sums + np.repeat(starts - (sums[firsts] - distances[firsts]), counts))


def _criticities(documents: Sequence[Document], counts: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int16]:
    """Each sample's criticity as an index into `names`."""
    indices = {name: index for index, name in enumerate(names)}
    table = np.array([indices[word] for document in documents for word in document["words"]], np.int16)
    words = np.array([len(document["words"]) for document in documents], np.int64)
    return np.asarray(table[_column(documents, "criticities", "<u2") + np.repeat(np.cumsum(words) - words, counts)])
