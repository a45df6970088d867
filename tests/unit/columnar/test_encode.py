from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import bson
import numpy as np
import pytest
from bson.binary import Binary, UuidRepresentation
from bson.code import Code
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.errors import InvalidBSON
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from pycemaker.columnar import encode
from pycemaker.columnar.decode import decode, dump
from pycemaker.columnar.encode import encode_batch, encode_columns
from pycemaker.columnar.layout import WorkSizes
from pycemaker.metrics import CPU, HTTP_FAIL, REQUEST_COUNT, Metric
from pycemaker.series.batches import Batch
from tests.unit.columnar.encode_reference import encode_plainly

ID = ObjectId("625411900000000000000001")
TIME = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
TIME_MS = 1649594603000
CPU_DOCUMENT = {
    "_id": ID,
    "time_series": TIME,
    "origin_time_series": Int64(1650412800000),
    "consume_percent": "53.74%",
    "criticity": "high",
    "value": 0.537428,
}
COUNT_DOCUMENT = {"_id": ID, "time_series": TIME, "criticity": "low", "value_success": 1000, "value_fail": Int64(24)}
THREE_FIELDS = Metric("three", "three", "requests", "Três", fields=("a", "value", "value_fail"))

LONG_TAIL = bson.encode({"time_series": TIME, "tail": "t" * 3000})
"""After it, documents are far enough from the end for the fast path."""

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)


def to_bson(document: dict[str, Any]) -> bytes:
    return bson.encode(document, codec_options=OPTIONS)


def by_hand(*elements: bytes) -> bytes:
    """A document of elements that no encoder would write."""
    body = b"".join(elements) + b"\x09time_series\0" + struct.pack("<q", TIME_MS) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


def text_of(document: dict[str, Any] | bytes, metric: Metric = CPU) -> str:
    """The document's text, after seeing that it is the same alone and among hundreds."""
    raw = document if isinstance(document, bytes) else to_bson(document)
    alone = encode_batch(raw, metric).rows
    assert encode_batch(raw * 200 + LONG_TAIL, metric).rows.startswith((alone + b",") * 200)
    return alone.decode()


def reading_of(metric: Metric = CPU, **fields: Any) -> float:
    """The document's reading, after seeing that it is the same alone and among hundreds."""
    raw = to_bson({"time_series": TIME, **fields})
    alone = float(encode_columns(raw, metric).reading[0])
    among = encode_columns(raw * 200 + LONG_TAIL, metric).reading[:200]
    assert np.array_equal(among, np.full(200, alone), equal_nan=True)
    return alone


def value_text(**fields: Any) -> str:
    """What `request_count` documents get as `value`."""
    return json.dumps(json.loads(text_of({"time_series": TIME, **fields}, REQUEST_COUNT))["value"])


def rows_of(batch: Batch) -> list[bytes]:
    return [batch.row(index) for index in range(len(batch))]


def test_a_document_of_a_ratio_comes_out_as_stored() -> None:
    assert text_of(CPU_DOCUMENT) == (
        '{"_id":"625411900000000000000001","time_series":"2022-04-10T12:43:23.000Z","origin_time_series":1650412800000,'
        '"consume_percent":"53.74%","criticity":"high","value":0.537428}'
    )


def test_a_document_of_request_count_gets_its_sum_at_the_end() -> None:
    assert text_of(COUNT_DOCUMENT, REQUEST_COUNT) == (
        '{"_id":"625411900000000000000001","time_series":"2022-04-10T12:43:23.000Z","criticity":"low",'
        '"value_success":1000,"value_fail":24,"value":1024}'
    )


