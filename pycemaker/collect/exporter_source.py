"""Readings of an exporter's page by `series_expressions`. Rates are between two scrapes, so the first one gives none.

Lines that no expression names are not parsed: a page of node_exporter has a thousand, its preset needs a tenth of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pycemaker.collect.collect_file import CollectSource
from pycemaker.collect.counter_resets import counter_increase
from pycemaker.collect.reading_documents import Readings
from pycemaker.collect.series_expressions import COUNTER_ENDINGS, Labels, Selector, SeriesExpression, sum_of
from pycemaker.collect.source_http import SourceClient, SourceFault

OPENMETRICS = "application/openmetrics-text"
STALE_SECONDS = 300.0
"""The age from which a series with a time of its own, or the scrape before, counts no more: Prometheus's own rule."""

_LONGEST_LINE, _MOST_LINES = 64 * 1024, 50_000
"""Characters of a line and lines that are parsed: the parsers' time grows with the square of a line's length."""

_ACCEPT = f"text/plain;version=0.0.4, {OPENMETRICS};version=1.0.0;q=0.5"
_MOST_SECONDS = 10.0
_PARSERS_FAULTS = (ValueError, KeyError, IndexError, TypeError, AttributeError)  # They raise what they run into


@dataclass(frozen=True)
class ExporterPage:
    """The series of one scrape by name and labels, and the names that it declares as gauges.

    `taken_s` is the scrape's time, in seconds of any steady clock.
    """

    taken_s: float
    series: dict[str, dict[Labels, float]]
    gauges: frozenset[str] = frozenset()

    def reading(self, expression: SeriesExpression, before: ExporterPage | None) -> float | None:
        """The expression's reading; None where a selector matches nothing, or a rate has no scrape before it."""
        top, count = self._sum(expression.top, before)
        if not count:
            return None
        if expression.bottom is None:
            return expression.finish(top if self._is_counter(expression.top) else top / count)
        bottom, count = self._sum(expression.bottom, before, is_bottom=True)
        return expression.finish(top / bottom) if count and bottom else None

    def _sum(self, selector: Selector, before: ExporterPage | None, *, is_bottom: bool = False) -> tuple[float, int]:
        values = self.series.get(selector.name, {})
        if not self._is_counter(selector):
            return sum_of(values, selector, is_bottom=is_bottom)
        if before is None or not 0 < self.taken_s - before.taken_s <= STALE_SECONDS:
            return 0.0, 0
        earlier = before.series.get(selector.name, {})
        increases = {
            labels: counter_increase(earlier[labels], value) for labels, value in values.items() if labels in earlier
        }
        increase, count = sum_of(increases, selector)
        return increase / (self.taken_s - before.taken_s), count

    def _is_counter(self, selector: Selector) -> bool:
        return selector.is_counter and selector.name not in self.gauges


def parse_page(
    text: str, media_type: str, expressions: Iterable[SeriesExpression], taken_s: float, now_s: float
) -> ExporterPage:
    """The series on a page that the expressions name; a series' own time is compared with `now_s`, seconds since 1970.

    Raises:
        SourceFault: it is no page of metrics, it is cut, or a series is on it twice.
    """
    names = {
        selector.name for expression in expressions for selector in (expression.top, expression.bottom) if selector
    }
    is_openmetrics = media_type.startswith(OPENMETRICS)
    if "html" in media_type or not text.strip():
        raise SourceFault(f"no page of metrics ({media_type[:40] or 'no type'})" if text.strip() else "an empty page")
    if not (text.rstrip().endswith("# EOF") if is_openmetrics else text.endswith("\n")):
        raise SourceFault("the page is cut: its end is missing")
    series: dict[str, dict[Labels, float]] = {name: {} for name in names}
    gauges = set()
    try:
        for family in _families(text, names, is_openmetrics=is_openmetrics):
            gauges |= {family.name} if family.type == "gauge" else set()
            for sample in family.samples:
                if sample.name not in series or _is_stale(sample.timestamp, now_s):
                    continue
                labels = tuple(sorted(sample.labels.items()))
                if labels in series[sample.name]:
                    raise SourceFault(f"a series of {sample.name} is there twice")
                series[sample.name][labels] = float(sample.value)
    except _PARSERS_FAULTS as error:
        raise SourceFault(f"a line that is no metric's: {str(error)[:120]}") from None
    return ExporterPage(taken_s, series, frozenset(gauges))


def _families(text: str, names: Iterable[str], *, is_openmetrics: bool) -> Iterable[Metric]:
    if is_openmetrics:
        return parse_openmetrics(_checked(text))  # type: ignore[no-untyped-call, no-any-return]
    return parse_text(_checked(_lines_of(text, names)))


def _checked(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > _MOST_LINES or max(map(len, lines)) > _LONGEST_LINE:
        raise SourceFault(f"more than {_MOST_LINES} lines to parse, or one of more than {_LONGEST_LINE} characters")
    return text


def _lines_of(text: str, names: Iterable[str]) -> str:
    """The lines of these series, and the types of their families."""
    families = {name.removesuffix(ending) for name in names for ending in ("", *COUNTER_ENDINGS)}
    wanted, typed = "|".join(map(re.escape, sorted(names))), "|".join(map(re.escape, sorted(families)))
    pattern = rf"^(?:(?:{wanted})[ \t{{].*|#[ \t]+TYPE[ \t]+(?:{typed})[ \t].*)$"
    return "\n".join([*re.findall(pattern, text, re.MULTILINE), ""])


def _is_stale(timestamp: object, now_s: float) -> bool:
    return timestamp is not None and now_s - float(str(timestamp)) > STALE_SECONDS


class ExporterSource:
    """One source of kind `scrape`. One thread at a time. Rates go by a steady clock, whatever happens to the wall's."""

    def __init__(self, source: CollectSource, client: SourceClient | None = None) -> None:
        seconds = min(_MOST_SECONDS, max(1.0, source.every_seconds))
        self.source = source
        self._client = client or SourceClient(source.url, source.authorization, seconds)
        self._before: ExporterPage | None = None

    @property
    def is_first(self) -> bool:
        """True before the first scrape, which gives no rates."""
        return self._before is None

    def read(self, time_s: float) -> Readings:
        """Scrape, and the readings as of that instant, seconds since 1970.

        Raises:
            SourceFault: the exporter does not answer, or not with a page of metrics.
        """
        taken_s, answer = time.monotonic(), self._client.get(_ACCEPT)
        if answer.status != 200:
            raise SourceFault(f"status {answer.status}")
        try:
            text = answer.body.decode()
        except UnicodeDecodeError:
            raise SourceFault("a page that is no UTF-8") from None
        page = parse_page(text, answer.media_type, self.source.expressions.values(), taken_s, time_s)
        before, self._before = self._before, page
        readings = {name: page.reading(expression, before) for name, expression in self.source.expressions.items()}
        there = {name: value for name, value in readings.items() if value is not None}
        return {(self.source.application, round(time_s * 1000)): there}
