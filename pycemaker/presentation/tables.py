"""The report's sentences and tables: pure HTML fragments in simple markup, styled by the template's style sheet.

Every fragment is one element with a class that starts with `pm-`. Text that comes from data is escaped.
"""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from pycemaker import i18n
from pycemaker.analysis.criticity import criticity
from pycemaker.analysis.findings.assessment import AllClear
from pycemaker.analysis.findings.choice import all_clear
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING, Finding
from pycemaker.analysis.metric_summary import Extreme, MetricSummary, summarize_metric
from pycemaker.analysis.period_health import PeriodHealth
from pycemaker.analysis.rates import in_rates
from pycemaker.analysis.sample_coverage import COMPARABLE_SHARE, Coverage, coverage
from pycemaker.analysis.suspicious_samples import suspicions
from pycemaker.i18n.language import N_, _
from pycemaker.presentation.cadence_sentence import sampling
from pycemaker.presentation.demo_notice import demo_notice
from pycemaker.presentation.health_sentences import health_line, lowest, quality
from pycemaker.series.period import MetricPeriod, Period

_SEVERITIES = {
    CRITICAL: (N_("Crítico"), "pm-critical"),
    WARNING: (N_("Atenção"), "pm-warning"),
    NOTICE: (N_("Aviso"), "pm-info"),
}


_LARGE_GROWTH = 0.5


def heading(period: Period, title: str = "") -> str:
    """The title, the period, its length, the zone, and whether any samples are made up.

    A title that the catalogues have is translated.
    """
    notice = demo_notice(period.window, period.zone, period.sample_until_utc)
    length, zone = i18n.length(period.window.hours), i18n.zone_phrase(period.window, period.zone)
    when = i18n.period(period.window, period.zone)
    made_up, often, well = _("Dados de exemplo."), sampling(period), health_line(period)
    return (
        f'<div class="pm-head"><h1>{escape(_(title)) or when}</h1>'
        f'<p class="pm-sub">{f"{when} · " if title else ""}{length} · {escape(zone)}'
        f"{f' · {escape(often)}' if often else ''}</p>"
        + (f'<p class="pm-health">{escape(well)}</p>' if well else "")
        + (f'<p class="pm-notice"><strong>{made_up}</strong> {notice}</p>' if notice else "")
        + "</div>"
    )


def health(period: Period, known: PeriodHealth) -> str:
    """When the health was lowest and why, and how good its forecasts were, or that there is none yet."""
    sentence = quality(known.ahead) if known.ahead else _("Ainda não há histórico para uma previsão.")
    text = escape(f"{lowest(known, period)} {sentence}".strip())
    return f'<div class="pm-forecast"><p class="pm-count">{text}</p></div>'


def findings(chosen: Sequence[Finding], period: Period) -> str:
    """The findings, the most important first: severity in words and colour, figures, advice."""
    return _findings(_heading(_("O que mudou")), chosen, None if chosen else all_clear(period))


def mail_head(findings: tuple[Finding, ...], period: Period) -> dict[str, Any]:
    """The mail's `headline` and its `preheader`, plain text, which the renderer escapes; and `severity`.

    The severity is that of the worst finding, 1 to 3; 0 without one.
    """
    if not findings:
        clear = all_clear(period)
        return {"headline": clear.headline, "preheader": clear.detail, "severity": 0}
    listed = i18n.listed([finding.headline for finding in findings[1:]])
    others = " " + _("Também: {others}.", others=listed) if listed else ""
    severity = max(finding.severity for finding in findings)
    return {"headline": findings[0].headline, "preheader": f"{findings[0].detail}{others}", "severity": severity}


def capacity(chosen: Sequence[Finding], quiet: Finding) -> str:
    """The findings of a capacity review, the most urgent first; without one what `quiet` says."""
    return _findings(_heading(_("O que vem pela frente")), chosen, None if chosen else quiet)


def alerts(title: str, when: str, chosen: Sequence[Finding], quiet: AllClear | None) -> str:
    """The head of an alert's mail, and its alerts, the leading one first; without one what `quiet` says."""
    return _findings(f'<h1>{escape(title)}</h1><p class="pm-sub">{escape(when)}</p>', chosen, quiet)


def _heading(title: str) -> str:
    return f"<h2>{title}</h2>"


def _findings(head: str, chosen: Sequence[Finding], quiet: Finding | AllClear | None) -> str:
    paragraphs = "".join(map(_finding, chosen))
    if quiet is not None:
        text = f"<strong>{escape(quiet.headline)}.</strong><br>{escape(quiet.detail)}{_next(quiet.advice)}"
        paragraphs = f'<p class="pm-quiet">{text}</p>'
    return f'<div class="pm-findings">{head}{paragraphs}</div>'


