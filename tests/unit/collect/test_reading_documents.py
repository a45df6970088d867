from __future__ import annotations

import math

import pytest

from pycemaker.collect.collect_file import PROMETHEUS, CollectSource
from pycemaker.collect.reading_documents import to_documents

QUERIES = dict.fromkeys(("cpu", "response_time", "request_count", "http_fail"), "x")
SOURCE = CollectSource("shop", PROMETHEUS, "http://h", QUERIES, application="shop", every_seconds=15)
AT = ("shop", 1_700_000_010_000)


def documents(**readings: float) -> dict[str, dict[str, object]]:
    return {name: each[0] for name, each in to_documents(SOURCE, {AT: readings})[0].items()}


def test_requests_are_those_of_a_samples_time_with_their_failures() -> None:
    stored = documents(request_count=10.0, http_fail=0.5)
    assert stored["request_count"]["value_success"] == 142.5
    assert stored["request_count"]["value_fail"] == 7.5
    assert stored["http_fail"]["value"] == 7.5


def test_requests_without_a_counter_of_failures_have_none() -> None:
    stored = documents(request_count=2.0)
    assert (stored["request_count"]["value_success"], stored["request_count"]["value_fail"]) == (30, 0)
    assert isinstance(stored["request_count"]["value_success"], int)
    assert stored["http_fail"]["value"] == 0


def test_nothing_is_known_of_failures_where_nothing_is_known_of_requests() -> None:
    assert documents(cpu=0.5).keys() == {"cpu_usage"}
    only_cpu = CollectSource("shop", PROMETHEUS, "http://h", {"request_count": "x"}, application="shop")
    assert to_documents(only_cpu, {AT: {"request_count": 1.0}})[0].keys() == {"request_count"}


def test_more_failures_than_requests_are_no_negative_successes() -> None:
    stored = documents(request_count=1.0, http_fail=1.1)
    assert stored["request_count"]["value_success"] == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_sample(value: float) -> None:
    assert to_documents(SOURCE, {AT: {"cpu": value, "response_time": value, "request_count": value}})[0] == {}


@pytest.mark.parametrize(("value", "stored"), [(1.04, 1.0), (-0.04, 0.0), (0.1234567, 0.123457)])
def test_a_ratio_is_rounded_into_its_bounds(value: float, stored: float) -> None:
    assert documents(cpu=value)["cpu_usage"]["value"] == stored


@pytest.mark.parametrize(
    ("metric_id", "value"),
    [
        ("cpu", 53.2),
        ("cpu", -0.2),
        ("response_time", -1.0),
        ("request_count", -1.0),
        ("http_fail", 1e308),
        ("http_fail", 1e300),
    ],
)
def test_a_reading_that_its_unit_cannot_have_is_refused_and_named(metric_id: str, value: float) -> None:
    stored, refused = to_documents(SOURCE, {AT: {metric_id: value}})
    assert stored == {}
    assert f"{value:g}" in refused[metric_id]