@pytest.mark.parametrize("stored", ["old", 7, 0.5, None, TIME, [1], ID], ids=lambda stored: type(stored).__name__)
def test_a_stored_value_of_request_count_is_replaced_where_it_stands(stored: object) -> None:
    document = {"time_series": TIME, "value": stored, "value_success": 1, "value_fail": 2}
    assert text_of(document, REQUEST_COUNT) == (
        '{"time_series":"2022-04-10T12:43:23.000Z","value":3,"value_success":1,"value_fail":2}'
    )


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"value_success": 1.5, "value_fail": 2}, "3.5"),
        ({"value_success": 1.0, "value_fail": 2.0}, "3.0"),
        ({"value_success": -0.0, "value_fail": -0.0}, "0.0"),
        ({"value_success": "10", "value_fail": 2}, "12.0"),
        ({"value_success": Int64(2**62), "value_fail": Int64(2**62 - 1)}, "9223372036854775807"),
        ({"value_success": Int64(2**62), "value_fail": Int64(2**62)}, "9.223372036854776e+18"),
        ({"value_success": Int64(2**53), "value_fail": 1}, "9007199254740993"),
        ({"value_success": 1}, "null"),
        ({"value_success": 1, "value_fail": None}, "null"),
        ({"value_success": 1, "value_fail": True}, "null"),
        ({"value_success": 1, "value_fail": float("nan")}, "null"),
        ({"value_success": 1e308, "value_fail": 1e308}, "null"),
    ],
)
def test_the_sum_is_an_integer_when_all_parts_are_and_64_bits_hold_it(parts: dict[str, Any], text: str) -> None:
    assert value_text(**parts) == text


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-2147483648, "-2147483648"),
        (Int64(-(2**63)), "-9223372036854775808"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (-0.0, "-0.0"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (Decimal128("0.25"), "0.25"),
        (Decimal128("NaN"), "null"),
        (Decimal128("sNaN"), "null"),
        (Decimal128("1E+6000"), "null"),
        ("", '""'),
        ("53.74%", '"53.74%"'),
        ("crítico", '"crítico"'),
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("\n", '"\\n"'),
        ("\x1f", '"\\u001f"'),
        ("\0\x7f/", '"\\u0000\x7f/"'),
        ("x" * 64, '"' + "x" * 64 + '"'),
        ("x" * 65, '"' + "x" * 65 + '"'),
        (ID, '"625411900000000000000001"'),
        (datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), '"1969-12-31T23:59:59.999Z"'),
        (DatetimeMS(-62135596800000), '"0001-01-01T00:00:00.000Z"'),
        (DatetimeMS(-62135596800001), "-62135596800001"),
        (DatetimeMS(253402300799999), '"9999-12-31T23:59:59.999Z"'),
        (DatetimeMS(253402300800000), "253402300800000"),
        (Timestamp(1649594603, 7), '"2022-04-10T12:43:23.000Z"'),
        (uuid.UUID(int=255), '"00000000-0000-0000-0000-0000000000ff"'),
        (b"\0\xff", '"AP8="'),
        (Binary(b"abc", 5), '"YWJj"'),
        (Regex("^a.*", "i"), '"^a.*"'),
        (Code("f()"), '"f()"'),
        (Code("f(x)", {"x": 1}), '"f(x)"'),
        (MinKey(), '"MinKey"'),
        (MaxKey(), '"MaxKey"'),
        (DBRef("hosts", ID), '{"$ref":"hosts","$id":"625411900000000000000001"}'),
        ({"at": TIME, "of": [ID, {"a": float("inf")}]},
         '{"at":"2022-04-10T12:43:23.000Z","of":["625411900000000000000001",{"a":null}]}'),
    ],
)  # fmt: skip
def test_a_field_nobody_knows_passes_through(stored: object, text: str) -> None:
    assert text_of({"other": stored, "time_series": TIME}) == (
        f'{{"other":{text},"time_series":"2022-04-10T12:43:23.000Z"}}'
    )


@pytest.mark.parametrize("key", ["é", 'say "no"', "$ref", "a.b", ""])
def test_a_field_may_have_any_name(key: str) -> None:
    assert json.loads(text_of({key: 1, "$id": 2, "time_series": TIME})) == {
        key: 1,
        "$id": 2,
        "time_series": "2022-04-10T12:43:23.000Z",
    }