def _finding(finding: Finding) -> str:
    label, look = _SEVERITIES[finding.severity]
    return (
        f'<p class="pm-finding {look}"><span class="pm-grade">{_(label)}</span> '
        f"<strong>{escape(finding.headline)}</strong><br>{escape(finding.detail)}{_next(finding.advice)}</p>"
    )


def _next(advice: str) -> str:
    label = _("O que fazer:")
    return f'<br><span class="pm-next"><strong>{escape(label)}</strong> {escape(advice)}</span>'


def trust(period: Period) -> str:
    """The data quality: samples received of expected, gaps, irregular ones, metrics that are not compared."""
    counted = {part.label: coverage(part) for part in period.metrics}
    question, omitted = _("Dá para confiar?"), _("Não comparado:")
    if not period.received:
        absence = escape(_(i18n.NO_SAMPLES))
        return f'<div class="pm-trust"><p><strong>{question}</strong> {absence}.</p></div>'
    sentences = [_coverage(period), *_out_of_step(period, counted), _longest_gap(period, counted), *suspicions(period)]
    withheld = _withheld(counted)
    return (
        f'<div class="pm-trust"><p><strong>{question}</strong> {escape(" ".join(sentences))}</p>'
        + (f'<p class="pm-notice"><strong>{omitted}</strong> {escape(withheld)}</p>' if withheld else "")
        + "</div>"
    )


def _longest_gap(period: Period, counted: dict[str, Coverage]) -> str:
    gaps = {label: counts.gaps[0] for label, counts in counted.items() if counts.gaps}
    if not gaps:
        return _("Sem interrupção.")
    longest = max(gaps.values(), key=lambda gap: gap.seconds)
    who = [label for label, gap in gaps.items() if gap.seconds >= 0.9 * longest.seconds]
    where = _("em todas as métricas") if len(who) == len(counted) else _("em {labels}", labels=i18n.listed(who))
    span = i18n.span_in_sentence(longest.start_ms, longest.end_ms, period.window, period.zone)
    lasting = i18n.duration(longest.seconds, period.window)
    return _("Maior interrupção: {length}, {span}, {where}.", length=lasting, span=span, where=where)


def _out_of_step(period: Period, counted: dict[str, Coverage]) -> list[str]:
    """One sentence for each kind of irregular sample that there is."""
    arrivals = [part.arrivals for part in period.metrics if part.arrivals]
    amounts = {
        N_("{count} com hora repetida"): sum(kinds.duplicates for kinds in counted.values()),
        N_("{count} fora de ritmo (relógio atrasado ou dois coletores)"): sum(
            kinds.crowded for kinds in counted.values()
        ),
        N_("{count} gravadas com mais de 1 min de atraso"): sum(arrival.late for arrival in arrivals),
        N_("{count} com hora adiantada em mais de 1 min (relógio do coletor)"): sum(
            arrival.ahead for arrival in arrivals
        ),
    }
    kinds = [_(text, count=i18n.count(amount)) for text, amount in amounts.items() if amount]
    if not kinds:
        return [_("Nenhuma repetida nem fora de ritmo.")]
    return [_("Irregulares: {kinds}.", kinds=i18n.listed(kinds))]


def _withheld(counted: dict[str, Coverage]) -> str:
    """The metrics that are not compared with the interval before, and why."""
    reasons: dict[str, list[str]] = {}
    for label, counts in counted.items():
        if counts.received and not counts.is_comparable:
            reasons.setdefault(_too_little(counts), []).append(label)
    parts = []
    for reason, labels in reasons.items():
        who = _("todas as métricas") if len(labels) == len(counted) else i18n.listed(labels)
        parts.append(f"{who} ({reason})")
    return "; ".join(parts) + "." if parts else ""


def _too_little(counts: Coverage) -> str:
    little, text = min(
        (counts.share, N_("este período tem só {share} das amostras; menos de {least} não basta")),
        (counts.previous_share, N_("o anterior tem só {share} das amostras; menos de {least} não basta")),
    )
    return _(text, share=i18n.share(little), least=i18n.percent(COMPARABLE_SHARE, 0))


def summary(parts: Sequence[MetricPeriod], *, is_rest: bool = False) -> str:
    """One row a metric: its mean and how that changed, the worst criticity and how many of the samples had it.

    Args:
        is_rest: whether other metrics stand whole elsewhere; the title says so.
    """
    title = _("As demais métricas") if is_rest else _("Resumo")
    rows = "".join(_summary_row(part, summarize_metric(part)) for part in map(in_rates, parts))
    return listing(title, (_("Métrica"), _("Média"), _("Pior criticidade")), rows)


