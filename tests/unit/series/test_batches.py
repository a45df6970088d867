"""Slices of batches, and their digests."""

from __future__ import annotations

import bson
import numpy as np
import pytest

from pycemaker.columnar.encode import encode_batch
from pycemaker.metrics import CPU
from pycemaker.series.batches import Batch, join_batches
from pycemaker.window import from_epoch_ms


def batch(count: int = 10, from_ms: int = 1_000_000, **more: object) -> Batch:
    documents = [{"time_series": from_epoch_ms(from_ms + 5000 * n), "value": n / 8, **more} for n in range(count)]
    return encode_batch(b"".join(map(bson.encode, documents)), CPU)


WHOLE = batch()
TEXTS = [WHOLE.row(index) for index in range(10)]


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, 4), (3, 7), (3, 10), (9, 10), (-2, 12)])
def test_a_part_has_the_rows_of_its_documents(start: int, stop: int) -> None:
    part, texts = WHOLE.part(start, stop), TEXTS[max(start, 0) : stop]
    assert part.rows == b",".join(texts)
    assert [part.row(index) for index in range(len(part))] == texts
    assert [part.rows[:end] for end in part.ends] == [b",".join(texts[: n + 1]) for n in range(len(texts))]
    assert part.columns.reading.tolist() == [n / 8 for n in range(max(start, 0), min(stop, 10))]


def test_a_part_of_a_part_is_a_part() -> None:
    twice, once = WHOLE.part(2, 9).part(1, 5), WHOLE.part(3, 7)
    assert (twice.rows, twice.ends.tolist()) == (once.rows, once.ends.tolist())
    assert [twice.row(index) for index in range(4)] == TEXTS[3:7]


def test_no_document_is_an_empty_part() -> None:
    assert (len(WHOLE.part(4, 4)), WHOLE.part(7, 3).rows) == (0, b"")


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "expected"),
    [
        (1_000_000, None, range(10)),
        (1_000_001, None, range(1, 10)),
        (1_005_000, 1_020_000, range(1, 4)),
        (1_005_000, 1_020_001, range(1, 5)),
        (0, 1_000_000, range(0)),
        (2_000_000, None, range(0)),
    ],
)
def test_a_stretch_begins_with_its_first_instant_and_ends_before_its_last(
    from_ms: int, until_ms: int | None, expected: range
) -> None:
    assert WHOLE.between(from_ms, until_ms).rows == b",".join(TEXTS[n] for n in expected)


def test_joined_parts_are_a_batch_of_their_own() -> None:
    joined = join_batches([WHOLE.part(1, 3), WHOLE.part(5, 10)])
    assert joined.rows == b",".join(TEXTS[1:3] + TEXTS[5:])
    assert [joined.row(index) for index in range(7)] == TEXTS[1:3] + TEXTS[5:]
    assert joined.ends.tolist() == joined.row_ends.tolist()
    assert joined.end_of is None


def test_what_is_cut_without_an_end_has_a_digest_of_its_own_for_each_beginning_and_each_batch() -> None:
    starts_ms = [1_000_000 + 5000 * n for n in range(10)]
    digests = {each.between(start_ms, None).digest for each in (WHOLE, batch(host="b")) for start_ms in starts_ms}
    assert len(digests) == 20
    assert WHOLE.between(1_020_000, None).digest == batch().between(1_020_000, None).digest


def test_what_is_cut_with_an_end_keeps_its_digest_when_the_batch_grows() -> None:
    grown = batch(12)
    assert WHOLE.between(1_010_000, 1_030_000).digest == grown.between(1_010_000, 1_030_000).digest
    assert WHOLE.between(1_010_000, 1_050_000).digest == grown.between(1_010_000, 1_050_000).digest
    assert WHOLE.between(1_010_000, None).digest != grown.between(1_010_000, None).digest


def test_a_digest_is_made_once() -> None:
    part = WHOLE.part(1, 10)
    assert part.digest is part.digest
    assert np.array_equal(part.row_ends, WHOLE.row_ends[1:])
