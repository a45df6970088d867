"""Redacts e-mail addresses in report records for unauthenticated callers. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from pycemaker.parsing.quoted_addresses import mask_addresses

_QUOTE = '"'
_SERVER_TEXTS = ("reply", "reason", "paused_reason", "refusals", "error")
"""Texts of mail servers, which may name addresses besides the recipients'."""


def redact_addresses(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with `a***@example.com` for addresses: its recipients' everywhere, others in texts of mail servers."""
    return redact_known(record, [recipient["address"] for recipient in record["recipients"]])


def redact_known(content: Mapping[str, Any], addresses: Iterable[str]) -> dict[str, Any]:
    """The content with `a***@example.com` for these addresses everywhere, for others in texts of mail servers."""
    longest_first = sorted(map(re.escape, set(addresses)), key=len, reverse=True)
    known = re.compile("|".join(longest_first) or r"(?!)", re.IGNORECASE)
    masked: dict[str, Any] = _replace_texts(
        _replace_texts(content, partial(known.sub, _masked)), _mask_quoted, _SERVER_TEXTS
    )
    return masked


def _mask_quoted(text: str) -> str:
    return mask_addresses(text, lambda local, domain: f"{local.strip(_QUOTE)[:1]}***@{domain}")


def _masked(match: re.Match[str]) -> str:
    return f"{match[0][0]}***@{match[0].rpartition('@')[2]}"


def _replace_texts(content: Any, change: Callable[[str], str], names: Sequence[str] = ()) -> Any:
    """The content with each text changed; with names, only texts below one of these keys."""
    if isinstance(content, str):
        return content if names else change(content)
    if isinstance(content, Mapping):
        return {name: _replace_texts(each, change, () if name in names else names) for name, each in content.items()}
    return [_replace_texts(each, change, names) for each in content] if isinstance(content, list) else content
