from __future__ import annotations

import pytest

from pycemaker.errors import InvalidSettings
from pycemaker.parsing.origins import is_named, may_read
from pycemaker.settings import from_mapping


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://panel.example.com", "https://panel.example.com"),
        ("https://Panel.Example.com", "https://panel.example.com"),
        ("HTTPS://panel.example.com", "https://panel.example.com"),
        ("https://panel.example.com/", "https://panel.example.com"),
        ("https://panel.example.com:443", "https://panel.example.com"),
        ("http://panel.example.com:80", "http://panel.example.com"),
        ("http://panel.example.com:3000", "http://panel.example.com:3000"),
        ("https://painél.example.com", "https://xn--painl-esa.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[0:0::1]:3000", "http://[::1]:3000"),
        ("http://192.168.0.7", "http://192.168.0.7"),
    ],
)
def test_an_origin_is_taken_in_the_spelling_that_browsers_send(text: str, origin: str) -> None:
    entries = from_mapping({"CORS_ORIGINS": text}).cors_origins
    assert entries == (origin,)
    assert is_named(origin, entries)
    assert may_read(origin, entries)


@pytest.mark.parametrize(
    "text",
    [
        "https://*",
        "https://*.com",
        "https://a*.example.com",
        "https://panel.*.example.com",
        "https://*.*.example.com",
        "http://localhost:*",
        "*.example.com",
        "https://panel.example.com/app",
        "https://panel.example.com?x",
        "https://panel.example.com#x",
        "https://user@panel.example.com",
        "https://panel.example.com:99999",
        "https://panel..example.com",
        "null",
        "ftp://panel.example.com",
        "https://a.example.com https://b.example.com",
        ",",
    ],
)
def test_an_origin_that_no_browser_would_send_stops_the_start(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        from_mapping({"CORS_ORIGINS": text})
    assert "CORS_ORIGINS takes * or origins (https://host, https://*.example.com), by commas" in str(caught.value)


@pytest.mark.parametrize(
    ("origin", "is_taken_in"),
    [
        ("https://app-git-x.vercel.app", True),
        ("https://a.b.vercel.app", True),
        ("https://vercel.app", False),
        ("http://a.vercel.app", False),
        ("https://a.vercel.app:8443", False),
        ("https://evilvercel.app", False),
        ("https://a.vercel.app.evil.example", False),
        ("https://evil.example/.vercel.app", False),
        ("https://user@a.vercel.app", False),
        ("https://.vercel.app", False),
        ("null", False),
        (None, False),
    ],
)
def test_a_pattern_takes_in_the_hosts_below_its_domain_alone(origin: str | None, is_taken_in: bool) -> None:
    entries = from_mapping({"CORS_ORIGINS": "https://*.vercel.app"}).cors_origins
    assert may_read(origin, entries) is is_taken_in


def test_a_pattern_has_the_port_that_it_names() -> None:
    entries = from_mapping({"CORS_ORIGINS": "http://*.Example.com:3000"}).cors_origins
    assert may_read("http://a.example.com:3000", entries)
    assert not may_read("http://a.example.com", entries)


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "https://a.example.com", None])
def test_neither_a_star_nor_a_pattern_names_an_origin(origin: str | None) -> None:
    assert not is_named(origin, from_mapping({"CORS_ORIGINS": "*, https://*.example.com"}).cors_origins)
