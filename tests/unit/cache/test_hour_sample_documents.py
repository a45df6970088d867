from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bson
import numpy as np

from pycemaker.cache.hour_sample_documents import MOST_SAMPLES, from_documents, is_valid, to_documents
from pycemaker.columnar.ingestion_delay import StoredSamples
from pycemaker.mongo.reader import HourFingerprint
from pycemaker.series.batches import Columns, columns_digest
from pycemaker.series.hour_summaries import HOUR_MS

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = 494_000


def samples_of_two_hours(stored_s: list[int] | None = None) -> StoredSamples:
    """Two hours and a gap between them: the hour's first instant and its last, one time twice, one without a reading."""
    time_ms = HOUR * HOUR_MS + np.array([1, 5_000, 5_000, HOUR_MS, 2 * HOUR_MS + 7], np.int64)
    reading = np.array([0.1, -1e300, np.nan, 5e-324, 0.30000000000000004])
    columns = Columns(time_ms, reading, np.array([2, 0, 1, 2, 1], np.int16), ("a.b$c", "low", "unknown"))
    return StoredSamples(columns, None if stored_s is None else np.array(stored_s, np.uint32))


def through_mongodb(samples: StoredSamples) -> list[dict[str, Any]]:
    documents = to_documents(samples, "", "cpu", NOW)
    return bson.decode_all(b"".join(bson.encode(document) for document in documents.values()))


def test_samples_come_back_bit_by_bit() -> None:
    samples = samples_of_two_hours([1_778_400_000, 1_778_400_007, 1_778_400_003, 0, 4_294_967_295])
    again = from_documents(through_mongodb(samples))
    assert columns_digest([("cpu", again.columns)]) == columns_digest([("cpu", samples.columns)])
    assert again.columns.time_ms.dtype == np.int64
    assert again.stored_s is not None
    assert again.stored_s.tolist() == [1_778_400_000, 1_778_400_007, 1_778_400_003, 0, 4_294_967_295]


def test_one_document_without_storing_times_leaves_all_without() -> None:
    timed, untimed = through_mongodb(samples_of_two_hours([1, 2, 3, 4, 5])), through_mongodb(samples_of_two_hours())
    assert from_documents([timed[0], untimed[1]]).stored_s is None
    assert from_documents([timed[0], timed[1]]).stored_s is not None


def test_a_document_has_its_hour_the_number_of_its_samples_and_only_their_words() -> None:
    documents = to_documents(samples_of_two_hours(), "", "cpu", NOW)
    assert list(documents) == [HOUR, HOUR + 2]
    assert documents[HOUR]["_id"] == {"application": "", "metric": "cpu", "hour": datetime(2026, 5, 10, 8, tzinfo=UTC)}
    assert (documents[HOUR]["documents"], documents[HOUR]["words"]) == (4, ["a.b$c", "low", "unknown"])
    assert (documents[HOUR + 2]["documents"], documents[HOUR + 2]["words"]) == (1, ["low"])


def test_a_document_is_valid_where_the_index_has_the_same_count_and_last_sample() -> None:
    document = to_documents(samples_of_two_hours([1, 2, 3, 4, 5]), "", "cpu", NOW)[HOUR]
    fingerprint = HourFingerprint(HOUR, 4, (HOUR + 1) * HOUR_MS, 4)
    assert is_valid(document, fingerprint)
    assert is_valid(document, replace(fingerprint, stored_s=None))
    for other in (
        None,
        replace(fingerprint, documents=3),
        replace(fingerprint, last_ms=fingerprint.last_ms - 1),
        replace(fingerprint, stored_s=5),
    ):
        assert not is_valid(document, other)


def test_an_hour_of_more_samples_than_two_a_second_has_no_document() -> None:
    time_ms = HOUR * HOUR_MS + np.arange(1, MOST_SAMPLES + 2, dtype=np.int64)
    columns = Columns(time_ms, time_ms.astype(np.float64), np.zeros(len(time_ms), np.int16), ("low",))
    assert to_documents(StoredSamples(columns, None), "", "cpu", NOW) == {}
    assert list(to_documents(StoredSamples(columns.part(1, len(columns)), None), "", "cpu", NOW)) == [HOUR]
