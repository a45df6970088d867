"""Addresses in mail servers' words, however their `@` is written."""

from __future__ import annotations

import pytest

from pycemaker.parsing.quoted_addresses import mask_addresses


def masked(text: str) -> str:
    return mask_addresses(text, lambda local, domain: f"{local[:1]}***@{domain}")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("550 <bob@example.com>: unknown", "550 <b***@example.com>: unknown"),
        ("550 'o'neil@example.com' is full", "550 'o***@example.com' is full"),
        ("bob(at)example.com is full", "b***@example.com is full"),
        ("bob [at] example [dot] com is full", "b***@example [dot] com is full"),
        ("bob <arroba> example.com", "b***@example.com"),
        ("user=40example.com is full", "u***@example.com is full"),
        ("user%40example.com", "u***@example.com"),
        ("bob&#64;example.com, bob&#x40;example.com", "b***@example.com, b***@example.com"),
        ('"bob smith"@example.com', '"***@example.com'),
        ("bob＠example.com", "b***@example.com"),
        ("bob@[192.0.2.1]", "b***@[192.0.2.1]"),
        ("bounce-bob=example.org@lists.example.com", "b***@lists.example.com"),
        ("mailbox bob at example.com is full", "mailbox b***@example.com is full"),
        ("user <BOB AT EXAMPLE.COM>", "user <B***@EXAMPLE.COM>"),
        ("user bob arroba example ponto com", "user b***@example ponto com"),
        ("recipient bob_at_example.com", "recipient b***@example.com"),
        ("bob @ example.com, bob@ example.com", "b***@example.com, b***@example.com"),
        ("bob(@)example(.)com", "b***@example(.)com"),
        ("bob%2540example.com", "b***@example.com"),
        ("bob&#64example.com", "b***@example.com"),
        (r"bob\u{40}example.com, bob\U00000040example.com", "b***@example.com, b***@example.com"),
    ],
)
def test_every_spelling_is_masked(said: str, shown: str) -> None:
    assert masked(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "250 2.0.0 Ok: queued as 4F40A",
        "554 blocked at spamhaus.example.org",
        "see http://example.com/?x=4000",
        "421 4.7.0 try again (at most 3)",
    ],
)
def test_what_is_no_address_stays(said: str) -> None:
    assert masked(said) == said


@pytest.mark.parametrize("piece", ["a", "a@", "(at)", '"', " at ", "a.b", "[dot]", "&#64;", "=40"])
def test_a_long_text_is_looked_through(piece: str) -> None:
    """A pattern that tries again from each character would be at it for minutes."""
    masked(piece * 50_000)
