"""Columns of documents that are laid out alike, and masks of the documents for which they are right."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pycemaker.columnar import layout
from pycemaker.columnar.decode import FIRST_DATE_MS, LAST_DATE_MS, parse_number
from pycemaker.columnar.layout import Field, Group, Texts
from pycemaker.columnar.split import Items, Mask, byte_masks, words_of
from pycemaker.metrics import Metric

_MOST_COMPARED = 16
_SAFE_SUM = 2.0**62
_EIGHT_TRUE = 0x0101010101010101


@dataclass(frozen=True)
class Totals:
    """Readings (NaN where there is none), and the same as integers where all parts of all are integers."""

    reading: NDArray[np.float64]
    whole: NDArray[np.int64] | None


def sum_readings(group: Group, metric: Metric) -> Totals:
    """The documents' readings: the sums of the metric's fields."""
    parts = [numbers_of(group, name) for name in metric.fields]
    if all(part.dtype == np.int64 for part in parts):
        whole = reduce(operator.add, parts)
        return Totals(whole.astype(np.float64), whole)
    return Totals(_add_floats(parts), None)


def _add_floats(parts: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        total: NDArray[np.float64] = reduce(operator.add, parts, np.zeros(len(parts[0])))
    total[~np.isfinite(total)] = np.nan
    return total


def numbers_of(group: Group, name: str) -> NDArray[Any]:
    """The values of the field of that name as numbers: int64 where it holds integers, else float64 with NaN."""
    field = group.layout.fields.get(name)
    if field is None:
        return np.full(len(group), np.nan)
    match field.kind:
        case layout.DOUBLE:
            return group.values(field, "<f8")
        case layout.INT32:
            return group.values(field, "<i4").astype(np.int64)
        case layout.INT64:
            return group.values(field, "<i8")
        case layout.STRING:
            return _parse_numbers(group.strings(field))
        case _:
            return np.full(len(group), np.nan)


def _parse_numbers(texts: Texts) -> NDArray[np.float64]:
    """Numeric strings as numbers; NaN for those that are not.

    orjson reads numbers eight times as fast as a loop over `float`, but only in JSON's strict form. With anything else
    among them it fails, or gives something else than a number a string: then the loop does it.
    """
    strings = texts.items.view(f"S{texts.width}").tolist()
    try:
        numbers = orjson.loads(b"[" + b",".join(strings) + b"]")
    except orjson.JSONDecodeError:
        numbers = []
    if len(numbers) != len(strings) or not set(map(type, numbers)) <= {int, float}:
        numbers = [parse_number(string.decode(errors="replace")) for string in strings]
    return np.array(numbers, np.float64)


def criticities(group: Group) -> tuple[NDArray[np.int64], list[str]]:
    """Each document's criticity: indices, and the words that they point to; an empty word where it has none."""
    field = group.layout.fields.get("criticity")
    if field is None or field.kind != layout.STRING:
        return np.zeros(len(group), np.int64), [""]
    items = group.strings(field).items
    codes, firsts = label_distinct(items)
    return codes, [word.decode() for word in items[firsts].view(f"S{items.itemsize}").tolist()]


def label_distinct(items: Items) -> tuple[NDArray[np.int64], list[int]]:
    """Labels of the items, equal for equal ones, and the index at which each label first occurs.

    While there are few different items, comparing all of them with one after another is far faster than a sort.
    """
    words = words_of(items)
    codes = np.full(len(items), -1)
    firsts: list[int] = []
    while codes[unseen := int(codes.argmin())] < 0:
        if len(firsts) == _MOST_COMPARED:
            texts = items.view(f"S{items.itemsize}")
            _, many, codes = np.unique(texts, return_index=True, return_inverse=True)
            return codes, many.tolist()
        np.putmask(codes, (words == words[unseen]).all(axis=1), len(firsts))
        firsts.append(unseen)
    return codes, firsts


def fits_columns(group: Group, metric: Metric) -> Mask:
    """Mask of the documents for which `sum_readings` and `criticities` are right; no malformed one is among them."""
    read = {"criticity", *metric.fields}
    fields = group.layout.fields.values()
    return _fits(group, metric, [field for field in fields if field.name in read or field.kind == layout.BOOLEAN])


def fits_text(group: Group, metric: Metric) -> Mask:
    """Mask of the documents for which `json_rows.json_lines_of` is right as well."""
    return _fits(group, metric, group.layout.fields.values())


def _fits(group: Group, metric: Metric, used: Iterable[Field]) -> Mask:
    time = group.layout.fields.get("time_series")
    if time is None or time.kind != layout.DATE:
        return np.zeros(len(group), np.bool_)
    return reduce(operator.and_, [_is_plain(group, field) for field in used], _adds_up_safely(group, metric))


def _adds_up_safely(group: Group, metric: Metric) -> Mask:
    """Mask of the readings that do not exceed 64 bits, should they be integers."""
    if len(metric.fields) == 1:
        return np.ones(len(group), np.bool_)
    parts = [numbers_of(group, name) for name in metric.fields]
    return ~(np.abs(_add_floats(parts)) > _SAFE_SUM)


def _is_plain(group: Group, field: Field) -> Mask:
    """Mask of the documents whose value of that field goes into JSON as `json_rows` writes it."""
    match field.kind:
        case layout.STRING:
            return _needs_no_escape(group.strings(field))
        case layout.DATE:
            date_ms = group.values(field, "<i8")
            return (date_ms >= FIRST_DATE_MS) & (date_ms <= LAST_DATE_MS)
        case layout.BOOLEAN:
            return group.values(field, "u1") <= 1
        case _:
            return np.ones(len(group), np.bool_)


def _needs_no_escape(texts: Texts) -> Mask:
    """Mask of the strings that are ASCII which JSON takes as it is."""
    characters = texts.items.view(np.uint8)
    plain = (characters >= ord(" ")) & (characters < 0x80) & (characters != ord('"')) & (characters != ord("\\"))
    plain |= byte_masks(texts.lengths, texts.width).view(np.uint8) == 0
    are_plain: Mask = (plain.view(np.uint64).reshape(len(texts.items), -1) == _EIGHT_TRUE).all(axis=1)
    return are_plain
