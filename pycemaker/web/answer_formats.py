"""The formats of metric answers, chosen by `?format=`, else by the `Accept` header.

| format | media type | content |
|---|---|---|
| `json` | `application/json` | the contract's answer, and the default |
| `ndjson` | `application/x-ndjson` | the documents as in JSON, one a line |
| `csv` | `text/csv` | a line a sample, with a header: the columns below |
| `arrow` | `application/vnd.apache.arrow.stream` | the columns below, as record batches |

Columns: `time_series` (CSV: ISO 8601 in UTC with milliseconds and `Z`; Arrow: timestamp[ms, UTC]), `value` (the
metric's reading, float64; nothing where there is no finite one) and `criticity` (text; `unknown` where there is none).
The other shapes of an interval hold its own documents alone: the interval before it and the statistics are JSON's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycemaker.errors import InvalidParameter
from pycemaker.parsing.values import Value
from pycemaker.series.batches import Batch, Columns, join_columns
from pycemaker.series.csv_lines import csv_lines
from pycemaker.series.downsample import FEWEST, MOST
from pycemaker.series.steps import Steps

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPES = {
    "json": "application/json; charset=utf-8",
    "ndjson": "application/x-ndjson; charset=utf-8",
    "csv": "text/csv; charset=utf-8; header=present",
    "arrow": "application/vnd.apache.arrow.stream",
}
PARAMETERS = ("every", "format", "max_points")  # The parameters of a query
_CACHE_BUSTER = "_"  # What jQuery adds to a query (`_=1795442066534`) so that no cache answers; it means nothing
_LONGEST_FIELD = 131_072  # The longest field that Python's `csv` takes by default (`csv.field_size_limit`)
BROKEN_OFF = {
    "json": b"",
    "ndjson": b'{"msg":"A resposta foi interrompida.","error":"broken_off"',
    "csv": b'"broken_off: a resposta foi interrompida' + b"." * _LONGEST_FIELD,
    "arrow": b"\xff\xff\xff\xff\xff\xff\xff\x7f",
}
"""The end of an answer whose reading failed after it had begun, so that no parser takes it for a whole one.

