"""Formats of metric answers: how one is chosen, and its bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from pycemaker.errors import InvalidParameter
from pycemaker.series.batches import Batch, Columns, join_batches, no_batch
from pycemaker.web.answer_formats import BROKEN_OFF, Shape, parse_shape, shape_key, write

ROWS = [b'{"a":1}', b'{"a":2}', b'{"a":"x,y"}']
COLUMNS = Columns(
    np.array([0, 1649594603000, 1649594603001]),
    np.array([0.5, np.nan, 1e300]),
    np.array([0, 1, 0], np.int16),
    ('a,"b', "unknown"),
)
BATCH = Batch(COLUMNS, b",".join(ROWS), np.cumsum([len(row) + 1 for row in ROWS]) - 1)


@pytest.mark.parametrize(
    ("query", "accept", "format_name"),
    [
        ({}, "", "json"),
        ({}, "*/*", "json"),
        ({}, "text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ({}, "text/csv", "csv"),
        ({}, "TEXT/CSV; header=present", "csv"),
        ({}, "application/json, text/csv", "json"),
        ({}, "application/json;q=0.5, text/csv", "csv"),
        ({}, "text/csv;q=0", "json"),
        ({}, "text/csv;q=x", "json"),
        ({}, "application/x-ndjson", "ndjson"),
        ({}, "application/vnd.apache.arrow.stream", "arrow"),
        ({}, "image/png", "json"),
        ({"format": "csv"}, "application/json", "csv"),
        ({"format": "json"}, "text/csv", "json"),
    ],
)
def test_the_parameter_wins_over_the_header_and_json_is_for_everybody_else(
    query: dict[str, str], accept: str, format_name: str
) -> None:
    assert parse_shape(query, accept).format == format_name


@pytest.mark.parametrize("text", ["", "1", "-5", "1.5", "x", "10001", "9" * 400, "٣٣", " 7", "1e3"])
def test_a_wrong_number_of_points_names_the_parameter(text: str) -> None:
    with pytest.raises(InvalidParameter) as told:
        parse_shape({"max_points": text}, "")
    assert told.value.facts["field"] == "max_points"


@pytest.mark.parametrize("text", ["", "xml", "CSV", "csv "])
def test_a_format_nobody_knows_names_the_parameter(text: str) -> None:
    with pytest.raises(InvalidParameter) as told:
        parse_shape({"format": text}, "")
    assert told.value.facts["field"] == "format"


@pytest.mark.parametrize("points", [2, 1000, 10_000])
def test_points_are_a_whole_number_within_bounds(points: int) -> None:
    assert parse_shape({"max_points": str(points), "_": "1795442066534"}, "") == Shape("json", points)


@pytest.mark.parametrize("name", ["maxpoints", "MAX_POINTS", "", "__", "x" * 400])
def test_a_parameter_nobody_knows_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(InvalidParameter) as told:
        parse_shape({"max_points": "40", name: "x"}, "")
    assert (told.value.facts["field"], told.value.facts["known"]) == (name[:40], ["every", "format", "max_points"])


@pytest.mark.parametrize(("query", "points"), [({}, 500), ({"max_points": "40"}, 40), ({"max_points": "0"}, None)])
def test_who_says_nothing_of_it_gets_as_many_points_as_are_set(query: dict[str, str], points: int | None) -> None:
    assert parse_shape(query, "", 500) == Shape("json", points)
    assert parse_shape({}, "") == Shape("json", None)


def written(format_name: str, *batches: Batch) -> bytes:
    return b"".join(write(batches, format_name))


def test_lines_of_json_are_the_documents_as_they_are() -> None:
    assert written("ndjson", BATCH, no_batch(), BATCH) == b"".join(row + b"\n" for row in ROWS * 2)


def test_csv_has_a_header_times_with_z_nothing_for_no_reading_and_quotes_where_needed() -> None:
    lines = written("csv", BATCH).decode().splitlines()
    assert lines == [
        "time_series,value,criticity",
        '1970-01-01T00:00:00.000Z,0.5,"a,""b"',
        "2022-04-10T12:43:23.000Z,,unknown",
        '2022-04-10T12:43:23.001Z,1e+300,"a,""b"',
    ]


def test_arrow_has_the_columns_with_their_types() -> None:
    table: Any = pa.ipc.open_stream(io.BytesIO(written("arrow", BATCH, BATCH))).read_all()
    assert [str(kind) for kind in table.schema.types] == ["timestamp[ms, tz=UTC]", "double", "string"]
    assert table.column_names == ["time_series", "value", "criticity"]
    assert table["value"].to_pylist() == [0.5, None, 1e300] * 2
    assert table["criticity"].to_pylist() == ['a,"b', "unknown", 'a,"b'] * 2
    assert table["time_series"].cast(pa.int64()).to_pylist() == COLUMNS.time_ms.tolist() * 2


@pytest.mark.parametrize("format_name", ["ndjson", "csv", "arrow"])
def test_the_bytes_do_not_depend_on_the_pieces_in_which_the_samples_came(format_name: str) -> None:
    many = join_batches([BATCH] * 3000)
    starts = {size: range(0, len(many), size) for size in (len(many), 720, 4000, 1)}
    found = {
        written(format_name, *(many.part(at, min(at + size, len(many))) for at in ats)) for size, ats in starts.items()
    }
    assert len(found) == 1
    if format_name == "arrow":
        [body] = found
        assert [batch.num_rows for batch in pa.ipc.open_stream(body)] == [4000, 4000, 1000]


@pytest.mark.parametrize(("format_name", "nothing"), [("ndjson", b""), ("csv", b"time_series,value,criticity\n")])
def test_no_sample_at_all_is_no_error(format_name: str, nothing: bytes) -> None:
    assert written(format_name, no_batch()) == nothing
    assert pa.ipc.open_stream(io.BytesIO(written("arrow"))).read_all().num_rows == 0


CSV_READERS: dict[str, tuple[Callable[[bytes], Any], type[Exception]]] = {
    "csv.reader": (lambda body: list(csv.reader(io.StringIO(body.decode(), newline=""))), csv.Error),
    "csv.reader, line by line": (lambda body: list(csv.reader(body.decode().splitlines())), csv.Error),
    "csv.DictReader": (lambda body: list(csv.DictReader(io.TextIOWrapper(io.BytesIO(body), newline=""))), csv.Error),
    "pandas": (lambda body: pd.read_csv(io.BytesIO(body)), pd.errors.ParserError),
    "pandas, its Python engine": (lambda body: pd.read_csv(io.BytesIO(body), engine="python"), pd.errors.ParserError),
    "Arrow": (lambda body: pyarrow.csv.read_csv(io.BytesIO(body)), pa.ArrowInvalid),
}


@pytest.mark.parametrize("reader", CSV_READERS)
def test_csv_that_broke_off_is_refused_by_what_reads_csv(reader: str) -> None:
    read, refusal = CSV_READERS[reader]
    whole = written("csv", BATCH, BATCH)
    assert len(read(whole)) >= 6
    with pytest.raises(refusal):
        read(whole + BROKEN_OFF["csv"])
    with pytest.raises(refusal):
        read(written("csv") + BROKEN_OFF["csv"])


@pytest.mark.parametrize(
    ("query", "accept", "meaning"),
    [
        ("", "", ("json",)),
        ("", "text/html, */*;q=0.8, " + "x" * 400_000, ("json",)),
        ("", "text/csv;q=0.9, application/x-ndjson", ("ndjson",)),
        ("format=csv", "application/json", ("format=csv", "")),
        ("max_points=50&format=csv", "", ("format=csv", "max_points=50", "")),
        ("format=csv&max_points=50", "", ("format=csv", "max_points=50", "")),
        ("max_points=50", "text/csv", ("max_points=50", "csv")),
        ("format=csv&format=json", "", None),
        ("format=csv&_=1", "", None),
        ("_=1", "", None),
        ("format=%63sv", "", None),
        ("max_points=50&max_points=60&format=csv", "", None),
        ("max_points=" + "1" * 400_000, "", None),
    ],
)
def test_requests_for_the_same_shape_have_one_key(query: str, accept: str, meaning: tuple[str, ...] | None) -> None:
    assert shape_key(query, accept) == meaning
