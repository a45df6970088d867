from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import bson
import numpy as np
import pytest

from pycemaker.cache.hour_summary_documents import from_documents, hour_of, to_documents
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, summarize

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = 494_000


def columns() -> Columns:
    time_ms = HOUR * HOUR_MS + np.array([1, 5_000, 10_000, HOUR_MS, 2 * HOUR_MS + 7], np.int64)
    reading = np.array([0.25, 0.75, np.nan, 0.5, np.nan])
    return Columns(time_ms, reading, np.array([0, 1, 1, 0, 0], np.int16), ("low", "a.b$c"))


@pytest.mark.parametrize("unit", ["ratio", "seconds", "requests"])
def test_every_number_of_a_summary_comes_back_out_of_its_document(unit: str) -> None:
    summaries = summarize(columns(), unit)
    documents = to_documents(summaries, "", "cpu", NOW)
    stored = bson.decode_all(b"".join(bson.encode(document) for document in documents))
    again = from_documents({hour_of(document): document for document in stored}, unit)
    for field in fields(HourSummaries):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(summaries, field.name))
        if isinstance(array := getattr(again, field.name), np.ndarray):
            assert array.dtype == getattr(summaries, field.name).dtype


def test_a_document_has_its_hour_and_the_number_of_its_samples() -> None:
    first, last = to_documents(summarize(columns(), "ratio"), "", "cpu", NOW)
    assert first["_id"] == {"application": "", "metric": "cpu", "hour": datetime(2026, 5, 10, 8, tzinfo=UTC)}
    assert (first["documents"], first["criticities"]) == (4, {"low": 2, "a.b$c": 2})
    assert (last["documents"], last["criticities"]) == (1, {"low": 1})
    assert len(bson.encode(first)) < 700


def test_no_document_gives_no_row() -> None:
    assert len(from_documents({}, "seconds")) == 0
    assert from_documents({}, "seconds").histogram.shape == summarize(no_columns(), "seconds").histogram.shape
