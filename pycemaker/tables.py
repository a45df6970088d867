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
from pycemaker.language import N_, _, ngettext, pgettext

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pycemaker.findings import Finding
    from pycemaker.period import MetricPeriod, Period

_SEVERITIES = {
    CRITICAL: (N_("Crítico"), "pm-critical"),
    WARNING: (N_("Atenção"), "pm-warning"),
    NOTICE: (N_("Aviso"), "pm-info"),
}


def heading(period: Period, title: str = "") -> str:
    """The title, the period, the zone, how many samples came of how many expected, and whether any are made up.

    A title that the catalogues have is translated.
    """
    notice = _sample_notice(period)
    length, zone = words.length(period.window.hours), words.zone_phrase(period.window, period.zone)
    when = words.period(period.window, period.zone)
    received, made_up = words.coverage(period.received, period.expected), _("Dados de exemplo.")
    return (
        f'<div class="pm-head"><h1>{escape(_(title)) or when}</h1>'
        f'<p class="pm-sub">{f"{when} · " if title else ""}{length} · {escape(zone)} · {escape(received)}</p>'
        + (f'<p class="pm-notice"><strong>{made_up}</strong> {notice}</p>' if notice else "")
        + "</div>"
    )


def findings(found: Sequence[Finding], period: Period) -> str:
    """What changed, the most important first: how grave in words and colour, the figures, what to do next."""
    changed, nothing, next_step = _("O que mudou"), _(QUIET), _next(_("nada."))
    quiet = f'<p class="pm-quiet"><strong>{nothing}.</strong><br>{escape(quiet_sentence(period))}{next_step}</p>'
    told = "".join(map(_finding, found)) if found else quiet
    return f'<div class="pm-findings"><h2>{changed}</h2>{told}</div>'


def _finding(finding: Finding) -> str:
    label, look = _SEVERITIES[finding.severity]
    return (
        f'<p class="pm-finding {look}"><span class="pm-grade">{_(label)}</span> '
        f"<strong>{escape(finding.headline)}</strong><br>{escape(finding.detail)}{_next(finding.advice)}</p>"
    )


def _next(advice: str) -> str:
    what = _("O que fazer:")
    return f'<br><span class="pm-next"><strong>{escape(what)}</strong> {escape(advice)}</span>'


def quiet_sentence(period: Period) -> str:
    """What a quiet period was compared with, so that the sentence says how much it is worth."""
    days = max((sum(len(earlier.samples) > 0 for earlier in part.earlier) for part in period.metrics), default=0)
    if not days:
        return _("Comparado com o período anterior.")
    return ngettext(
        "Comparado com o período anterior e com as mesmas horas do dia anterior.",
        "Comparado com o período anterior e com as mesmas horas de {days} dias anteriores.",
        days,
        days=days,
    )


def trust(period: Period) -> str:
    """How far the samples can be trusted: how many came, gaps, irregular ones, what is not compared."""
    counted = {part.label: coverage(part) for part in period.metrics}
    heading, omitted = _("Dá para confiar?"), _("Comparação omitida:")
    said = [*_out_of_step(period, counted), _longest_gap(period, counted)]
    withheld = _withheld(counted)
    return (
        f'<div class="pm-trust"><h2>{heading}</h2>'
        f"<p>{_coverage(period)} {escape(' '.join(filter(None, said)))}</p>"
        + (f'<p class="pm-notice"><strong>{omitted}</strong> {escape(withheld)}</p>' if withheld else "")
        + "</div>"
    )


def _longest_gap(period: Period, counted: dict[str, Coverage]) -> str:
    gaps = {label: told.gaps[0] for label, told in counted.items() if told.gaps}
    if not gaps:
        return _("Sem lacunas.")
    longest = max(gaps.values(), key=lambda gap: gap.seconds)
    who = [label for label, gap in gaps.items() if gap.seconds >= 0.9 * longest.seconds]
    where = _("em todas as métricas") if len(who) == len(counted) else _("em {labels}", labels=words.listed(who))
    span = words.span_in_sentence(longest.start_ms, longest.end_ms, period.window, period.zone)
    return _("Maior lacuna: {length}, {span}, {where}.", length=words.duration(longest.seconds), span=span, where=where)


def _out_of_step(period: Period, counted: dict[str, Coverage]) -> list[str]:
    """One sentence for each kind of irregular sample that there is."""
    arrivals = [part.arrivals for part in period.metrics if part.arrivals]
    amounts = {
        N_("{count} com hora repetida"): sum(told.duplicates for told in counted.values()),
        N_("{count} fora do passo (relógio que voltou, ou dois coletores)"): sum(
            told.crowded for told in counted.values()
        ),
        N_("{count} gravadas com mais de 1 min de atraso"): sum(arrival.late for arrival in arrivals),
        N_("{count} com hora adiantada em mais de 1 min (relógio do coletor)"): sum(
            arrival.ahead for arrival in arrivals
        ),
    }
    told = [_(what, count=words.count(amount)) for what, amount in amounts.items() if amount]
    if not told:
        return [_("Nenhuma amostra repetida ou fora do passo.")]
    return [_("Irregulares: {kinds}.", kinds=words.listed(told))]