@pytest.mark.parametrize("other_id", ["host-1", 7, TIME, {"a": 1}, None, 1.5])
def test_an_id_may_be_of_any_kind(other_id: object) -> None:
    text = text_of({"_id": other_id, "time_series": TIME})
    assert json.loads(text)["_id"] == ("2022-04-10T12:43:23.000Z" if other_id is TIME else other_id)


@pytest.mark.parametrize(
    ("element", "text"),
    [
        (b"\x02a\0\3\0\0\0\x80a\0", '"a":"\ufffda"'),
        (b"\x02a\0\4\0\0\0\xed\xa0\x80\0", '"a":"\ufffd\ufffd\ufffd"'),
        (b"\x0ab\xff\0", '"b\ufffd":null'),
    ],
    ids=["stray byte", "lone surrogate", "in a name"],
)
def test_bytes_that_are_not_utf8_are_replaced(element: bytes, text: str) -> None:
    assert text_of(by_hand(element)) == f'{{{text},"time_series":"2022-04-10T12:43:23.000Z"}}'


def test_of_a_key_stored_twice_the_last_value_stands_in_the_first_place() -> None:
    assert text_of(by_hand(b"\x10a\0\1\0\0\0", b"\x0ab\0", b"\x10a\0\2\0\0\0")) == (
        '{"a":2,"b":null,"time_series":"2022-04-10T12:43:23.000Z"}'
    )


@pytest.mark.parametrize(("levels", "text"), [(252, "[" * 252 + "1" + "]" * 252), (300, "null")])
def test_what_is_nested_too_deep_for_json_becomes_null(levels: int, text: str) -> None:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    assert text_of({"deep": nested, "a": 5, "time_series": TIME}) == (
        f'{{"deep":{text},"a":5,"time_series":"2022-04-10T12:43:23.000Z"}}'
    )


@pytest.mark.parametrize(
    ("stored", "reading"),
    [
        (0.5, 0.5),
        (7, 7.0),
        (Int64(2**53 + 1), 9007199254740992.0),
        (Decimal128("0.25"), 0.25),
        ("0.537428", 0.537428),
        (" +1.e1 ", 10.0),
        (".5", 0.5),
        ("007", 7.0),
        ("-0", 0.0),
        ("0" * 63 + "1", 1.0),
    ],
)
def test_what_counts_as_a_number_is_the_reading(stored: object, reading: float) -> None:
    assert reading_of(value=stored) == reading


@pytest.mark.parametrize(
    "stored",
    [None, True, float("nan"), float("inf"), Decimal128("Infinity"), Decimal128("1E+6000"), b"1", [1], {"a": 1}, TIME,
     "", " ", "nan", "inf", "1_0", "0x10", "1e999", "53%", "1,2", "[1]", "true", "1 2", "٣", "1e", ".", "1" * 65],
)  # fmt: skip
def test_what_does_not_count_as_a_finite_number_is_no_reading(stored: object) -> None:
    assert np.isnan(reading_of(value=stored))


def test_numeric_strings_that_together_look_like_json_are_read_one_by_one() -> None:
    texts = ["1", "[2", "3]", "4,5", "6", '"7', '8"', "9"] * 50
    columns = encode_columns(b"".join(to_bson({"time_series": TIME, "value": text}) for text in texts), CPU)
    expected = [1, np.nan, np.nan, np.nan, 6, np.nan, np.nan, 9]
    assert np.array_equal(columns.reading, expected * 50, equal_nan=True)


def test_a_numeric_string_stays_a_string_in_the_text() -> None:
    assert text_of({"time_series": TIME, "value": "0.50"}) == (
        '{"time_series":"2022-04-10T12:43:23.000Z","value":"0.50"}'
    )


