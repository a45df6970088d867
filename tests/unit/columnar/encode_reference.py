"""The rules of `pycemaker.columnar.encode`, said again the plain way: one document after another, with dicts."""

from __future__ import annotations

import math
import re
import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from pycemaker.metrics import Metric

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=UuidRepresentation.STANDARD,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAIN_NUMBER = re.compile(r"[-+]?(\d+|\d+\.\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def to_json(value: Any) -> Any:
    """What `json` can write in place of a BSON value."""
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [to_json(each) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, Decimal128)):
        return to_finite(value)
    if isinstance(value, (datetime, DatetimeMS, Timestamp)):
        return to_iso(value)
    return to_text(value)


def to_finite(number: float | Decimal128) -> int | float | None:
    """The number, None where it is not finite."""
    if isinstance(number, int):
        return int(number)
    plain = float(str(number).replace("sNaN", "NaN"))
    return plain if math.isfinite(plain) else None


def to_iso(time: datetime | DatetimeMS | Timestamp) -> str | int:
    """The time with milliseconds and Z; its milliseconds where no calendar has it."""
    if isinstance(time, DatetimeMS):
        return int(time)
    if isinstance(time, Timestamp):
        time = EPOCH + timedelta(seconds=time.time)
    clock = f"{time.hour:02}:{time.minute:02}:{time.second:02}.{time.microsecond // 1000:03}Z"
    return f"{time.year:04}-{time.month:02}-{time.day:02}T{clock}"


def to_text(value: Any) -> Any:
    """The text that stands for a value that is neither a number nor a time."""
    if isinstance(value, (MinKey, MaxKey)):
        return "MinKey" if isinstance(value, MinKey) else "MaxKey"
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Regex):
        return value.pattern
    if isinstance(value, DBRef):
        return to_json(value.as_doc())
    assert isinstance(value, (str, ObjectId, uuid.UUID)), value
    return str(value)


def to_number(value: Any) -> int | float | None:
    """A value as the number it counts as."""
    if isinstance(value, (bool, Code)):
        return None
    if isinstance(value, (int, float, Decimal128)):
        return to_finite(value)
    if isinstance(value, str) and len(value) <= 64 and PLAIN_NUMBER.fullmatch(value.strip()):
        return float(value.strip())
    return None


def add_up(document: dict[str, Any], metric: Metric) -> int | float | None:
    """The document's reading."""
    parts = [to_number(document.get(name)) for name in metric.fields]
    known = [part for part in parts if part is not None]
    if len(known) < len(metric.fields):
        return None
    if all(isinstance(part, int) for part in known):
        total = int(sum(known))
        return total if -(2**63) <= total <= 2**63 - 1 else float(total)
    floats = 0.0
    for part in known:
        floats += float(part)
    return floats if math.isfinite(floats) else None


def encode_plainly(document: bytes, metric: Metric) -> tuple[dict[str, Any], int, float, str]:
    """A document's JSON as data, its time, its reading and its criticity."""
    stored = bson.decode(document, OPTIONS)
    time, reading, word = stored["time_series"], add_up(stored, metric), stored.get("criticity")
    time_ms = int(time) if isinstance(time, DatetimeMS) else (time - EPOCH) // timedelta(milliseconds=1)
    if metric.is_sum:
        stored["value"] = reading
    name = word if isinstance(word, str) and not isinstance(word, Code) else ""
    return to_json(stored), time_ms, math.nan if reading is None else float(reading), name or "unknown"
