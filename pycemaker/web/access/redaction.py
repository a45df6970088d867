"""Records without whom they are about, for callers of whom nothing is known. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pycemaker.parsing.address_pattern import mask_addresses

_QUOTE = '"'
_BY_OTHERS = ("reply", "reason", "refusals", "error")
"""Where mail servers have their say, and may name addresses besides the recipients'."""


def redact_addresses(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record, addresses as `a***@example.com`: its recipients' wherever they stand, and whichever others quote."""
    known = {recipient["address"] for recipient in record["recipients"]}
    longest_first = sorted(map(re.escape, known), key=len, reverse=True)
    found = re.compile("|".join(longest_first) or r"(?!)", re.IGNORECASE)
    masked: dict[str, Any] = _changed(_changed(record, partial(found.sub, _hint)), _without_quoted, _BY_OTHERS)
    return masked


def _without_quoted(text: str) -> str:
    return mask_addresses(text, lambda local, domain: f"{local.strip(_QUOTE)[:1]}***@{domain}")


def _hint(found: re.Match[str]) -> str:
    return f"{found[0][0]}***@{found[0].rpartition('@')[2]}"


def _changed(told: Any, change: Callable[[str], str], names: Sequence[str] = ()) -> Any:
    """The same with each text in it changed; with names, each text below one of these."""
    if isinstance(told, str):
        return told if names else change(told)
    if isinstance(told, Mapping):
        return {name: _changed(each, change, () if name in names else names) for name, each in told.items()}
    return [_changed(each, change, names) for each in told] if isinstance(told, list) else told