The HTTP server ends such an answer as it ends any other. JSON does not parse without its closing brackets; an object
that is not closed, and the head of a record batch of 2 GB of which nothing follows, do not parse either. In CSV pandas
and Arrow refuse a quotation that is not closed; Python's `csv` closes it at the end, but refuses so long a field.
"""

ARROW_ROWS = 4_000
"""Samples a record batch; a constant, so that the same samples are the same bytes wherever they come from."""

FORMAT = Value(str, choices=tuple(MEDIA_TYPES))
EVERY = Value(int, 1, 86_400, unit="de segundos")
MAX_POINTS = Value(int, FEWEST, MOST, unit="(ou 0, todas)")
_PAIR = re.compile(r"format=[a-z]{1,10}|(?:max_points|every)=[0-9]{1,9}", re.ASCII)
_FORMATS = {media_type.partition(";")[0]: name for name, media_type in MEDIA_TYPES.items()}


@dataclass(frozen=True)
class Shape:
    """The shape of an answer.

    Attributes:
        max_points: how many documents at most; None for all.
        every_seconds: the length of the steps that it has instead of documents; None for documents.
    """

    format: str = "json"
    max_points: int | None = None
    every_seconds: int | None = None

    @property
    def media_type(self) -> str:
        """Of HTTP."""
        return MEDIA_TYPES[self.format]


def parse_shape(query: Mapping[str, str], accept: str, default_max_points: int = 0) -> Shape:
    """The shape that a request asks for.

    Args:
        query: its parameters. One that is unknown is refused: a misspelt `max_points` would be 1.5 MB.
        accept: its `Accept` header; JSON where it names no format of ours.
        default_max_points: the default of `max_points`; 0 for all.

    Raises:
        InvalidParameter: names the parameter that is wrong, or the known ones.
    """
    for name in query:
        if name not in (*PARAMETERS, _CACHE_BUSTER):
            raise InvalidParameter(field=name[:40], reason="there is no such parameter", known=list(PARAMETERS))
    named = query.get("format")
    if named is not None:
        FORMAT.read("format", named)
    text, every = query.get("max_points"), query.get("every")
    if text is not None and every is not None:
        raise InvalidParameter(field="max_points", reason="not together with every", takes="max_points ou every")
    if every is not None:
        return Shape(named or _accepted(accept), every_seconds=EVERY.read("every", every))
    max_points = default_max_points if text is None else _max_points(text)
    return Shape(named or _accepted(accept), max_points or None)


def check_steps(every_seconds: int, seconds: float) -> None:
    """Check that an answer about so many seconds has at most MOST steps.

    Raises:
        InvalidParameter: it has more; names the shortest step that would do.
    """
    replace(EVERY, low=math.ceil(seconds / MOST)).read("every", every_seconds)


def _max_points(text: str) -> int:
    """The most documents of an answer; 0 for all, in spite of the default."""
    if text and not text.strip("0"):
        return 0
    return int(MAX_POINTS.read("max_points", text))


def shape_key(query: str, accept: str) -> tuple[str, ...] | None:
    """A short key for the shape that a query and `Accept` ask for: equal for requests that mean the same.
    The pairs and the format; None for a query with other parameters, with one twice, or spelt unusually.
    """
    if not query:
        return (_accepted(accept),)
    pairs = query.split("&", 2)
    if len(pairs) > 2 or not all(map(_PAIR.fullmatch, pairs)) or len({pair[:4] for pair in pairs}) < len(pairs):
        return None
    return (*sorted(pairs), "" if "format=" in query else _accepted(accept))


def _accepted(accept: str) -> str:
    """The format that the header likes best; the first of equals."""
    best, best_weight = "json", 0.0
    for entry in accept.lower().split(",") if accept else ():
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        name = "json" if media_type in ("*/*", "application/*") else _FORMATS.get(media_type)
        if name is not None and weight > best_weight:
            best, best_weight = name, weight
    return best


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def write(batches: Iterable[Batch], format_name: str) -> Iterator[bytes]:
    """The documents in one of the formats but JSON, a chunk for each batch."""
    writers = {"ndjson": _ndjson, "csv": _csv, "arrow": _arrow}
    return writers[format_name](batches)


def write_steps(steps: Steps, format_name: str) -> bytes:
    """Steps as CSV or Arrow, with the columns of `step_columns`."""
    columns = step_columns(steps)
    if format_name == "csv":
        return ",".join(["time_series", *columns]).encode() + b"\n" + csv_lines(steps.start_ms, [*columns.values()])
    import pyarrow as pa

    times = pa.array(steps.start_ms, pa.timestamp("ms", tz="UTC"))
    table, sink = pa.table({"time_series": times, **columns}), BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def step_rows(steps: Steps) -> list[dict[str, Any]]:
    """Each step as plain data: `time_series` (ISO 8601, UTC), and its columns."""
    columns = {name: column.tolist() for name, column in step_columns(steps).items()}
    times = np.datetime_as_string(steps.start_ms.astype("M8[ms]"), timezone="UTC").tolist()
    rows = zip(times, *columns.values(), strict=True)
    return [dict(zip(("time_series", *columns), row, strict=True)) for row in rows]


def step_columns(steps: Steps) -> dict[str, NDArray[Any]]:
    """The columns of steps by their names in answers."""
    return {"count": steps.count, "mean": steps.mean, "min": steps.minimum, "max": steps.maximum, "p95": steps.p95}


def _ndjson(batches: Iterable[Batch]) -> Iterator[bytes]:
    for batch in batches:
        if len(batch):
            text = np.frombuffer(batch.rows + b"\n", np.uint8).copy()
            text[batch.ends] = ord("\n")
            yield text.tobytes()


def _csv(batches: Iterable[Batch]) -> Iterator[bytes]:
    yield b"time_series,value,criticity\n"
    for batch in batches:
        if len(batch):
            columns = batch.columns
            yield csv_lines(columns.time_ms, [columns.reading], columns.criticity, columns.criticity_names)


def _arrow(batches: Iterable[Batch]) -> Iterator[bytes]:
    import pyarrow as pa

    sink = BytesIO()
    with pa.ipc.new_stream(sink, _schema()) as writer:
        for columns in _in_record_batches((batch.columns for batch in batches), ARROW_ROWS):
            writer.write_table(_table(columns))
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


def _in_record_batches(parts: Iterable[Columns], length: int) -> Iterator[Columns]:
    """The same samples, `length` at a time; the last ones may be fewer."""
    pending: list[Columns] = []
    room = length
    for part in parts:
        while len(part) >= room:
            yield join_columns([*pending, part.part(0, room)])
            part, pending, room = part.part(room, len(part)), [], length
        pending.append(part)
        room -= len(part)
    if room < length:
        yield join_columns(pending)


def _table(columns: Columns) -> pa.Table:
    import pyarrow as pa

    words = pa.DictionaryArray.from_arrays(columns.criticity, pa.array(columns.criticity_names, pa.string()))
    return pa.table(
        [
            pa.array(columns.time_ms, pa.timestamp("ms", tz="UTC")),
            pa.array(columns.reading, pa.float64(), from_pandas=True),
            words.cast(pa.string()),
        ],
        schema=_schema(),
    )


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [("time_series", pa.timestamp("ms", tz="UTC")), ("value", pa.float64()), ("criticity", pa.string())]
    )
