"""Mail addresses: their grammar, and lists of them. RFC 5321 without quoted local parts and address literals.

A domain beyond ASCII (IDN) is kept in punycode, which every mail server takes. A local part beyond ASCII would need a
server that offers SMTPUTF8, and is refused.
"""

import re

from pycemaker.errors import InvalidAddress, LocalPartNotAscii
from pycemaker.parsing.hosts import parse_host

MOST_RECIPIENTS = 50  # The most recipients of one report
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"(?=.{{1,64}}\Z){_WORD}(?:\.{_WORD})*", re.ASCII)
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
SEPARATORS = re.compile("[,;]")


def parse_address(text: str, *, single_label: bool = False) -> str:
    """The address, its domain in ASCII.

    Args:
        single_label: whether a host without a dot is taken (`ops@mailhost`), as on one's own network.

    Raises:
        InvalidAddress: not an address, or over 254 characters; LocalPartNotAscii: letters beyond ASCII before the @.
    """
    local, at, domain = text.rpartition("@")
    ascii_local = _BEYOND_ASCII.sub("x", local)
    if at and len(text) <= 254 and _LOCAL.fullmatch(ascii_local):
        plain = parse_domain(domain)
        if plain and (single_label or "." in plain) and len(local) + len(plain) < 254:
            if local != ascii_local:
                raise LocalPartNotAscii(text=text[:40])
            return f"{local}@{plain}"
    raise InvalidAddress(text=text[:40])


def parse_domain(text: str) -> str | None:
    """The domain in ASCII; one that is ASCII keeps its case. None where it is no domain."""
    try:
        plain = text if text.isascii() else parse_host(text)
    except ValueError:
        return None
    return plain if _DOMAIN.fullmatch(plain) else None


def parse_recipients(text: str, *, single_label: bool = False) -> tuple[str, ...]:
    """The addresses separated by commas or semicolons, in their order, each once whatever its case.

    Raises:
        InvalidAddress: one of them is none, there is none at all, or there are more than MOST_RECIPIENTS.
    """
    known: dict[str, str] = {}
    for part in SEPARATORS.split(text):
        address = parse_address(part.strip(), single_label=single_label)
        known.setdefault(address.lower(), address)
    if len(known) > MOST_RECIPIENTS:
        raise InvalidAddress(text=f"{len(known)} addresses, of {MOST_RECIPIENTS} at most")
    return tuple(known.values())
