"""The client's address, whatever the headers say."""

from __future__ import annotations

import pytest

from pycemaker.settings import from_mapping
from pycemaker.web.access.client_address import client_address, is_local

TRUSTED = from_mapping({"TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1, 2001:db8:aaaa::/48"}).trusted_proxies


def caller(peer: str, x_forwarded_for: str | None = None, forwarded: str | None = None) -> str:
    told = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": x_forwarded_for, "HTTP_FORWARDED": forwarded}
    return client_address({name: text for name, text in told.items() if text is not None}, TRUSTED)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_without_a_proxy_it_is_the_peer(peer: str, address: str) -> None:
    assert caller(peer) == address


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded"])
def test_a_peer_that_is_no_trusted_proxy_is_the_caller_whatever_it_says(header: str) -> None:
    lie = "1.1.1.1" if header == "x_forwarded_for" else "for=1.1.1.1"
    assert caller("203.0.113.7", **{header: lie}) == "203.0.113.7"


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),  # the client made up what stands at the left
        ("1.1.1.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("1.1.1.1,203.0.113.7 ,10.9.9.9 , 192.0.2.1", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),  # everybody is inside
        ("203.0.113.7, unknown", "10.0.0.1"),  # nobody knows who asked the nearest proxy
        ("203.0.113.7, <script>, 10.2.2.2", "10.2.2.2"),
        ("", "10.0.0.1"),
        (" , ,", "10.0.0.1"),
        ("1.1.1.1, " * 5000 + "203.0.113.7", "203.0.113.7"),
    ],
)
def test_behind_a_trusted_proxy_it_is_the_rightmost_address_that_is_no_proxys(told: str, address: str) -> None:
    assert caller("10.0.0.1", x_forwarded_for=told) == address


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
        ('for=1.1.1.1, for="203.0.113.7:4711"', "203.0.113.7"),
        ('for="[2001:db8:1:2::9]:4711"', "2001:db8:1:2::/64"),
        ('for="[2001:db8:1:2::9]";host="a,b;for=1.1.1.1"', "10.0.0.1"),  # a quoted lie makes it unreadable
        ('for=203.0.113.7, for="1.1.1.1', "10.0.0.1"),  # a quotation without an end
        ('host="a\\"b,c";for=203.0.113.7', "203.0.113.7"),
        ('host="a,b";for=203.0.113.7', "203.0.113.7"),
        ("for=203.0.113.7, for=_hidden", "10.0.0.1"),
        ("for=203.0.113.7, for=unknown, for=10.2.2.2", "10.2.2.2"),
        ("proto=https", "10.0.0.1"),
        ("for=1.1.1.1;for=203.0.113.7", "10.0.0.1"),
    ],
)
def test_the_standard_header_says_the_same(told: str, address: str) -> None:
    assert caller("10.0.0.1", forwarded=told) == address


def test_two_headers_that_differ_are_both_disbelieved() -> None:
    assert caller("10.0.0.1", "203.0.113.7", "for=1.1.1.1") == "10.0.0.1"
    assert caller("10.0.0.1", "203.0.113.7", "for=203.0.113.7") == "203.0.113.7"


def test_a_mapped_peer_and_a_proxy_with_an_ipv6_address_are_known() -> None:
    assert caller("::ffff:10.0.0.1", "203.0.113.7") == "203.0.113.7"
    assert caller("2001:db8:aaaa::1", "203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize(
    "told", ['for="' * 20_000, "for=" * 20_000, "," * 60_000 + "for=1.1.1.1", 'a="' + "\\" * 60_000, " for =" * 20_000]
)
def test_a_header_longer_than_4096_characters_is_not_read_and_the_caller_counts_as_the_proxy(told: str) -> None:
    assert caller("10.0.0.1", forwarded=told) == "10.0.0.1"
    assert caller("10.0.0.1", forwarded="for=203.0.113.7;host=" + "a" * 4000) == "203.0.113.7"
    assert caller("10.0.0.1", forwarded="for=203.0.113.7;host=" + "a" * 4100) == "10.0.0.1"


def test_of_a_long_list_the_end_is_read_from_its_first_whole_address_on() -> None:
    assert caller("10.0.0.1", x_forwarded_for="9" * 4100 + ", 203.0.113.7") == "203.0.113.7"
    assert caller("10.0.0.1", x_forwarded_for="9" * 70_000) == "10.0.0.1"


def test_a_long_host_is_not_this_machines_name() -> None:
    asked = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "a." * 30_000 + "localhost"}
    assert not is_local(asked)
    assert is_local(asked | {"HTTP_HOST": "a.localhost:5000"})
