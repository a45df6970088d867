"""Records without whom they are about, for callers of whom nothing is known. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any


def without_addresses(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record, its recipients' addresses as `a***@example.com`, wherever they stand: mail servers quote them."""
    known = {recipient["address"] for recipient in record["recipients"]}
    longest_first = sorted(map(re.escape, known), key=len, reverse=True)
    found = re.compile("|".join(longest_first) or r"(?!)", re.IGNORECASE)
    masked: dict[str, Any] = _changed(record, partial(found.sub, _hint))
    return masked


def _hint(found: re.Match[str]) -> str:
    return f"{found[0][0]}***@{found[0].rpartition('@')[2]}"


def _changed(told: Any, change: Any) -> Any:
    if isinstance(told, str):
        return change(told)
    if isinstance(told, Mapping):
        return {name: _changed(each, change) for name, each in told.items()}
    return [_changed(each, change) for each in told] if isinstance(told, list) else told
