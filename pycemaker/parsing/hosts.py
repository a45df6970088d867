"""Host names in the DNS's own spelling: ASCII in small letters, other letters in punycode (IDNA 2008)."""

import re
from ipaddress import ip_address

import idna

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_OWN_NETWORKS = ("local", "localhost", "localdomain", "internal", "intranet", "lan", "corp", "home.arpa")
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)


def parse_host(text: str) -> str:
    """The host name in the DNS's own spelling. Raises ValueError: no host has this name."""
    plain = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    if not is_host(plain):
        raise ValueError(text)
    return plain


def is_host(text: str) -> bool:
    """True where the text is a host name in that spelling."""
    return _NAME.fullmatch(text) is not None


def is_local(text: str) -> bool:
    """True where the name or address is one of a private network: no dot, a name that is never public, a private IP."""
    try:
        return ip_address(text.strip("[]")).is_private
    except ValueError:
        name = text.lower().rstrip(".")
        return "." not in name or name.endswith(tuple(f".{suffix}" for suffix in _OWN_NETWORKS))
