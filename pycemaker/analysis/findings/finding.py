"""A finding, and what every detector shares: the least difference that matters, and phrases for amounts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycemaker import i18n
from pycemaker.analysis.rates import rate, rate_unit
from pycemaker.i18n.language import _, ngettext

if TYPE_CHECKING:
    from pycemaker.metrics import Metric
    from pycemaker.series.period import MetricPeriod

CRITICAL, WARNING, NOTICE = 3, 2, 1
"""Severities: act now; look into it; good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing about a period.

    Attributes:
        kind: `gap`, `incident`, `critical`, `shift`, `trend` or `high`.
        metric: the id of the metric that it is about; empty where it is about all of them.
        severity: `CRITICAL`, `WARNING` or `NOTICE`.
        headline: what changed, how much and when, on one line, without a full stop.
        detail: the figures behind it: one or two sentences.
        advice: what to do next, a sentence; never empty.
        start_ms: when it began, milliseconds since 1970 in UTC; None where it has no beginning.
        weight: among findings of one severity and kind the larger comes first.
        others: the ids of further metrics that it is about.
    """

    kind: str
    metric: str
    severity: int
    headline: str
    detail: str
    advice: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    weight: float = 0.0
    others: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The ids of all metrics that it is about, the first first; none where it is about all there are."""
        return (self.metric, *self.others) if self.metric else ()

    @property
    def sentence(self) -> str:
        """Headline and detail as running text."""
        return f"{self.headline}. {self.detail}".strip()


@dataclass(frozen=True)
class Floor:
    """The least difference that matters to a person, however certain it is.

    Attributes:
        factor: the larger is at least so many times the smaller.
        least: and larger by at least so much, in the metric's unit.
    """

    factor: float
    least: float

    def parts(self, first: float, second: float) -> bool:
        """True if the two are that far apart. NaN is apart from nothing."""
        low, high = min(first, second), max(first, second)
        return high - low >= self.least and high >= low * self.factor


def compared(amount: float, normal: float, metric: Metric) -> str:
    """An amount compared with the normal one: `12× acima do normal`, `30 p.p. abaixo do normal`."""
    if amount > normal:
        much = _much_above(amount, normal, metric)
        return _("{much} acima do normal", much=much) if much else _("muito acima do normal")
    much = (
        i18n.points(amount - normal)
        if metric.unit == "ratio"
        else i18n.percent(1 - amount / normal if normal else 0, 0)
    )
    return _("{much} abaixo do normal", much=much)


def _much_above(amount: float, normal: float, metric: Metric) -> str:
    """The amount above normal; empty where no number says it better than `muito`."""
    if metric.unit == "ratio":
        return i18n.points(amount - normal)
    if normal <= 0 or amount / normal >= 100:
        return ""
    return i18n.percent(amount / normal - 1, 0) if amount / normal < 2 else i18n.fold(amount / normal)


def reading_text(amount: float, part: MetricPeriod, at_ms: float | None = None) -> str:
    """A reading of that metric with its unit, counts as rates; `at_ms` says at which cadence, where it changes."""
    return i18n.reading_with_unit(rate(amount, part, at_ms), rate_unit(part))


def days_phrase(days: int) -> str:
    """The earlier days as readers know them: `do dia anterior`, `dos 7 dias anteriores`, `das 4 semanas anteriores`."""
    weeks, rest = divmod(days, 7)
    if weeks > 1 and not rest:
        return ngettext("da semana anterior", "das {weeks} semanas anteriores", weeks, weeks=weeks)
    return ngettext("do dia anterior", "dos {days} dias anteriores", days, days=days)
