"""Bounds of a read: one application's samples of a stretch of time, as a filter and as two ends in an index."""

from dataclasses import dataclass
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.max_key import MaxKey
from bson.min_key import MinKey

from pycemaker.columnar.parse import application_element
from pycemaker.mongo.database import Document
from pycemaker.mongo.indexes import APPLICATION_KEY, KEY
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD

_END_OF_TIME = DatetimeMS(2**63 - 1)


@dataclass(frozen=True)
class SampleBounds:
    """Bounds of the reads of one application.

    Attributes:
        application: whose samples; the default one's lack the field, which MongoDB finds, and indexes, as null.
        is_filtered: False while all samples there are the default application's, as far as anybody knows.
        by_application: whether the index that begins with the application is used.
    """

    application: str = DEFAULT_APPLICATION
    is_filtered: bool = False
    by_application: bool = False

    @property
    def key(self) -> list[tuple[str, int]]:
        """The index."""
        return APPLICATION_KEY if self.by_application else KEY

    @property
    def latest_first(self) -> dict[str, int]:
        """The index from its end."""
        return dict.fromkeys(dict(self.key), -1)

    @property
    def own(self) -> Document:
        """The filter for the application, also where all samples are known to be the default one's."""
        return {FIELD: self.application or None}

    @property
    def filter(self) -> Document:
        """The filter for the application that reads carry; a router finds the shard by it."""
        return self.own if self.is_filtered else {}

    @property
    def prefix(self) -> bytes:
        """The elements of a key before the time, as BSON."""
        return application_element(self.application) if self.by_application else b""

    def between_keys(self, from_ms: int, until_ms: int | None) -> Document:
        """The samples with from_ms <= time < until_ms as options of a find: ends in the index, and the filter."""
        before = self.own if self.by_application else {}
        last = {"time_series": _END_OF_TIME, "_id": MaxKey()}
        stop = last if until_ms is None else {"time_series": DatetimeMS(until_ms), "_id": MinKey()}
        first = {"time_series": DatetimeMS(from_ms), "_id": MinKey()}
        return {"filter": self.filter, "hint": self.key, "min": before | first, "max": before | stop}

    def between(self, from_ms: int, until_ms: int | None) -> Document:
        """The same as a filter."""
        times: dict[str, Any] = {"$gte": DatetimeMS(from_ms)}
        if until_ms is not None:
            times["$lt"] = DatetimeMS(until_ms)
        return self.filter | {"time_series": times}


ALL_SAMPLES = SampleBounds()
"""The bounds where all samples are the default application's, as far as anybody knows."""
