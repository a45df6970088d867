"""Starts and ends of documents, in a run of them and in an array; and one document's key in the index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.errors import InvalidBSON
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.columnar.parse import elements_of, first_key, key_of
from pycemaker.columnar.split import Documents, split, split_array

TIME = datetime(2022, 4, 10, 12, 43, 23, 456000, tzinfo=UTC)
OF_EVERY_KIND: list[Any] = [
    *(
        1.5,
        "x",
        {"a": {"b": 1}},
        [1, [2, "y"]],
        b"bytes",
        ObjectId(),
        True,
        TIME,
        None,
        Regex("a/b", "im"),
        7,
        Int64(7),
    ),
    *(Code("f()"), Code("f()", {"a": 1}), Timestamp(1, 2), Decimal128("1.5"), MinKey(), MaxKey(), DBRef("a", 1)),
]


def encoded(document: dict[str, Any]) -> bytes:
    return bytes(bson.encode(document))


def listed(found: Documents) -> list[bytes]:
    return [found.document_at(index) for index in range(len(found))]


def array_of(documents: list[bytes]) -> tuple[bytes, int, int]:
    """A reply that holds them as the elements of an array, and where that starts and ends."""
    raw = encoded({"ok": 1.0, "batch": [bson.decode(each) for each in documents], "end": "x"})
    batch = elements_of(raw)["batch"]
    return raw, batch.start, batch.end


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 99, 100, 101, 1000, 1001, 10_002])
@pytest.mark.parametrize("alike", [True, False])
def test_documents_of_an_array_are_found_whatever_their_number(count: int, alike: bool) -> None:
    names = ["_id"] if alike else ["_id", "a", "bc"]
    documents = [encoded({names[n % len(names)]: n, "x": "y" * (n % 5)}) for n in range(count)]
    assert listed(split_array(*array_of(documents))) == documents
    assert listed(split(b"".join(documents))) == documents


documents = st.dictionaries(
    st.text("ab_id", min_size=1, max_size=3), st.none() | st.integers(-9, 9) | st.text(max_size=4)
)


@given(st.lists(documents, max_size=30))
def test_documents_of_any_kind_are_found_in_both(given_ones: list[dict[str, Any]]) -> None:
    raws = [encoded(each) for each in given_ones]
    assert listed(split_array(*array_of(raws))) == raws
    assert listed(split(b"".join(raws))) == raws


def test_an_array_cut_short_is_refused() -> None:
    raw, start, end = array_of([encoded({"_id": n}) for n in range(20)])
    for cut in (1, 5, 17):
        with pytest.raises(InvalidBSON):
            split_array(raw, start, end - cut)


@pytest.mark.parametrize("own", OF_EVERY_KIND, ids=lambda own: type(own).__name__)
def test_a_place_in_the_index_has_the_time_and_the_id_as_they_are_stored(own: Any) -> None:
    before = {f"f{n}": value for n, value in enumerate(OF_EVERY_KIND)}
    key = key_of(encoded({**before, "time_series": TIME, "inside": {"_id": 1, "time_series": 2}, "_id": own}))
    assert key is not None
    inside = bson.decode(encoded({"time_series": TIME, "own": own}))
    found = elements_of(key)
    assert list(found) == ["time_series", "_id"]
    assert bson.decode(key) == {"time_series": inside["time_series"], "_id": inside["own"]}


@pytest.mark.parametrize("time", [[TIME], "x", 1, None, TIME.isoformat()])
def test_a_document_without_a_date_has_no_place(time: Any) -> None:
    assert key_of(encoded({"_id": 1, "time_series": time})) is None
    assert key_of(encoded({"_id": 1})) is None
    assert key_of(encoded({"time_series": TIME})) is None


def test_the_first_place_of_an_instant_is_before_every_id() -> None:
    key = bson.decode(first_key(1_649_594_603_456))
    assert key == {"time_series": TIME.replace(tzinfo=None), "_id": MinKey()}
    assert list(key) == ["time_series", "_id"]