def test_a_summed_reading_needs_all_its_parts() -> None:
    assert reading_of(REQUEST_COUNT, value_success=1, value_fail=2) == 3.0
    assert np.isnan(reading_of(REQUEST_COUNT, value_success=1))
    assert np.isnan(reading_of(REQUEST_COUNT, value=1))
    assert np.isnan(reading_of(CPU))


def test_the_criticity_is_the_stored_word_else_unknown() -> None:
    stored = ["low", "high", "", None, 3, "crítico", "low", Code("low")]
    documents = [{"time_series": TIME, "criticity": word} for word in stored] + [{"time_series": TIME}]
    columns = encode_columns(b"".join(map(to_bson, documents)) * 100, CPU)
    assert columns.criticity_names == ("crítico", "high", "low", "unknown")
    assert columns.criticity.tolist() == [2, 1, 3, 3, 3, 0, 2, 3, 3] * 100


def test_criticity_names_are_those_that_occur_by_code_point() -> None:
    words = ["é", "z", "B", "a"]
    batch = encode_batch(b"".join(to_bson({"time_series": TIME, "criticity": word}) for word in words), CPU)
    assert batch.columns.criticity_names == ("B", "a", "z", "é")
    assert batch.columns.criticity.tolist() == [3, 2, 0, 1]
    assert batch.columns.criticity.dtype == np.int16


def test_more_criticities_than_can_be_numbered_become_unknown() -> None:
    template = to_bson({"time_series": TIME, "criticity": "c00000"})
    raw = b"".join(template.replace(b"00000", b"%05d" % number) for number in range(32_768))
    columns = encode_columns(raw, CPU)
    assert len(columns.criticity_names) == 32_767
    assert columns.criticity_names[-1] == "unknown"
    assert columns.criticity[32_765:].tolist() == [32_765, 32_766, 32_766]


@pytest.mark.parametrize("time_ms", [TIME_MS, 0, -1, 253402300800000, 2**63 - 1, -(2**63)])
def test_the_time_is_in_milliseconds_even_where_no_calendar_has_it(time_ms: int) -> None:
    raw = to_bson({"time_series": DatetimeMS(time_ms)})
    for columns in (encode_columns(raw * 100, CPU), encode_batch(raw * 100, CPU).columns):
        assert columns.time_ms.tolist() == [time_ms] * 100


@pytest.mark.parametrize(
    "document", [{}, {"time_series": [TIME]}, {"time_series": 1}, {"time_series": None, "value": 1}, {"value": 1}]
)
@pytest.mark.parametrize("count", [1, 200])
def test_a_document_without_a_date_is_passed_over_alone_and_among_others(document: dict[str, Any], count: int) -> None:
    bad, good = to_bson(document) * count, to_bson(CPU_DOCUMENT) * 100
    for function in (encode_batch, encode_columns):
        assert len(function(bad, CPU)) == 0
        assert len(function(good + bad + good, CPU)) == 200
    assert encode_batch(good + bad + good, CPU).rows == encode_batch(good * 2, CPU).rows


def test_an_empty_batch_has_nothing_in_it() -> None:
    batch = encode_batch(b"", CPU)
    assert (len(batch), batch.rows, batch.row_ends.dtype) == (0, b"", np.int64)
    assert batch.columns.criticity_names == ("unknown",)
    assert len(encode_columns(b"", CPU)) == 0


