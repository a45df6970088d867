"""Documents of the collection `hour_summaries`: the summary of one metric and UTC hour. Pure.

    {"_id": {"application": "", "metric": "cpu", "hour": ISODate("2026-05-20T11:00:00Z")},
     "version": 2774618013, "documents": 720, "summary": BinData(...), "criticities": {"high": 12, "low": 708},
     "made_at": ISODate(...), "checked_at": ISODate(...)}

The application of samples that name none is the empty text. `documents` is the hour's count by the index; documents
with a list of times are counted and are in no summary. `summary` is a row of numbers (`_NUMBERS`) and the histogram,
32 bits a bin, all little-endian: a document of 20 fields took four times as long to read.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, bin_edges
from pycemaker.window import from_epoch_ms

Document = dict[str, Any]

_NUMBERS = (
    dict.fromkeys(("hour_ms", "count", "readings"), "<i8")
    | dict.fromkeys(("total", "minimum", "maximum"), "<f8")
    | dict.fromkeys(("minimum_ms", "maximum_ms", "longest_gap_ms", "step_ms"), "<i8")
    | dict.fromkeys(("block_minimum", "block_median", "block_maximum"), "<f8")
)


def id_of(application: str, metric_id: str, hour: int) -> Document:
    """The `_id` of an hour, given in hours since 1970. The order of its fields counts: MongoDB compares them in it."""
    return {"application": application, "metric": metric_id, "hour": from_epoch_ms(hour * HOUR_MS)}


def hour_of(document: Mapping[str, Any]) -> int:
    """A document's hour, in hours since 1970."""
    return int.from_bytes(document["summary"][:8], "little", signed=True) // HOUR_MS


def is_whole(document: Mapping[str, Any], unit: str) -> bool:
    """True where a document of this version has every part: whoever may write to the database may write here."""
    try:
        return bool(
            document["version"] == version_of(unit)
            and len(document["summary"]) == _row_type(unit).itemsize
            and all(isinstance(name, str) and isinstance(n, int) for name, n in document["criticities"].items())
            and isinstance(document["documents"], int)
            and all(isinstance(document[name], datetime) for name in ("made_at", "checked_at"))
        )
    except (AttributeError, KeyError, TypeError):
        return False


def to_documents(summaries: HourSummaries, application: str, metric_id: str, now_utc: datetime) -> list[Document]:
    """A document for each hour, oldest first, computed and compared at `now_utc`."""
    table, version = np.zeros(len(summaries), _row_type(summaries.unit)), version_of(summaries.unit)
    for name in (*_NUMBERS, "histogram"):
        table[name] = getattr(summaries, name)
    return [
        {
            "_id": id_of(application, metric_id, int(row["hour_ms"]) // HOUR_MS),
            "version": version,
            "documents": int(row["count"]),
            "summary": row.tobytes(),
            "criticities": {n: int(c) for n, c in zip(summaries.criticity_names, counts, strict=True) if c},
            "made_at": now_utc,
            "checked_at": now_utc,
        }
        for row, counts in zip(table, summaries.criticities, strict=True)
    ]


def from_documents(documents: Mapping[int, Mapping[str, Any]], unit: str) -> HourSummaries:
    """The summaries of documents, given by their hours, oldest first. No document gives no row."""
    ordered = [documents[hour] for hour in sorted(documents)]
    table = np.frombuffer(b"".join(document["summary"] for document in ordered), _row_type(unit))
    names = tuple(sorted({name for document in ordered for name in document["criticities"]}))
    numbers: dict[str, NDArray[Any]] = {name: table[name].astype(kind[1:]) for name, kind in _NUMBERS.items()}
    return HourSummaries(
        **numbers,
        criticities=np.array(
            [[document["criticities"].get(name, 0) for name in names] for document in ordered], np.int64
        ).reshape(len(ordered), len(names)),
        criticity_names=names,
        histogram=table["histogram"].astype(np.int64),
        unit=unit,
    )


@cache
def version_of(unit: str) -> int:
    """A checksum over the layout of `summary` and the bins; hours stored in another version are computed again."""
    return crc32(repr((_row_type(unit).descr, bin_edges(unit).tolist())).encode())


@cache
def _row_type(unit: str) -> np.dtype[Any]:
    return np.dtype([*_NUMBERS.items(), ("histogram", "<i4", len(bin_edges(unit)) - 1)])
