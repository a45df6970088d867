"""Decoding of one BSON document at a time, for the documents that `encode` leaves to it.

In JSON, ObjectIds are hex text, dates ISO 8601 in UTC with milliseconds and `Z` (outside of the years 1 to 9999 their
milliseconds since 1970), timestamps their time likewise, UUIDs text, other binary base64 text, Decimal128 a number,
regular expressions their pattern, code its text, a DBRef `{"$ref", "$id"}`. Numbers that are not finite become null,
and bytes that are not UTF-8 U+FFFD. A field nested deeper than 254 levels becomes null; MongoDB stores 200 at most.
"""

import math
import operator
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import bson
import orjson
from bson.binary import Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.regex import Regex
from bson.timestamp import Timestamp

from pycemaker.metrics import Metric

FIRST_DATE_MS, LAST_DATE_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 64

DECODE_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    uuid_representation=UuidRepresentation.STANDARD,
)
"""Whatever a document holds is read: times as milliseconds, text that is no UTF-8 with U+FFFD in it."""


class UndatedError(ValueError):
    """A document's `time_series` is not a date."""


@dataclass(frozen=True)
class Decoded:
    """A document; `criticity` is empty where there is none."""

    document: dict[str, Any]
    time_ms: int
    reading: float
    criticity: str


def is_dated(document: bytes) -> bool:
    """True where the document's `time_series` is a date. Raises InvalidBSON."""
    return type(bson.decode(document, DECODE_OPTIONS).get("time_series")) is DatetimeMS


def decode(document: bytes, metric: Metric) -> Decoded:
    """The document with its time, reading and criticity; a summed metric's sum is in it as `value`.
    Raises bson.errors.InvalidBSON: it is malformed; UndatedError: its `time_series` is not a date.
    """
    fields = bson.decode(document, DECODE_OPTIONS)
    total = _total([number_of(fields.get(name)) for name in metric.fields])
    if metric.is_sum:
        fields["value"] = total
    time, word = fields.get("time_series"), fields.get("criticity")
    if type(time) is not DatetimeMS:
        raise UndatedError(f"time_series is not a date but {type(time).__name__}")
    reading = math.nan if total is None else float(total)
    return Decoded(fields, int(time), reading, word if type(word) is str else "")


def number_of(value: object) -> int | float | None:
    """A value as the number it counts as; None where it is not one."""
    if type(value) is str:
        return parse_number(value)
    if isinstance(value, Decimal128):
        return _to_float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return None


def parse_number(text: str) -> float | None:
    """A numeric string as the number it counts as; None where it is not one."""
    stripped = text.strip()
    counts = len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(stripped)
    return float(stripped) if counts else None


def _to_float(decimal: Decimal128) -> float | None:
    exact = decimal.to_decimal()
    return float(exact) if exact.is_finite() else None


def _total(parts: Sequence[int | float | None]) -> int | float | None:
    """The sum, an integer where all parts are and 64 bits hold it; None where a part is missing or it is not finite."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if all(isinstance(part, int) for part in known):
        whole = sum(known)
        return whole if -(2**63) <= whole < 2**63 else float(whole)
    total = reduce(operator.add, map(float, known), 0.0)
    return total if math.isfinite(total) else None


def dump(document: Mapping[str, Any]) -> bytes:
    """The document as JSON; a field nested deeper than orjson goes, 254 levels, becomes null."""
    try:
        return orjson.dumps(document, default=_plain)
    except orjson.JSONEncodeError:
        fields = {name: value if _can_dump(value) else None for name, value in document.items()}
        return orjson.dumps(fields, default=_plain)


def _can_dump(value: object) -> bool:
    try:
        orjson.dumps({"": value}, default=_plain)
    except orjson.JSONEncodeError:
        return False
    return True


def _plain(value: object) -> object:
    """The JSON counterpart of a value that orjson does not know."""
    return _PLAIN.get(type(value), str)(value)


def _iso(date: DatetimeMS) -> str | int:
    date_ms = int(date)
    if not FIRST_DATE_MS <= date_ms <= LAST_DATE_MS:
        return date_ms
    return (_EPOCH + timedelta(milliseconds=date_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_PLAIN: Mapping[type, Callable[[Any], object]] = {
    DatetimeMS: _iso,
    Timestamp: lambda timestamp: _iso(DatetimeMS(timestamp.time * 1000)),
    Decimal128: _to_float,
    DBRef: DBRef.as_doc,
    Regex: operator.attrgetter("pattern"),
    MinKey: lambda _: "MinKey",
    MaxKey: lambda _: "MaxKey",
    **dict.fromkeys((bytes, Binary), lambda binary: b64encode(binary).decode()),
}