def listing(title: str, heads: Sequence[str], rows: str, below: str = "") -> str:
    """A table with its title, the heads of its columns, and what stands below it."""
    columns = "".join(f'<th scope="col">{head}</th>' for head in heads)
    table = f"<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="pm-summary">{f"<h2>{title}</h2>" if title else ""}{table}{below}</div>'


def section(part: MetricPeriod) -> str:
    """One metric's name and its numbers: mean, its change, lowest and highest with when they happened first."""
    part = in_rates(part)
    numbers, unit = summarize_metric(part), part.metric.unit
    cells = (
        (i18n.reading_with_mark(numbers.mean, unit), _("média")),
        (_change(numbers, unit), _before(numbers, unit)),
        _extreme_cell(part, numbers.lowest, _("menor")),
        _extreme_cell(part, numbers.highest, _("maior")),
    )
    values = "".join(f"<td><strong>{value}</strong><br><small>{note}</small></td>" for value, note in cells)
    return (
        f'<div class="pm-section"><h2>{escape(part.label)}</h2>'
        f'<table role="presentation"><tbody><tr>{values}</tr></tbody></table></div>'
    )


def _coverage(period: Period) -> str:
    """Samples received of expected, in total and by metric where they differ; counts that most share stand once."""
    total = i18n.coverage(period.received, period.expected)
    by_metric = {part.label: (len(part.current), part.expected) for part in period.metrics}
    each = Counter(by_metric.values())
    if len(each) == 1:
        return f"{total}."
    usual, how_often = each.most_common(1)[0]
    is_shared = how_often > 1
    exceptions = [f"{label} {_of(*counts)}" for label, counts in by_metric.items() if not is_shared or counts != usual]
    if is_shared:
        exceptions.append(_("{counts} nas demais", counts=_of(*usual)))
    return f"{total}: {'; '.join(exceptions)}."


def _of(received: int, expected: int) -> str:
    if not expected:
        return i18n.coverage(received, expected)
    return _("{received} de {expected}", received=i18n.count(received), expected=i18n.count(expected))


def _summary_row(part: MetricPeriod, numbers: MetricSummary) -> str:
    unit = part.metric.unit
    if numbers.lowest is None or numbers.highest is None:
        absence = i18n.absence(numbers.received)
        return f'<tr><th scope="row">{escape(part.label)}</th><td colspan="2">{absence}</td></tr>'
    return (
        f'<tr><th scope="row">{escape(part.label)}</th>'
        f"<td>{i18n.reading_with_mark(numbers.mean, unit)}<br><small>{_small_change(numbers, unit)}</small></td>"
        f"<td>{_worst(numbers)}</td></tr>"
    )


def _change(numbers: MetricSummary, unit: str) -> str:
    """The change of the mean: a share in points, all else by its ratio."""
    if unit == "ratio" and numbers.mean is not None and numbers.previous_mean is not None and not numbers.is_withheld:
        return i18n.growth_in_points(numbers.mean - numbers.previous_mean)
    return i18n.growth(numbers.growth)


def _small_change(numbers: MetricSummary, unit: str) -> str:
    """The change; of means below 1 that moved by half or more both of them, since a ratio would sound like much."""
    mean, before = numbers.mean, numbers.previous_mean
    if unit in ("ratio", "seconds") or mean is None or before is None or abs(numbers.growth or 0) < _LARGE_GROWTH:
        return _change(numbers, unit)
    if min(mean, before) >= 1:
        return _change(numbers, unit)
    return f"{i18n.reading(before, unit)} → {i18n.reading(mean, unit)}"


def _worst(numbers: MetricSummary) -> str:
    if numbers.worst is None:
        return i18n.NOTHING
    worst = criticity(numbers.worst)
    share = escape(_("{share} das amostras", share=i18n.share(numbers.shares[worst.name])))
    return f'<span style="color:{worst.color}">●</span> {escape(worst.label)}<br><small>{share}</small>'


def _before(numbers: MetricSummary, unit: str) -> str:
    if numbers.is_withheld:
        return _("não comparado: poucas amostras")
    if numbers.previous_mean is None:
        return _("sem período anterior")
    return _("antes {mean}", mean=i18n.reading(numbers.previous_mean, unit))


def _extreme_cell(part: MetricPeriod, extreme: Extreme | None, name: str) -> tuple[str, str]:
    """The reading; and when it first was."""
    if extreme is None:
        return i18n.NOTHING, name
    when = i18n.minute(extreme.first_ms, part.window, part.zone)
    return i18n.reading(extreme.reading, part.metric.unit), f"{name}, {when}"
