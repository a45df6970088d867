"""Mail addresses: their grammar, and lists of them. RFC 5321 without quoted local parts and address literals.

A domain beyond ASCII (IDN) is kept in punycode, which every mail server takes. A local part beyond ASCII would need a
server that offers SMTPUTF8, and is refused.
"""

from __future__ import annotations

import re

from pycemaker.errors import InvalidAddress, LocalPartNotAscii
from pycemaker.hosts import parse_host

MOST_RECIPIENTS = 50
"""Of one report."""

_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"(?=.{{1,64}}\Z){_WORD}(?:\.{_WORD})*", re.ASCII)
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_SEPARATORS = re.compile("[,;]")


def parse_address(text: str, *, single_label: bool = False) -> str:
    """The address itself, where it is one.

    Args:
        text: an address.
        single_label: whether a host without a dot is taken (`ops@mailhost`), as on one's own network.

    Raises:
        InvalidAddress: it is none; neither is one of over 254 characters. LocalPartNotAscii where that is why.
    """
    local, at, domain = text.rpartition("@")
    ascii_local = _BEYOND_ASCII.sub("x", local)
    if at and len(text) <= 254 and _LOCAL.fullmatch(ascii_local):
        plain = _parse_domain(domain)
        if plain and (single_label or "." in plain) and len(local) + len(plain) < 254:
            if local != ascii_local:
                raise LocalPartNotAscii(text=text[:40])
            return f"{local}@{plain}"
    raise InvalidAddress(text=text[:40])


def _parse_domain(text: str) -> str | None:
    """The domain as it travels; an ASCII one in its own letters."""
    try:
        plain = text if text.isascii() else parse_host(text)
    except ValueError:
        return None
    return plain if _DOMAIN.fullmatch(plain) else None


def parse_recipients(text: str, *, single_label: bool = False) -> tuple[str, ...]:
    """The addresses separated by commas or semicolons, each once (in whatever case), in their order.

    Raises:
        InvalidAddress: one of them is none, there is none at all, or there are more than MOST_RECIPIENTS.
    """
    known: dict[str, str] = {}
    for part in _SEPARATORS.split(text):
        address = parse_address(part.strip(), single_label=single_label)
        known.setdefault(address.lower(), address)
    if len(known) > MOST_RECIPIENTS:
        raise InvalidAddress(text=f"{len(known)} addresses, of {MOST_RECIPIENTS} at most")
    return tuple(known.values())


def parse_allowed(text: str) -> tuple[str, ...]:
    """An allow-list in small letters: addresses, `@domains` and `*`, by commas or semicolons.

    Raises:
        ValueError: an entry is none of these, or there is none at all.
        InvalidAddress: an entry is no address.
    """
    entries = [entry.strip() for entry in _SEPARATORS.split(text) if entry.strip()]
    if not entries:
        raise ValueError(text)
    return tuple(map(_allowed, entries))


def _allowed(entry: str) -> str:
    if entry == "*":
        return entry
    if not entry.startswith("@"):
        return parse_address(entry, single_label=True).lower()
    domain = _parse_domain(entry[1:])
    if domain is None:
        raise ValueError(entry)
    return f"@{domain.lower()}"
