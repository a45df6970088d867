"""The report's words and tables: pure HTML fragments in simple markup. How they look is in the template's style sheet.

Every fragment is one element with a class that starts with `pm-`. Text that comes from data is escaped.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from pycemaker import words
from pycemaker.coverage import COMPARABLE_SHARE, Coverage, coverage
from pycemaker.criticity import criticity
from pycemaker.digest import Digest, Extreme, digest
from pycemaker.findings import CRITICAL, NOTICE, QUIET, WARNING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pycemaker.findings import Finding
    from pycemaker.period import MetricPeriod, Period

_SEVERITIES = {
    CRITICAL: ("Crítico", "pm-critical"),
    WARNING: ("Atenção", "pm-warning"),
    NOTICE: ("Aviso", "pm-info"),
}


def heading(period: Period, title: str = "") -> str:
    """The title, the period, the zone, how many samples came of how many expected, and whether any are made up."""
    notice = _sample_notice(period)
    length, zone = words.length(period.window.hours), words.zone_phrase(period.window, period.zone)
    when = words.period(period.window, period.zone)
    received = words.coverage(period.received, period.expected)
    return (
        f'<div class="pm-head"><h1>{escape(title) or when}</h1>'
        f'<p class="pm-sub">{f"{when} · " if title else ""}{length} · {escape(zone)} · {escape(received)}</p>'
        + (f'<p class="pm-notice"><strong>Dados de exemplo.</strong> {notice}</p>' if notice else "")
        + "</div>"
    )


def findings(found: Sequence[Finding], period: Period) -> str:
    """What changed, the most important first: how grave in words and colour, the figures, what to do next."""
    if not found:
        return (
            '<div class="pm-findings"><h2>O que mudou</h2>'
            f'<p class="pm-quiet"><strong>{QUIET}.</strong><br>{escape(quiet_sentence(period))}</p></div>'
        )
    return '<div class="pm-findings"><h2>O que mudou</h2>' + "".join(map(_finding, found)) + "</div>"


def _finding(finding: Finding) -> str:
    label, look = _SEVERITIES[finding.severity]
    advice = f'<br><span class="pm-next">O que fazer: {escape(finding.advice)}</span>' if finding.advice else ""
    return (
        f'<p class="pm-finding {look}"><span class="pm-grade">{label}</span> '
        f"<strong>{escape(finding.headline)}</strong><br>{escape(finding.detail)}{advice}</p>"
    )


def quiet_sentence(period: Period) -> str:
    """What a quiet period was compared with, so that the sentence says how much it is worth."""
    days = max((sum(len(earlier.samples) > 0 for earlier in part.earlier) for part in period.metrics), default=0)
    earlier = {0: "", 1: " e com as mesmas horas do dia anterior"}.get(
        days, f" e com as mesmas horas de {days} dias anteriores"
    )
    return f"Comparado com o período anterior{earlier}."


def trust(period: Period) -> str:
    """How far the samples can be trusted: how many came, gaps, irregular ones, what is not compared."""
    counted = {part.metric.label: coverage(part) for part in period.metrics}
    said = [*_out_of_step(period, counted), _longest_gap(period, counted)]
    withheld = _withheld(counted)
    return (
        '<div class="pm-trust"><h2>Dá para confiar?</h2>'
        f"<p>{_coverage(period)} {escape(' '.join(filter(None, said)))}</p>"
        + (f'<p class="pm-notice"><strong>Comparação omitida:</strong> {escape(withheld)}</p>' if withheld else "")
        + "</div>"
    )


def _longest_gap(period: Period, counted: dict[str, Coverage]) -> str:
    gaps = {label: told.gaps[0] for label, told in counted.items() if told.gaps}
    if not gaps:
        return "Sem lacunas."
    longest = max(gaps.values(), key=lambda gap: gap.seconds)
    who = [label for label, gap in gaps.items() if gap.seconds >= 0.9 * longest.seconds]
    where = "em todas as métricas" if len(who) == len(counted) else f"em {words.listed(who)}"
    span = words.span_in_sentence(longest.start_ms, longest.end_ms, period.window, period.zone)
    return f"Maior lacuna: {words.duration(longest.seconds)}, {span}, {where}."


def _out_of_step(period: Period, counted: dict[str, Coverage]) -> list[str]:
    """One sentence for each kind of irregular sample that there is."""
    arrivals = [part.arrivals for part in period.metrics if part.arrivals]
    amounts = {
        "com hora repetida": sum(told.duplicates for told in counted.values()),
        "fora do passo (relógio que voltou, ou dois coletores)": sum(told.crowded for told in counted.values()),
        "gravadas com mais de 1 min de atraso": sum(arrival.late for arrival in arrivals),
        "com hora adiantada em mais de 1 min (relógio do coletor)": sum(arrival.ahead for arrival in arrivals),
    }
    told = [f"{words.count(amount)} {what}" for what, amount in amounts.items() if amount]
    return [f"Irregulares: {words.listed(told)}."] if told else ["Nenhuma amostra repetida ou fora do passo."]


def _withheld(counted: dict[str, Coverage]) -> str:
    """Which metrics are not compared with the interval before, and why."""
    reasons: dict[str, list[str]] = {}
    for label, told in counted.items():
        if told.received and not told.is_comparable:
            little, whose = min((told.share, "este período"), (told.previous_share, "o anterior"))
            least = words.percent(COMPARABLE_SHARE, 0)
            reason = f"{whose} tem {words.share(little)} das amostras, e menos de {least} não basta"
            reasons.setdefault(reason, []).append(label)
    parts = []
    for reason, labels in reasons.items():
        who = "todas as métricas" if len(labels) == len(counted) else words.listed(labels)
        parts.append(f"{who} ({reason})")
    return "; ".join(parts) + "." if parts else ""


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
    if told.is_withheld:
        return "comparação omitida: amostras de menos"
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
