"""Expressions that make a reading out of an exporter's series, and their PromQL. Pure.

An expression is a selector, or two with a `/` between them; it may begin with `1 -` and end with `* number`:

    1 - node_cpu_seconds_total{mode="idle"} / node_cpu_seconds_total

A selector stands for all series that match it: for the sum of their rates a second where they are counters (by their
type, else by a name that ends in `_total`, `_count` or `_sum`), for the sum of their values where they are gauges. A
gauge alone stands for the mean. So a ratio of sums is a mean weighted by what each series counts, and never "the
first". Below a `/` a gauge counts only where it is over 0: a JVM says -1 where a pool has no limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

_MATCHER = r'[A-Za-z_]\w*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"'
_MATCHERS = rf"\s*{_MATCHER}(?:\s*,\s*{_MATCHER})*\s*,?\s*"
_SELECTOR = rf"([A-Za-z_:][\w:]*)\s*(?:\{{({_MATCHERS})?\}})?"
_RULE = re.compile(rf"\s*(1\s*-\s*)?{_SELECTOR}\s*(?:/\s*{_SELECTOR}\s*)?(?:\*\s*(\d+(?:\.\d+)?)\s*)?", re.ASCII)
_PARTS = re.compile(r'([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
COUNTER_ENDINGS = ("_total", "_count", "_sum")

Labels = tuple[tuple[str, str], ...]
"""A series' labels by name and value, in the order of their names."""


@dataclass(frozen=True)
class Selector:
    """Series by name and labels (`matchers`, as written between the braces), as PromQL selects them."""

    name: str
    matchers: str = ""

    @property
    def is_counter(self) -> bool:
        """True where the name is a counter's."""
        return self.name.endswith(COUNTER_ENDINGS)

    def __str__(self) -> str:
        return f"{self.name}{{{self.matchers}}}" if self.matchers else self.name

    def matches(self, labels: Labels) -> bool:
        """True for a series with these labels; a label that it lacks is the empty text."""
        values = dict(labels)
        return all(
            bool(pattern.fullmatch(values.get(label, ""))) != is_negated for label, pattern, is_negated in self._tests
        )

    @cached_property
    def _tests(self) -> list[tuple[str, re.Pattern[str], bool]]:
        tests = []
        for label, sign, written in _PARTS.findall(self.matchers):
            text = _ESCAPED.sub(r"\1", written) if sign in ("=", "!=") else written.replace("\\\\", "\\")
            tests.append((label, re.compile(text if "~" in sign else re.escape(text)), sign.startswith("!")))
        return tests


@dataclass(frozen=True)
class SeriesExpression:
    """An expression, parsed; without a `/` it has no bottom."""

    top: Selector
    bottom: Selector | None = None
    scale: float = 1.0
    is_complement: bool = False

    def __str__(self) -> str:
        below = f" / {self.bottom}" if self.bottom else ""
        scaled = f" * {self.scale:g}" if self.scale != 1 else ""
        return f"{'1 - ' if self.is_complement else ''}{self.top}{below}{scaled}"

    def within(self, matchers: str) -> SeriesExpression:
        """The expression over those series alone that also match `matchers`."""
        if not matchers:
            return self
        top, bottom = _narrowed(self.top, matchers), self.bottom and _narrowed(self.bottom, matchers)
        return replace(self, top=top, bottom=bottom)

    def finish(self, number: float) -> float:
        """The reading, from the number that the selectors give together."""
        scaled = number * self.scale
        return 1 - scaled if self.is_complement else scaled

    def to_promql(self, by: str, rate_seconds: int) -> str:
        """The expression in PromQL; with a label in `by` there is a result for each of its values."""
        group = f" by ({by}) " if by else ""
        text = _summed(self.top, group, rate_seconds, is_alone=self.bottom is None)
        if self.bottom is not None:
            text = f"{text} / {_summed(self.bottom, group, rate_seconds, bound=' > 0')}"
        text = text if self.scale == 1 else f"{text} * {self.scale:g}"
        return f"1 - {text}" if self.is_complement else text


def parse_expression(text: str) -> SeriesExpression:
    """The expression in a text. Raises ValueError: it is no expression, or a regular expression in it is invalid."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    complement, name, matchers, other_name, other_matchers, scale = match.groups()
    bottom = Selector(other_name, (other_matchers or "").strip(" ,")) if other_name else None
    expression = SeriesExpression(
        Selector(name, (matchers or "").strip(" ,")), bottom, float(scale or 1), bool(complement)
    )
    return _checked(expression)


def parse_matchers(text: str) -> str:
    """The matchers, as between a selector's braces; empty for no text. Raises ValueError as `parse_expression`."""
    if text and not re.fullmatch(_MATCHERS, text, re.ASCII):
        raise ValueError(text)
    return _checked(SeriesExpression(Selector("any", text.strip(" ,")))).top.matchers


def _checked(expression: SeriesExpression) -> SeriesExpression:
    try:
        for selector in filter(None, (expression.top, expression.bottom)):
            selector.matches(())
    except re.error as error:
        raise ValueError(str(error)) from None
    return expression


def sum_of(values: Mapping[Labels, float], selector: Selector, *, is_bottom: bool = False) -> tuple[float, int]:
    """The sum of the matching values, and how many they are. One that is NaN makes the sum NaN, as in PromQL."""
    chosen = [value for labels, value in values.items() if selector.matches(labels)]
    chosen = [value for value in chosen if not value <= 0] if is_bottom else chosen
    return sum(chosen), len(chosen)


def _narrowed(selector: Selector, matchers: str) -> Selector:
    return Selector(selector.name, ",".join(filter(None, (selector.matchers, matchers))))


def _summed(selector: Selector, group: str, rate_seconds: int, *, is_alone: bool = False, bound: str = "") -> str:
    if selector.is_counter:
        return f"sum{group}(rate({selector}[{rate_seconds}s]))"
    return f"avg{group}({selector})" if is_alone else f"sum{group}({selector}{bound})"
