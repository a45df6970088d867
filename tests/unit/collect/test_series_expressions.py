from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import pycemaker.collect
from pycemaker.collect.series_expressions import parse_expression, parse_matchers

PRESETS = tomllib.loads((Path(pycemaker.collect.__file__).parent / "presets.toml").read_text())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_rule_of_a_preset_can_be_read(preset: str) -> None:
    for text in PRESETS[preset].values():
        assert str(parse_expression(text)) == text


@pytest.mark.parametrize(
    ("expression", "promql"),
    [
        ("process_cpu_usage", "avg(process_cpu_usage)"),
        ("requests_total", "sum(rate(requests_total[60s]))"),
        ("used / max", "sum(used) / sum(max > 0)"),
        ("x_sum / x_count", "sum(rate(x_sum[60s])) / sum(rate(x_count[60s]))"),
        ("1 - free / all", "1 - sum(free) / sum(all > 0)"),
        ("x_total / quota * 100000", "sum(rate(x_total[60s])) / sum(quota > 0) * 100000"),
    ],
)
def test_an_expression_in_promql(expression: str, promql: str) -> None:
    assert parse_expression(expression).to_promql("", 60) == promql


def test_a_selector_of_the_source_narrows_every_series() -> None:
    expression = parse_expression('a{b="c"} / d').within('job="shop"')
    assert expression.to_promql("app", 60) == 'sum by (app) (a{b="c",job="shop"}) / sum by (app) (d{job="shop"} > 0)'


@pytest.mark.parametrize(
    "text", ["", "a / / b", "a + b", "a{b=c}", "rate(a[1m])", '{b="c"}', "2 - a", 'a{b=~"("}', "a / b / c"]
)
def test_other_texts_are_no_rules(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text itself may be the message
        parse_expression(text)


@pytest.mark.parametrize("text", ["job=shop", "job", 'job="a" or', 'job=~"("'])
def test_other_texts_are_no_matchers(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_matchers(text)


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ('a{uri!~"/actuator.*"}', {"uri": "/actuator/health"}, False),
        ('a{uri!~"/actuator.*"}', {"uri": "/x/actuator"}, True),
        ('a{code=~"5.."}', {"code": "5000"}, False),
        ('a{code=~"5.."}', {"code": "500"}, True),
        ('a{path="/a{b}\\"c\\""}', {"path": '/a{b}"c"'}, True),
        ('a{container!=""}', {}, False),
        ('a{b="."}', {"b": "x"}, False),
    ],
)
def test_labels_match_as_in_promql(selector: str, labels: dict[str, str], matches: bool) -> None:
    assert parse_expression(selector).top.matches(tuple(sorted(labels.items()))) is matches
