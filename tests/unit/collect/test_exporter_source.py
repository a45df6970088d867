from __future__ import annotations

import math

import pytest

from pycemaker.collect.exporter_source import ExporterPage, parse_page
from pycemaker.collect.series_expressions import parse_expression
from pycemaker.collect.source_http import SourceFault

NOW = 1_700_000_000.0
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def page(
    text: str, expression: str, taken_s: float = 0.0, media_type: str = "text/plain; version=0.0.4"
) -> ExporterPage:
    return parse_page(text, media_type, [parse_expression(expression)], taken_s, NOW)


def rate(expression: str, before: str, after: str, seconds: float = 10.0) -> float | None:
    return page(after, expression, seconds).reading(parse_expression(expression), page(before, expression))


def test_a_gauge_alone_is_the_mean_of_its_series() -> None:
    assert page('a{i="1"} 0.2\na{i="2"} 0.6\n', "a").reading(parse_expression("a"), None) == pytest.approx(0.4)


def test_a_ratio_of_gauges_is_weighted_and_leaves_out_what_has_no_limit() -> None:
    text = 'used{p="a"} 30\nused{p="b"} 10\nmax{p="a"} 100\nmax{p="b"} -1\n'
    assert page(text, "used / max").reading(parse_expression("used / max"), None) == pytest.approx(0.4)


def test_a_mean_duration_is_weighted_by_what_each_series_counts() -> None:
    before = 'x_sum{u="a"} 0\nx_count{u="a"} 0\nx_sum{u="b"} 0\nx_count{u="b"} 0\n'
    after = 'x_sum{u="a"} 90\nx_count{u="a"} 90\nx_sum{u="b"} 50\nx_count{u="b"} 10\n'
    assert rate("x_sum / x_count", before, after) == pytest.approx(1.4)


def test_a_mean_duration_without_a_request_is_not_known() -> None:
    text = "x_sum 90\nx_count 90\n"
    assert rate("x_sum / x_count", text, text) is None


def test_a_counter_gives_a_rate_a_second_and_none_from_one_scrape() -> None:
    assert rate("n_total", "n_total 100\n", "n_total 150\n") == 5.0
    assert page("n_total 100\n", "n_total").reading(parse_expression("n_total"), None) is None


def test_a_counter_that_reset_counts_from_zero_and_never_down() -> None:
    assert rate("n_total", "n_total 1000000\n", "n_total 20\n") == 2.0


def test_a_counter_that_is_inexact_did_not_reset() -> None:
    assert rate("n_total", "n_total 1000000\n", "n_total 999999\n") == 0.0


def test_a_new_series_of_a_counter_counts_from_its_second_scrape() -> None:
    assert rate("n_total", 'n_total{a="1"} 10\n', 'n_total{a="1"} 20\nn_total{a="2"} 1000000\n') == 1.0


def test_two_scrapes_over_five_minutes_apart_give_no_rate() -> None:
    assert rate("n_total", "n_total 1\n", "n_total 2\n", 301.0) is None


def test_a_gauge_may_have_a_name_as_a_counter_has() -> None:
    text = "# TYPE threads_count gauge\nthreads_count 7\n"
    assert page(text, "threads_count").reading(parse_expression("threads_count"), None) == 7


def test_nan_gives_nan_and_a_series_that_is_missing_gives_none() -> None:
    reading = page('a{i="1"} NaN\na{i="2"} 1\n', "a").reading(parse_expression("a"), None)
    assert reading is not None
    assert math.isnan(reading)
    assert page("b 1\n", "a").reading(parse_expression("a"), None) is None


def test_a_series_with_an_old_time_of_its_own_is_stale() -> None:
    old, fresh = int((NOW - 301) * 1000), int((NOW - 10) * 1000)
    assert page(f"a 1 {old}\n", "a").reading(parse_expression("a"), None) is None
    assert page(f"a 1 {fresh}\n", "a").reading(parse_expression("a"), None) == 1


def test_openmetrics_is_read_too() -> None:
    text = "# TYPE n counter\nn_total 5\n# EOF\n"
    assert page(text, "n_total", 10.0, OPENMETRICS).series["n_total"] == {(): 5.0}


def test_lines_that_nobody_asks_for_may_be_malformed() -> None:
    assert page('b{c="\\q"} x y z\na 1\n', "a").series["a"] == {(): 1.0}


@pytest.mark.parametrize(
    ("text", "media_type", "reason"),
    [
        ("a 1\nb 2", "text/plain", "cut"),
        ("# TYPE n counter\nn_total 5\n", OPENMETRICS, "cut"),
        ("<html></html>\n", "text/html", "no page of metrics"),
        ("", "text/plain", "empty"),
        ("a x\n", "text/plain", "no metric's"),
        ('a{b="c} 1\n', "text/plain", "no metric's"),
        ("a 1\na 2\n", "text/plain", "twice"),
        ('a{b="1",c="2"} 1\na{c="2",b="1"} 2\n', "text/plain", "twice"),
        ("# TYPE n counter\nn_total x\n# EOF\n", OPENMETRICS, "no metric's"),
        ("a 1\n# EOF\ngarbage\n# EOF\n", OPENMETRICS, "no metric's"),
    ],
)
def test_a_malformed_page_is_named(text: str, media_type: str, reason: str) -> None:
    with pytest.raises(SourceFault, match=reason):
        page(text, "a / n_total", media_type=media_type)


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("a{" + ",".join(f'l{n}="x"' for n in range(10_000)) + "} 1\n", "text/plain"),
        ("a{" + ",".join(f'l{n}="x"' for n in range(10_000)) + "} 1\n# EOF\n", OPENMETRICS),
        ("".join(f'a{{n="{n}"}} 1\n' for n in range(50_001)), "text/plain"),
    ],
)
def test_a_page_that_would_take_minutes_to_parse_is_refused(text: str, media_type: str) -> None:
    with pytest.raises(SourceFault, match="50000 lines"):
        page(text, "a", media_type=media_type)
