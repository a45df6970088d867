"""The client's address, also behind trusted proxies.

Granian gives the peer of the connection as REMOTE_ADDR and believes no header. Behind a proxy that peer is the proxy,
which names its own peer in `X-Forwarded-For` or `Forwarded` (RFC 7239). Each proxy appends at the right; the entries
further left may be made up by the client. So the list is read from the right, and the first address that is no trusted
proxy's is the caller.

Most proxies set one of the two headers and leave the other one as it came. Where both are there and name different
callers, neither is believed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_V6_PREFIX = 64  # The smallest network of one customer, who can change addresses within it at will
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[\w.-]+)?|([^:]+):[\w.-]+")
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++', re.DOTALL)  # Between commas outside of quotes
_PROXY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
_PROXY_HEADER_PREFIX = "HTTP_X_FORWARDED"
_LOOPBACK_NAME = re.compile(r"(?:[\w-]+\.)*localhost(?::\d+)?", re.ASCII | re.IGNORECASE)
_HOPS = 50  # Addresses of a list that are read
LONGEST_HEADER = 4096
"""Characters of a header that are read: of `X-Forwarded-For` the last ones; a longer `Forwarded` is not believed."""

_LONGEST_NAME = 260  # Characters of a host name with its port, and of an address with its zone
_UNREADABLE = "unknown"


def client_address(environ: Mapping[str, Any], trusted: Sequence[Network]) -> str:
    """The caller's address, an IPv6 one as its /64 network; `unknown` where the peer has none (a Unix socket).

    Args:
        trusted: the proxies whose headers count.
    """
    peer = _parse(environ.get("REMOTE_ADDR") or "")
    if peer is None:
        return "unknown"
    if not _is_among(peer, trusted):
        return _text_of(peer)
    lists = [_x_forwarded_for(environ), _forwarded(environ)]
    callers = {_rightmost_untrusted(peer, hops, trusted) for hops in lists if hops}
    return _text_of(callers.pop() if len(callers) == 1 else peer)


def is_trusted_peer(environ: Mapping[str, Any], trusted: Sequence[Network]) -> bool:
    """True where the request's connection is a trusted proxy's."""
    peer = _parse(environ.get("REMOTE_ADDR") or "")
    return peer is not None and _is_among(peer, trusted)


def is_local(environ: Mapping[str, Any], trusted: Sequence[Network] = ()) -> bool:
    """True where the request comes from this machine, and through no proxy.

    The `Host` counts too: where a site's own name suddenly means 127.0.0.1 (DNS rebinding), browsers on this machine
    ask here and let the site read the answer, but `Host` has the site's name.

    Args:
        trusted: the proxies; one on this machine asks for other machines.
    """
    peer = _parse(environ.get("REMOTE_ADDR") or "")
    if peer is None or not peer.is_loopback or _is_among(peer, trusted) or _is_forwarded(environ):
        return False
    host = environ.get("HTTP_HOST") or ""
    if len(host) > _LONGEST_NAME:
        return False
    address = _parse(host)
    return not host or _LOOPBACK_NAME.fullmatch(host) is not None or (address is not None and address.is_loopback)


def _is_forwarded(environ: Mapping[str, Any]) -> bool:
    """True where a header shows that a proxy passed the request on."""
    return any(
        text and (name in _PROXY_HEADERS or name.startswith(_PROXY_HEADER_PREFIX)) for name, text in environ.items()
    )


def _rightmost_untrusted(peer: Address, hops: Sequence[str], trusted: Sequence[Network]) -> Address:
    """The first address from the right that is no proxy's; the last one read where an entry is no address."""
    known = peer
    for hop in reversed(hops[-_HOPS:]):
        address = _parse(hop)
        if address is None:
            return known
        known = address
        if not _is_among(address, trusted):
            return known
    return known


def _x_forwarded_for(environ: Mapping[str, Any]) -> list[str]:
    """The last addresses of the list; a made-up long one costs no more to read."""
    text = environ.get("HTTP_X_FORWARDED_FOR") or ""
    hops = text[-LONGEST_HEADER:].split(",")
    whole = hops[1:] if len(text) > LONGEST_HEADER else hops
    return [hop.strip() for hop in whole if hop.strip()]


def _forwarded(environ: Mapping[str, Any]) -> list[str]:
    """The `for` of each element; nothing readable where an element has none, or more than one, or all is too long."""
    text = environ.get("HTTP_FORWARDED") or ""
    if len(text) > LONGEST_HEADER:
        return [_UNREADABLE]
    return [_for(element) for element in _ELEMENT.findall(text) if element.strip()]


def _for(element: str) -> str:
    """A `;` within quotes counts as one without: an element with a quoted second `for` is not believed."""
    pairs = [pair.partition("=") for pair in element.split(";")]
    values = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
    if len(values) != 1:
        return _UNREADABLE
    is_quoted = len(values[0]) > 1 and values[0][0] == values[0][-1] == '"'
    return values[0][1:-1] if is_quoted else values[0]


def _parse(text: str) -> Address | None:
    """The address in `a.b.c.d`, `a.b.c.d:port`, `v6` or `[v6]:port`; None for anything else, such as `unknown`."""
    if len(text) > _LONGEST_NAME:
        return None
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_among(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _text_of(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _V6_PREFIX), strict=False))
    return str(address)