def test_rows_are_found_by_their_ends() -> None:
    batch = encode_batch(b"".join(to_bson({"time_series": TIME, "a": "x" * n}) for n in (0, 1, 70)), CPU)
    start = b'{"time_series":"2022-04-10T12:43:23.000Z","a":"'
    assert rows_of(batch) == [start + b"x" * n + b'"}' for n in (0, 1, 70)]
    assert batch.row_ends.tolist() == [49, 100, 220]
    assert len(batch.rows) == 220


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_cut_short_anywhere_is_malformed(count: int) -> None:
    document = to_bson(COUNT_DOCUMENT)
    for cut in range(1, len(document)):
        with pytest.raises(InvalidBSON):
            encode_batch(document * (count - 1) + document[:cut], REQUEST_COUNT)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (by_hand(b"\x02a\0\3\0\0\0xy\0"), by_hand(b"\x02a\0\3\0\0\0xyz")),
        (by_hand(b"\x02a\0\1\0\0\0\0"), by_hand(b"\x02a\0\0\0\0\0")),
        (by_hand(b"\x02a\0\2\0\0\0x\0"), by_hand(b"\x02a\0\xff\xff\xff\x7fx\0")),
        (by_hand(b"\x08a\0\1"), by_hand(b"\x08a\0\2")),
        (by_hand(b"\x0aa\0"), by_hand(b"\x42a\0")),
        (by_hand(), by_hand()[:-1] + b"\1"),
        (by_hand(), struct.pack("<i", 30) + by_hand()[4:] + bytes(4)),
    ],
    ids=[
        "unended string",
        "string of length 0",
        "endless string",
        "boolean of 2",
        "unknown kind",
        "unended",
        "overlong",
    ],
)
def test_a_document_that_is_not_bson_is_malformed_alone_and_among_others(good: bytes, bad: bytes) -> None:
    for function in (encode_batch, encode_columns):
        assert len(function(good * 200, CPU)) == 200
        for raw in (bad, bad * 200, good * 100 + bad + good * 100):
            with pytest.raises(InvalidBSON):
                function(raw, CPU)


def test_what_looks_like_the_start_of_a_document_inside_one_is_not_taken_for_it() -> None:
    inner = to_bson(CPU_DOCUMENT)
    outer = to_bson(CPU_DOCUMENT | {"inner": inner, "same": CPU_DOCUMENT})
    batch = encode_batch((inner + outer) * 60, CPU)
    assert len(batch) == 120
    assert rows_of(batch)[::2] == [encode_batch(inner, CPU).rows] * 60
    assert rows_of(batch)[1::2] == [encode_batch(outer, CPU).rows] * 60


@pytest.mark.parametrize(("document", "metric"), [(CPU_DOCUMENT, HTTP_FAIL), (COUNT_DOCUMENT, REQUEST_COUNT)])
def test_documents_of_the_contract_are_not_decoded_one_by_one(document: dict[str, Any], metric: Metric) -> None:
    words = ["low", "medium", "high", "critical", ""]
    raw = b"".join(to_bson(document | {"criticity": words[n % 5], "a": n % 7 * "a"}) for n in range(500))
    with patch.object(encode, "decode", wraps=encode.decode) as decode:
        encode_batch(raw, metric)
    assert 1 <= decode.call_count <= 5


NUMERIC = st.sampled_from(["1", "-0", "1.5", "2.25", "+1", ".5", "1e3", "1e999", "nan", " 2 ", "1,2", "[1", "2]", ""])
WORDS = st.sampled_from(["low", "high", "critical", "", "5.1%", "x" * 64, "x" * 65, "ação", 'a"b', "\0x"])
INTS = st.integers(-(2**31), 2**31 - 1)
INT64S = (INTS | st.sampled_from([2**62, 2**63 - 1, -(2**63), 2**53 + 1])).map(Int64)
DATES = (INTS | st.sampled_from([-62135596800001, -62135596800000, 253402300799999, 253402300800000])).map(DatetimeMS)
IDS = st.binary(min_size=12, max_size=12).map(ObjectId)
RARE = st.sampled_from(
    [b"ab", uuid.UUID(int=7), Decimal128("1.5"), Timestamp(5, 6), Regex("a"), Code("a"), MinKey(), DBRef("a", 1, "b"),
     {"a": {"b": DatetimeMS(1)}}, [1.5, None, ID], Binary(b"\0", 9)]
)  # fmt: skip
KINDS: list[st.SearchStrategy[Any]] = [
    st.floats(), INTS, INT64S, WORDS, WORDS, NUMERIC, DATES, st.booleans(), st.none(), IDS, st.floats(0, 1), RARE
]  # fmt: skip
NAMES = ["_id", "value", "criticity", "value_fail", "value_success", "a", "é", "consume_percent"]
FIELDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(KINDS), max_size=3)


