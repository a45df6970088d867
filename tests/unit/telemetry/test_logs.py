"""Log lines: one a record whatever it contains, with the request's id, without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.settings import from_mapping
from pycemaker.telemetry import logs
from pycemaker.telemetry.logs import Formatter
from pycemaker.telemetry.request_ids import PATTERN, REQUEST_ID, request_id_from
from pycemaker.telemetry.secret_masker import Masker


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    return logging.getLogger("pycemaker.test").makeRecord(
        "pycemaker.test", logging.ERROR, "file", 1, message, arguments, None, extra=more
    )


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
