"""Origins as browsers name them: a scheme, a host and, where it is not the scheme's own, a port."""

import re
from collections.abc import Sequence
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from pycemaker.parsing.hosts import is_host, parse_host

EVERY = "*"  # The entry that stands for every origin
_OWN_PORTS = {"http": 80, "https": 443}
_BEHIND_STAR = r"\.[a-z0-9-]+(?:\.[a-z0-9-]+)+"
_STARRED = re.compile(rf"(https?://)\*({_BEHIND_STAR}(?::[0-9]+)?)", re.ASCII)


def parse_origin(text: str) -> str:
    """An entry of CORS_ORIGINS in the spelling that browsers send: `*`, `https://host`, or `https://*.example.com`.

    Browsers write a host in small letters, beyond ASCII in punycode, and leave out a scheme's own port.

    Raises:
        ValueError: it is none of these, so that no browser would ever send it.
    """
    if text == EVERY:
        return text
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme not in _OWN_PORTS or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(text)
    if "@" in parts.netloc or text.endswith(("?", "#", ":")):
        raise ValueError(text)
    starred = host.removeprefix("*.")
    plain = f"[{IPv6Address(starred)}]" if ":" in starred else parse_host(starred)
    port = "" if parts.port in (None, _OWN_PORTS[parts.scheme]) else f":{parts.port}"
    if starred == host:
        return f"{parts.scheme}://{plain}{port}"
    entry = f"{parts.scheme}://*.{plain}{port}"
    if not _STARRED.fullmatch(entry):
        raise ValueError(text)
    return entry


def is_named(origin: str | None, entries: Sequence[str]) -> bool:
    """True where one of the entries is this very origin; `*` and patterns do not count."""
    return origin is not None and "*" not in origin and origin in entries


def may_read(origin: str | None, entries: Sequence[str]) -> bool:
    """True where an entry covers this origin: by name, as a host below `https://*.example.com`, or as `*`."""
    return EVERY in entries or is_named(origin, entries) or any(_is_below(origin, entry) for entry in entries)


def _is_below(origin: str | None, entry: str) -> bool:
    if origin is None or not (starred := _STARRED.fullmatch(entry)):
        return False
    scheme, rest = starred.groups()
    host = origin[len(scheme) : -len(rest)]
    return origin.startswith(scheme) and origin.endswith(rest) and is_host(host)
