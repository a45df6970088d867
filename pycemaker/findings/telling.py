"""What each detector found, told in Portuguese: a headline, the figures behind it, what to do next. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pycemaker import words
from pycemaker.findings.finding import (
    CRITICAL,
    NOTICE,
    WARNING,
    Finding,
    compared,
    days_phrase,
    told,
)

if TYPE_CHECKING:
    from pycemaker.findings.episodes import Episode
    from pycemaker.findings.levels import Shift
    from pycemaker.findings.series import Series
    from pycemaker.findings.states import CriticalTime, High, Outage
    from pycemaker.findings.trends import Trend
    from pycemaker.metrics import Metric
    from pycemaker.period import MetricPeriod

_LOOK = {
    "cpu": "Veja quais processos e requisições ocupavam a CPU {when}.",
    "ram": "Veja o que ocupou a memória {when}: coleta de lixo, cache, sessões.",
    "disk": "Veja o que cresceu no disco {when}: logs, cópias, arquivos temporários.",
    "response_time": "Veja o que mudou pouco antes: deploy, banco, serviço externo; e os logs {when}.",
    "request_count": "Confira se os usuários alcançavam a aplicação {when}: DNS, balanceador, login.",
    "http_fail": "Veja nos logs quais rotas falharam {when}, e com que erro.",
}
_FILLS = {
    "disk": "Libere espaço ou aumente o disco antes disso; comece por logs e cópias antigas.",
    "ram": "Procure um vazamento (compare dois heap dumps) e planeje um reinício antes disso.",
}
_SCHEDULED = "Procure uma tarefa agendada para essa hora. "
_OFTEN = 3
_SHORT_BAD_SECONDS = 300
_STOPPED_SECONDS = 900


def tell_incident(together: list[Episode]) -> Finding:
    """Stretches of several metrics at one time as one thing: the first of them leads."""
    lead, others = together[0], together[1:]
    part, metric = lead.series.part, lead.series.part.metric
    when = words.span_in_sentence(lead.start_ms, lead.end_ms, part.window, part.zone)
    seconds = (lead.end_ms - lead.start_ms) / 1000
    detail = f"{_amount(lead)}, {when} ({words.duration(seconds)})"
    detail += ", em estado crítico." if lead.critical_share >= 0.5 else "."
    if others:
        detail += f" Ao mesmo tempo: {words.listed([_beside(episode) for episode in others])}."
    if lead.repeats:
        detail += f" Na mesma hora também {_repeated(lead.repeats, len(lead.series.days))}."
    bad = any(_is_bad(episode) for episode in together)
    critical = max(episode.critical_share for episode in together) >= 0.5 and seconds >= _SHORT_BAD_SECONDS
    advice = _SCHEDULED * (lead.repeats > 0) + _look(metric, when)
    start = words.minute_in_sentence(lead.start_ms, part.window, part.zone)
    return Finding(
        "incident",
        metric.id,
        CRITICAL if bad and critical else WARNING if bad else NOTICE,
        f"{metric.label} {compared(lead.amount, lead.normal, metric)} {start}",
        detail,
        advice if bad else "",
        lead.start_ms,
        lead.end_ms,
        sum(episode.fold for episode in together),
    )


def tell_shift(series: Series, shift: Shift) -> Finding:
    """A level that moved."""
    part, metric = series.part, series.part.metric
    against = days_phrase(shift.days) if shift.days else "do período anterior"
    detail = f"Mediana {told(shift.level, series)} no período; a {against}"
    detail += f", nas mesmas horas, {told(shift.normal, series)}" if shift.days else f", {told(shift.normal, series)}"
    detail += (
        f" (período anterior: {told(shift.previous, series)})."
        if shift.days and shift.previous == shift.previous
        else "."
    )
    since = ""
    if shift.since_ms is not None:
        since = f" desde {words.minute(shift.since_ms, part.window, part.zone)}"
    if not shift.days:
        detail += " Ainda não há outros dias com que comparar."
    is_bad = (shift.level > shift.normal) == (metric.worse > 0)
    advice = _look(metric, f"a partir{since.replace(' desde', ' de')}" if since else "no período") if is_bad else ""
    return Finding(
        "shift",
        metric.id,
        WARNING if is_bad else NOTICE,
        f"{metric.label} {compared(shift.level, shift.normal, metric)}{since or ' no período'}",
        detail,
        advice,
        shift.since_ms,
        None,
        _size(shift.level, shift.normal, metric),
    )


def tell_trend(series: Series, trend: Trend) -> Finding:
    """A level on its way to its limit."""
    part, metric = series.part, series.part.metric
    when = part.window.end_utc + timedelta(days=trend.days_left)
    left = f"{round(trend.days_left * 24)} h" if trend.days_left <= 2 else words.duration(trend.days_left * 86400)
    pattern = "dd/MM 'às' HH'h'" if trend.days_left <= 2 else "dd/MM/yyyy"
    rate = trend.per_day if trend.days_left > 2 else trend.per_day / 24
    unit = "dia" if trend.days_left > 2 else "hora"
    detail = (
        f"Está em {told(trend.level, series)} e sobe {words.points(rate)} por {unit}, "
        f"medido ao longo de {words.duration(trend.seen_days * 86400)}."
    )
    limit = words.percent(metric.limit or 1, 0)
    return Finding(
        "trend",
        metric.id,
        CRITICAL if trend.days_left <= 2 else WARNING if trend.days_left <= 7 else NOTICE,
        f"{metric.label} chega a {limit} em cerca de {left} ({words.clock(when, part.zone, pattern)})",
        detail,
        _FILLS.get(metric.id, "Abra espaço antes disso."),
        weight=-trend.days_left,
    )


def tell_critical(part: MetricPeriod, critical: CriticalTime) -> Finding:
    """Time spent critical."""
    when = words.span_in_sentence(critical.start_ms, critical.end_ms, part.window, part.zone)
    longest = words.duration((critical.end_ms - critical.start_ms) / 1000)
    total = words.duration(critical.seconds)
    detail = f"De uma vez só, {when}."
    if critical.stretches > 1:
        detail = f"Em {critical.stretches} trechos; o mais longo, {longest}, {when}."
    lasting = critical.previous_seconds >= critical.seconds / 2
    if critical.previous_seconds:
        detail += f" No período anterior: {words.duration(critical.previous_seconds)}."
    if critical.repeats:
        detail += f" Na mesma hora também {_repeated(critical.repeats, len(part.earlier))}."
    long_run = critical.end_ms - critical.start_ms >= _SHORT_BAD_SECONDS * 1000
    return Finding(
        "critical",
        part.metric.id,
        CRITICAL if long_run and not lasting and critical.repeats < _OFTEN else WARNING,
        f"{part.metric.label} em estado crítico por {total}"
        + ("" if critical.stretches > 1 else f" {words.minute_in_sentence(critical.start_ms, part.window, part.zone)}"),
        detail,
        _SCHEDULED * (critical.repeats > 0) + _look(part.metric, when),
        critical.start_ms,
        critical.end_ms,
        critical.seconds,
    )


def tell_high(part: MetricPeriod, high: High) -> Finding:
    """A reading like none before."""
    unit = part.metric.unit
    when = words.minute_in_sentence(high.time_ms, part.window, part.zone)
    detail = f"Um pico; fora dele, o maior valor lido foi {words.reading_with_unit(high.highest_else, unit)}."
    headline = f"{part.metric.label} chegou a {words.reading_with_unit(high.reading, unit)} {when}, valor inédito"
    return Finding(
        "high",
        part.metric.id,
        NOTICE,
        headline,
        detail,
        _look(part.metric, "nesse minuto") if part.metric.worse > 0 else "",
        high.time_ms,
        high.time_ms,
    )


def tell_outage(outage: Outage, part: MetricPeriod, total: int) -> Finding:
    """Samples that are missing."""
    gap, whole = outage.gap, part.window.hours * 3600
    span = words.span_in_sentence(gap.start_ms, gap.end_ms, part.window, part.zone)
    labels = words.listed([metric.label for metric in outage.metrics])
    who = "em todas as métricas" if len(outage.metrics) == total else f"de {labels}"
    length = words.duration(gap.seconds)
    missing = words.percent(min(1.0, gap.seconds / whole), 0)
    detail = f"São {missing} do período, {who}: nada se sabe desse tempo."
    advice = "Confira se o coletor e a máquina estavam de pé nesse horário."
    if gap.seconds >= whole:
        severity, headline = CRITICAL, f"Nenhuma amostra no período {who}"
        detail, advice = (
            "Nada se sabe desse tempo.",
            "Confira se o coletor está de pé, e se ele alcança o banco de dados.",
        )
    elif outage.at_end:
        severity = CRITICAL if gap.seconds >= _STOPPED_SECONDS else WARNING
        headline = f"Coleta parada desde {words.minute(gap.start_ms, part.window, part.zone)}"
        headline += "" if len(outage.metrics) == total else f" ({labels})"
        advice = "Confira se o coletor está de pé, e se ele alcança o banco de dados."
    else:
        severity = WARNING if gap.seconds >= 0.1 * whole else NOTICE
        headline = f"Sem amostras por {length}, {span}"
    return Finding(
        "gap", "" if len(outage.metrics) == total else outage.metrics[0].id, severity, headline, detail, advice,
        gap.start_ms, gap.end_ms, gap.seconds * len(outage.metrics),
    )  # fmt: skip


def _amount(episode: Episode) -> str:
    """The figures of one stretch: `2,06 s em vez de 170 ms`."""
    return f"{told(episode.amount, episode.series)} em vez de {words.reading(episode.normal, episode.series.unit)}"


def _beside(episode: Episode) -> str:
    return f"{episode.series.part.metric.label} {compared(episode.amount, episode.normal, episode.series.part.metric)}"


def _repeated(repeats: int, days: int) -> str:
    return "no dia anterior" if days == 1 else f"em {repeats} dos {days} dias anteriores"


def _is_bad(episode: Episode) -> bool:
    return (episode.amount > episode.normal) == (episode.series.part.metric.worse > 0)


def _look(metric: Metric, when: str) -> str:
    return _LOOK.get(metric.id, "Veja o que acontecia {when}.").format(when=when)


def _size(level: float, normal: float, metric: Metric) -> float:
    if metric.unit == "ratio":
        return abs(level - normal) * 10
    low, high = sorted((max(level, 1e-9), max(normal, 1e-9)))
    return min(high / low, 20)
