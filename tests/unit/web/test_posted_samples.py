from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pycemaker.errors import BodyTooLarge, InvalidParameter
from pycemaker.web import posted_samples
from pycemaker.web.middleware.request_bodies import LONGEST_SAMPLES_BYTES
from pycemaker.web.posted_samples import MOST_NAMED, PostedSamples, read_samples

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CPU: dict[str, Any] = {"metric": "cpu", "time": "2026-11-23T11:59:00Z", "value": 0.8}


def read(body: bytes, encoding: str = "", application: str = "") -> PostedSamples:
    return read_samples(body, encoding, application, {}, NOW)


def test_a_sample_is_a_document_with_an_id_of_its_own_making() -> None:
    [document] = read(json.dumps([CPU]).encode(), application="shop").documents["cpu_usage"]
    again = read(json.dumps([CPU | {"value": 0.1}]).encode(), application="shop").documents["cpu_usage"][0]
    other = read(json.dumps([CPU]).encode()).documents["cpu_usage"][0]
    assert document["_id"] == again["_id"] != other["_id"]
    assert document["application"] == "shop"
    assert "application" not in other
    assert (document["value"], document["criticity"], document["consume_percent"]) == (0.8, "high", "80.00%")
    assert document["time_series"] == datetime(2026, 11, 23, 11, 59, tzinfo=UTC)


def test_steps_of_criticity_are_the_files() -> None:
    posted = read_samples(json.dumps([CPU]).encode(), "", "", {"cpu": ((0.7, "critical"),)}, NOW)
    assert posted.documents["cpu_usage"][0]["criticity"] == "critical"


def test_lines_and_gzip_are_taken() -> None:
    lines = b"\n".join(json.dumps(CPU | {"time": 1_795_434_000_000 + 1000 * n}).encode() for n in range(3))
    assert len(read(gzip.compress(lines + b"\r\n\n"), "gzip").documents["cpu_usage"]) == 3


def test_requests_have_two_values() -> None:
    sample = {"metric": "req_count", "time": 1_795_434_000_000, "value_success": 5, "value_fail": 2}
    [document] = read(json.dumps([sample]).encode()).documents["request_count"]
    assert (document["value_success"], document["value_fail"], document["criticity"]) == (5, 2, "medium")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (7, "objeto"),
        ({"metric": "cpux"}, "desconhecida"),
        ({"metric": ["cpu"]}, "desconhecida"),
        ({"value": None}, "número"),
        ({"value": True}, "número"),
        ({"value": "0.5"}, "número"),
        ({"value": 1.01}, "0 a 1"),
        ({"value": -0.1}, "0 a 1"),
        ({"metric": "response_time", "value": -1}, "número"),
        ({"metric": "http_fail", "value": 2**64 - 1}, "número"),
        ({"metric": "response_time", "value": 1e300}, "número"),
        ({"metric": "request_count"}, "campo desconhecido: value"),
        ({"valeu": 1}, "campo desconhecido: valeu"),
        ({"time": "2026-11-23T11:59:00"}, "fuso"),
        ({"time": None}, "fuso"),
        ({"time": "yesterday"}, "fuso"),
        ({"time": 1e300}, "fuso"),
        ({"time": "2026-11-23T12:06:00Z"}, "futuro"),
        ({"time": 5}, "2000"),
    ],
)
def test_a_wrong_sample_is_named_by_its_place_and_the_others_are_kept(wrong: Any, reason: str) -> None:
    entry = CPU | wrong if isinstance(wrong, dict) else wrong
    posted = read(json.dumps([CPU, entry, CPU | {"time": 1_795_434_000_000}]).encode())
    assert len(posted.documents["cpu_usage"]) == 2
    assert [each["place"] for each in posted.rejected] == [2]
    assert reason in posted.rejected[0]["reason"]


def test_a_line_that_is_no_json_is_named_and_so_are_a_hundred_at_most() -> None:
    posted = read(b"\n".join([json.dumps(CPU).encode(), *[b"{"] * 150]))
    assert (posted.count, posted.rejected_count, len(posted.rejected)) == (151, 150, MOST_NAMED)
    assert len(posted.documents["cpu_usage"]) == 1


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"[1", ""), (b"", ""), (b" \n", ""), (gzip.compress(b"", mtime=0), "gzip"), (b"[" * 100_000, ""), (b"[]", "br"), (b"[]", "gzip"), (gzip.compress(b"[]", mtime=0)[:-4], "gzip"), (b"[" + b"1," * 10_000 + b"1]", "")],
    ids=["half", "nothing", "blank", "nothing in gzip", "deep", "other encoding", "no gzip", "half of gzip", "too many"],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(InvalidParameter):
        read(body, encoding)


def test_what_a_body_unfolds_to_is_bounded() -> None:
    with pytest.raises(BodyTooLarge):
        read(gzip.compress(b" " * (LONGEST_SAMPLES_BYTES + 1)), "gzip")


@pytest.mark.parametrize("body", [b"x\n" * 2_000_000, b"[" + b"[]," * 1_300_000 + b"1]"])
def test_a_body_of_far_too_many_is_refused_before_it_is_parsed(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posted_samples.orjson, "loads", None)
    with pytest.raises(InvalidParameter, match="more than 10000"):
        read(body)
