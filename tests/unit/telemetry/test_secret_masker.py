"""Secrets in texts: masked in every form."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.telemetry.secret_masker import SHORTEST_SECRET, Masker, secret_parts

URL = "mongodb://ana:p%40ss w0rd@db.example.com/pycemaker"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQ\n+/abcdefghijklmnopqrstuv==\n-----END PRIVATE KEY-----\n"
WORD = "pa55 'wörd"


@pytest.mark.parametrize(
    "text",
    [f"the password {WORD}", f"as base64 {base64.b64encode(WORD.encode()).decode()}", f"?p={quote(WORD)}",
     f"?p={quote_plus(WORD)}", json.dumps(WORD), repr(WORD), URL, "p@ss w0rd", "p%40ss w0rd", f"key {KEY!r}",
     "line MIIEvAIBADANBgkqhkiG9w0BAQ in it", "mongodb+srv://somebody:else@host/", "https://token@host/path"],
)  # fmt: skip
def test_secrets_are_masked_in_every_shape(text: str) -> None:
    masked = Masker([WORD, URL, KEY])(text)
    assert "***" in masked
    for hidden in ("pa55", "w0rd", "MIIE", "ana:", "somebody", "token@"):
        assert hidden not in masked


@given(st.text(min_size=SHORTEST_SECRET).filter(lambda secret: "*" not in secret))
def test_whatever_a_secret_is_made_of_it_does_not_come_through(secret: str) -> None:
    in_html = (html.escape(secret), html.escape(secret, quote=False), str(markupsafe.escape(secret)))
    in_urls = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    lower = [re.sub("%..", lambda match: match[0].lower(), each) for each in in_urls]
    for shape in (secret, *in_urls, *lower, *in_html, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert Masker([secret])(f"a {shape} b") == "a *** b"


def test_a_secret_consists_of_parts_each_of_which_is_one() -> None:
    assert list(secret_parts(URL)) == [URL, "p%40ss w0rd", "p@ss w0rd"]
    assert list(secret_parts("mongodb://a:p+q%2Br@db/x"))[1:] == [
        "p+q%2Br",
        "p+q+r",
        "p q+r",
    ]  # PyMongo reads the last
    assert list(secret_parts("mongodb://db/x")) == ["mongodb://db/x"]
    assert list(secret_parts(KEY))[1:] == ["MIIEvAIBADANBgkqhkiG9w0BAQ", "+/abcdefghijklmnopqrstuv=="]


def test_a_text_without_secrets_is_left_as_it_is() -> None:
    text = "GET /cpu/now/6: http://127.0.0.1:5000/x?a@b user@example.com"
    assert Masker(["", "abc", "long enough"])(text) == text
    assert Masker([])(text) == text