def _withheld(counted: dict[str, Coverage]) -> str:
    """Which metrics are not compared with the interval before, and why."""
    reasons: dict[str, list[str]] = {}
    for label, told in counted.items():
        if told.received and not told.is_comparable:
            reasons.setdefault(_too_little(told), []).append(label)
    parts = []
    for reason, labels in reasons.items():
        who = _("todas as métricas") if len(labels) == len(counted) else words.listed(labels)
        parts.append(f"{who} ({reason})")
    return "; ".join(parts) + "." if parts else ""


def _too_little(told: Coverage) -> str:
    little, text = min(
        (told.share, N_("este período tem {share} das amostras, e menos de {least} não basta")),
        (told.previous_share, N_("o anterior tem {share} das amostras, e menos de {least} não basta")),
    )
    return _(text, share=words.share(little), least=words.percent(COMPARABLE_SHARE, 0))


def summary(period: Period) -> str:
    """One row a metric: mean, growth, lowest to highest, and the share of the worst criticity there was."""
    rows = "".join(_summary_row(part, digest(part)) for part in period.metrics)
    heads = "".join(f'<th scope="col">{head}</th>' for head in (_("Média"), _("Variação"), _("Pior criticidade")))
    resumed, metric, extent = _("Resumo"), _("Métrica"), _("menor a maior")
    return (
        f'<div class="pm-summary"><h2>{resumed}</h2><table><thead><tr>'
        f'<th scope="col">{metric}<br><small>{extent}</small></th>{heads}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def section(part: MetricPeriod) -> str:
    """One metric's heading and its numbers: mean, growth, lowest and highest with when they happened, coverage."""
    told, unit = digest(part), part.metric.unit
    cells = (
        (_("Média"), words.reading(told.mean, unit), words.unit_phrase(unit)),
        (_("Variação"), words.growth(told.growth), _before(told, unit)),
        (_("Menor"), *_extreme_cells(part, told.lowest)),
        (_("Maior"), *_extreme_cells(part, told.highest)),
    )
    heads = "".join(f'<th scope="col">{label}</th>' for label, *_rest in cells)
    values = "".join(f"<td><strong>{value}</strong><br><small>{note}</small></td>" for _label, value, note in cells)
    return (
        f'<div class="pm-section"><h2>{escape(part.label)}</h2>'
        f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{values}</tr></tbody></table>"
        f'<p class="pm-count">{escape(words.coverage(told.received, told.expected))}</p></div>'
    )


def _coverage(period: Period) -> str:
    """Samples received of expected, in total and of each metric; as many of every metric are said once."""
    total = words.coverage(period.received, period.expected)
    by_metric = {part.label: (len(part.current), part.expected) for part in period.metrics}
    each = Counter(by_metric.values())
    usual, how_often = each.most_common(1)[0]
    if how_often == 1:
        usual = (-1, -1)
    said = [f"{escape(label)} {_of(*counts)}" for label, counts in by_metric.items() if counts != usual]
    if how_often > 1:
        text = N_("{counts} nas demais") if len(each) > 1 else N_("{counts} em cada métrica")
        said.append(_(text, counts=_of(*usual)))
    return f"<strong>{escape(total)}</strong>: {'; '.join(said)}."


def _of(received: int, expected: int) -> str:
    return _("{received} de {expected}", received=words.count(received), expected=words.count(expected))


def _sample_notice(period: Period) -> str:
    until: datetime | None = period.sample_until_utc
    if until is None:
        return ""
    if until >= period.window.end_utc:
        return _("Todas as amostras deste relatório são inventadas, para demonstração.")
    if until <= period.window.start_utc:
        return _("As amostras do período anterior, com que este é comparado, são inventadas, para demonstração.")
    moment = words.clock(until, period.zone, pgettext("date", "dd/MM/yyyy, HH:mm"))
    return _("As amostras até {moment} são inventadas, para demonstração; as seguintes são reais.", moment=moment)


def _summary_row(part: MetricPeriod, told: Digest) -> str:
    unit = part.metric.unit
    if told.lowest is None or told.highest is None:
        absence = words.absence(told.received)
        return f'<tr><th scope="row">{escape(part.label)}</th><td colspan="3">{absence}</td></tr>'
    ends = [words.reading(extreme.reading, unit) for extreme in (told.lowest, told.highest)]
    extent = _("{start} a {end}", start=ends[0], end=ends[1])
    return (
        f'<tr><th scope="row">{escape(part.label)}<br><small>{extent}</small></th>'
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
        return _("comparação omitida: amostras de menos")
    if told.previous_mean is None:
        return _("sem período anterior")
    return _("antes {mean}", mean=words.reading(told.previous_mean, unit))


def _extreme_cells(part: MetricPeriod, extreme: Extreme | None) -> tuple[str, str]:
    """The reading; and when it first was, with how many times where that is more than once."""
    if extreme is None:
        return words.NOTHING, ""
    when = words.moment(extreme.first_ms, part.window, part.zone)
    often = words.times(extreme.times)
    return words.reading(extreme.reading, part.metric.unit), f"{when}<br>{often}" if often else when
