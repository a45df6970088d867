"""Log lines: one a record whatever it contains, with the request's id, without secrets."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.settings import from_mapping
from pycemaker.telemetry import logs
from pycemaker.telemetry.logs import SHORTEST_SECRET, Formatter, Masker
from pycemaker.telemetry.request_ids import PATTERN, REQUEST_ID, request_id_from

URL = "mongodb://ana:p%40ss w0rd@db.example.com/pycemaker"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQ\n+/abcdefghijklmnopqrstuv==\n-----END PRIVATE KEY-----\n"


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    return logging.getLogger("pycemaker.test").makeRecord(
        "pycemaker.test", logging.ERROR, "file", 1, message, arguments, None, extra=more
    )


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
    assert list(logs.secret_parts(URL)) == [URL, "p%40ss w0rd", "p@ss w0rd"]
    assert list(logs.secret_parts("mongodb://a:p+q%2Br@db/x"))[1:] == [
        "p+q%2Br",
        "p+q+r",
        "p q+r",
    ]  # PyMongo reads the last
    assert list(logs.secret_parts("mongodb://db/x")) == ["mongodb://db/x"]
    assert list(logs.secret_parts(KEY))[1:] == ["MIIEvAIBADANBgkqhkiG9w0BAQ", "+/abcdefghijklmnopqrstuv=="]


def test_a_text_without_secrets_is_left_as_it_is() -> None:
    text = "GET /cpu/now/6: http://127.0.0.1:5000/x?a@b user@example.com"
    assert Masker(["", "abc", "long enough"])(text) == text
    assert Masker([])(text) == text


def test_a_line_of_json_has_what_a_machine_looks_for() -> None:
    token = REQUEST_ID.set("abc-1")
    try:
        line = Formatter(Masker(["s3cret"]), as_json=True).format(
            record("%s\nand s3cret é", "one", status=503, to="s3cret")
        )
    finally:
        REQUEST_ID.reset(token)
    assert "\n" not in line
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "error", "logger": "pycemaker.test", "message": "one\nand *** é", "request_id": "abc-1",
        "status": 503, "to": "***",
    }  # fmt: skip


def test_a_line_of_text_is_one_line_whatever_was_sent() -> None:
    token = REQUEST_ID.set("abc-1")
    try:
        line = Formatter(Masker([]), as_json=False).format(
            record("GET %s", "/a\r\n\x1b[2J2026 ERROR forged\x9b", ms=1.5)
        )
    finally:
        REQUEST_ID.reset(token)
    assert line.partition(" ")[2] == "ERROR [abc-1] GET /a\\x0d\\x0a\\x1b[2J2026 ERROR forged\\x9b ms=1.5"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_is_logged_without_secrets(as_json: bool) -> None:
    made = record("it broke")
    try:
        int("the password is s3cret")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = Formatter(Masker(["s3cret"]), as_json=as_json).format(made)
    assert "ValueError: invalid literal for int() with base 10: 'the password is ***'" in line
    assert "s3cret" not in line
    if as_json:
        assert json.loads(line)["exception"].startswith("Traceback")


@pytest.mark.parametrize(
    "sent",
    [
        "a",
        "0b3f6c4e-8d8e-4b8a-9a51-2f0f5b8a6a51",
        "Root=1-67891233-abcdef012345678912345678",
        "a/b+c=.d:e_f",
        "x" * 128,
    ],
)
def test_a_valid_id_stays(sent: str) -> None:
    assert request_id_from(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a b", "a\r\nX: y", "é", "<script>", '"a"', "-a", "a;b", "١"])
def test_any_other_is_replaced(sent: str | None) -> None:
    made = {request_id_from(sent) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


@given(st.text())
def test_no_id_ever_needs_escaping(sent: str) -> None:
    assert re.fullmatch(PATTERN, request_id_from(sent), re.ASCII)


@pytest.fixture
def plain_root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = list(root.handlers)
    yield root
    root.handlers[:] = before


def test_setting_up_twice_writes_once(plain_root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        logs.set_up(from_mapping({"LOG_FORMAT": "json", "API_TOKEN": "s3cret"}))
    logging.getLogger("pycemaker.any").info("hello s3cret")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "hello ***"
