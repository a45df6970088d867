"""The report's words and tables: pure HTML fragments in simple markup. How they look is in the template's style sheet.

Every fragment is one element with a class that starts with `pm-`. Text that comes from data is escaped.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from pycemaker import words
from pycemaker.criticity import criticity
from pycemaker.digest import Digest, Extreme, digest

if TYPE_CHECKING:
    from datetime import datetime

    from pycemaker.period import MetricPeriod, Period


def heading(period: Period, title: str = "") -> str:
    """The title, the period, the zone, how many samples came of how many expected, and whether any are made up."""
    notice = _sample_notice(period)
    length, zone = words.length(period.window.hours), words.zone_phrase(period.window, period.zone)
    when = words.period(period.window, period.zone)
    return (
        f'<div class="pm-head"><h1>{escape(title) or when}</h1>'
        f'<p class="pm-sub">{f"{when} · " if title else ""}{length} · {escape(zone)}</p>'
        f"<p>{_coverage(period)}</p>"
        + (f'<p class="pm-notice"><strong>Dados de exemplo.</strong> {notice}</p>' if notice else "")
        + "</div>"
    )


def summary(period: Period) -> str:
    """One row a metric: mean, growth, lowest to highest, and the share of the worst criticity there was."""
    rows = "".join(_summary_row(part, digest(part)) for part in period.metrics)
    return (
        '<div class="pm-summary"><h2>Resumo</h2><table><thead><tr>'
        '<th scope="col">Métrica<br><small>menor a maior</small></th>'
        '<th scope="col">Média</th><th scope="col">Variação</th><th scope="col">Pior criticidade</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def section(part: MetricPeriod) -> str:
    """One metric's heading and its numbers: mean, growth, lowest and highest with when they happened, coverage."""
    told, unit = digest(part), part.metric.unit
    cells = (
        ("Média", words.reading(told.mean, unit), words.unit_phrase(unit)),
        ("Variação", words.growth(told.growth), _before(told, unit)),
        ("Menor", *_extreme_cells(part, told.lowest)),
        ("Maior", *_extreme_cells(part, told.highest)),
    )
    heads = "".join(f'<th scope="col">{label}</th>' for label, _, _ in cells)
    values = "".join(f"<td><strong>{value}</strong><br><small>{note}</small></td>" for _, value, note in cells)
    return (
        f'<div class="pm-section"><h2>{escape(part.metric.label)}</h2>'
        f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{values}</tr></tbody></table>"
        f'<p class="pm-count">{escape(words.coverage(told.received, told.expected))}</p></div>'
    )


def _coverage(period: Period) -> str:
    """Samples received of expected, in total and of each metric; as many of every metric are said once."""
    total = words.coverage(period.received, period.expected)
    by_metric = {part.metric.label: (len(part.current), part.expected) for part in period.metrics}
    each = Counter(by_metric.values())
    usual, how_often = each.most_common(1)[0]
    if how_often == 1:
        usual = (-1, -1)
    said = [f"{escape(label)} {_of(*counts)}" for label, counts in by_metric.items() if counts != usual]
    if how_often > 1:
        said.append(f"{_of(*usual)} {'nas demais' if len(each) > 1 else 'em cada métrica'}")
    return f"<strong>{escape(total)}</strong>: {'; '.join(said)}."


def _of(received: int, expected: int) -> str:
    return f"{words.count(received)} de {words.count(expected)}"


def _sample_notice(period: Period) -> str:
    until: datetime | None = period.sample_until_utc
    if until is None:
        return ""
    if until >= period.window.end_utc:
        return "Todas as amostras deste relatório são inventadas, para demonstração."
    if until <= period.window.start_utc:
        return "As amostras do período anterior, com que este é comparado, são inventadas, para demonstração."
    moment = words.clock(until, period.zone, "dd/MM/yyyy, HH:mm")
    return f"As amostras até {moment} são inventadas, para demonstração; as seguintes são reais."


def _summary_row(part: MetricPeriod, told: Digest) -> str:
    unit = part.metric.unit
    if told.lowest is None or told.highest is None:
        absence = words.NO_READINGS if told.received else words.NO_SAMPLES
        return f'<tr><th scope="row">{escape(part.metric.label)}</th><td colspan="3">{absence}</td></tr>'
    extent = f"{words.reading(told.lowest.reading, unit)} a {words.reading(told.highest.reading, unit)}"
    return (
        f'<tr><th scope="row">{escape(part.metric.label)}<br><small>{extent}</small></th>'
        f"<td>{words.reading(told.mean, unit)}</td><td>{words.growth(told.growth)}</td><td>{_worst(told)}</td></tr>"
    )


def _worst(told: Digest) -> str:
    if told.worst is None:
        return words.NOTHING
    worst = criticity(told.worst)
    share = escape(words.share(told.shares[worst.name]))
    return f'<span style="color:{worst.color}">●</span> {escape(worst.label)}<br><small>{share}</small>'


def _before(told: Digest, unit: str) -> str:
    if told.previous_mean is None:
        return "sem período anterior"
    return f"antes {words.reading(told.previous_mean, unit)}"


def _extreme_cells(part: MetricPeriod, extreme: Extreme | None) -> tuple[str, str]:
    """The reading; and when it first was, with how many times where that is more than once."""
    if extreme is None:
        return words.NOTHING, ""
    when = words.moment(extreme.first_ms, part.window, part.zone)
    often = words.times(extreme.times)
    return words.reading(extreme.reading, part.metric.unit), f"{when}<br>{often}" if often else when