@st.composite
def batches(draw: st.DrawFn) -> list[bytes]:
    """Documents of a few layouts, in any order; some of odd kinds."""
    few = st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=3)
    layouts = [{**before, "time_series": DATES, **after} for before, after in draw(few)]
    order = draw(st.lists(st.sampled_from(layouts), min_size=1, max_size=20))
    return [to_bson({name: draw(kind) for name, kind in one.items()}) for one in order]


def encode_fast(raw_documents: Sequence[bytes], metric: Metric, strip: int) -> Batch:
    """Encoded with even one document worth a group, in strips of a few, and far from the end."""
    sizes = WorkSizes(block=7, smallest_group=1, strip=strip)
    return encode_batch(b"".join([*raw_documents, LONG_TAIL]), metric, sizes)


@settings(max_examples=25, deadline=None)
@given(batches(), st.sampled_from([CPU, REQUEST_COUNT, THREE_FIELDS]), st.integers(1, 4))
def test_many_layouts_in_one_batch_come_out_as_the_plain_reference_says(
    stored: list[bytes], metric: Metric, strip: int
) -> None:
    batch = encode_fast(stored, metric, strip)
    names = batch.columns.criticity_names
    for index, document in enumerate(stored):
        plain, time_ms, reading, word = encode_plainly(document, metric)
        in_order = json.loads(batch.row(index), object_pairs_hook=list)
        assert in_order == json.loads(json.dumps(plain), object_pairs_hook=list)
        assert batch.columns.time_ms[index] == time_ms
        assert np.array_equal(batch.columns.reading[index], reading, equal_nan=True)
        assert names[batch.columns.criticity[index]] == word
    assert names == tuple(sorted({names[code] for code in batch.columns.criticity}))


@settings(max_examples=25, deadline=None)
@given(batches(), st.sampled_from([CPU, REQUEST_COUNT, THREE_FIELDS]), st.integers(1, 4))
def test_both_paths_write_the_same_bytes(stored: list[bytes], metric: Metric, strip: int) -> None:
    batch = encode_fast(stored, metric, strip)
    assert rows_of(batch)[:-1] == [dump(decode(document, metric).document) for document in stored]
    assert batch.rows == b",".join(rows_of(batch))


@settings(max_examples=15, deadline=None)
@given(batches(), st.sampled_from([CPU, REQUEST_COUNT]))
def test_columns_alone_are_the_columns_of_a_batch(stored: list[bytes], metric: Metric) -> None:
    batch = encode_fast(stored, metric, 3)
    alone = encode_columns(b"".join([*stored, LONG_TAIL]), metric, WorkSizes(smallest_group=1))
    assert alone.time_ms.tolist() == batch.columns.time_ms.tolist()
    assert np.array_equal(alone.reading, batch.columns.reading, equal_nan=True)
    assert alone.criticity_names == batch.columns.criticity_names
    assert alone.criticity.tolist() == batch.columns.criticity.tolist()


@given(st.lists(st.floats(), min_size=48, max_size=80))
@settings(max_examples=15, deadline=None)
def test_any_float_reads_back_as_itself(numbers: list[float]) -> None:
    raw = b"".join(to_bson({"time_series": TIME, "value": number}) for number in numbers)
    texts = [json.loads(row)["value"] for row in rows_of(encode_batch(raw + LONG_TAIL, CPU))[:-1]]
    assert texts == [number if np.isfinite(number) else None for number in numbers]
