"""Dataclasses out of stored documents, which other programs may have changed: every field's type is checked."""

import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from bson.codec_options import CodecOptions, DatetimeConversion

Record = TypeVar("Record")

LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
"""Reads what others wrote into collections of ours too: instants beyond Python's, and texts that are no UTF-8."""

_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # Beyond them a zone's offset may leave Python's range


def read_fields(kind: type[Record], fields: object) -> Record | None:
    """The record of these fields; None where one is missing or not of its type.

    Fields that the class lacks are left out. Numbers are finite, and dates are those that every zone can show.
    """
    if not isinstance(fields, Mapping):
        return None
    types = _types(kind)  # type: ignore[arg-type]  # mypy knows no hash of a class
    given = {name: fields[name] for name in types if name in fields}
    if not all(_is_of(value, types[name]) for name, value in given.items()):
        return None
    try:
        return kind(**given)
    except TypeError:
        return None


@cache
def _types(kind: type) -> dict[str, tuple[type, ...]]:
    return {name: get_args(hint) or (hint,) for name, hint in get_type_hints(kind).items()}


def _is_of(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, int | float):
        return math.isfinite(value) and (float in types or (int in types and isinstance(value, int)))
    if isinstance(value, datetime):
        return datetime in types and _FIRST_YEAR <= value.year <= _LAST_YEAR
    return isinstance(value, types)
