"""The words of each kind of finding, in the readers' language: headline, figures, advice. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pycemaker import i18n
from pycemaker.analysis.findings.assessment import CHECK_COLLECTOR, NOTHING_KNOWN
from pycemaker.analysis.findings.critical_time import critical_seconds, is_twice_the_known
from pycemaker.analysis.findings.extremes import LEAST_DAYS
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING, Finding, compared, days_phrase, reading_text
from pycemaker.analysis.rates import rate, rate_unit
from pycemaker.i18n.language import N_, _, ngettext, pgettext
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.analysis.findings.critical_time import CriticalTime, NewHigh
    from pycemaker.analysis.findings.episodes import Episode
    from pycemaker.analysis.findings.filling_up import Filling
    from pycemaker.analysis.findings.levels import Shift
    from pycemaker.analysis.findings.sample_gaps import SampleGap
    from pycemaker.analysis.findings.time_blocks import Series
    from pycemaker.metrics import Metric
    from pycemaker.series.period import MetricPeriod

_WHERE_TO_LOOK = {
    "cpu": N_("Veja quais processos e requisições ocupavam a CPU {when}."),
    "ram": N_("Veja o que ocupou a memória {when}: coleta de lixo, cache, sessões."),
    "disk": N_("Veja o que cresceu no disco {when}: logs, cópias, arquivos temporários."),
    "response_time": N_("Veja o que mudou pouco antes: deploy, banco, serviço externo; e os logs {when}."),
    "request_count": N_("Confira se os usuários alcançavam a aplicação {when}: DNS, balanceador, login."),
    "http_fail": N_("Veja nos logs quais rotas falharam {when}, e com que erro."),
}
_LOOK_AROUND = N_("Veja o que acontecia {when}.")
_FILLS = {
    "disk": N_("Libere espaço ou aumente o disco antes disso; comece por logs e cópias antigas."),
    "ram": N_("Procure um vazamento (compare dois heap dumps) e planeje um reinício antes disso."),
}
_SCHEDULED = N_("Procure uma tarefa agendada para essa hora.")
_MAKE_ROOM = N_("Abra espaço antes disso.")
_ASK_WHETHER_EXPECTED = N_("Confira se essa mudança era esperada; se ninguém a fez, veja o que mudou {when}.")
_SHORT_BAD_SECONDS, _LONG_CRITICAL_SECONDS = 300, 900
_STOPPED_SECONDS = 900


def incident_finding(together: list[Episode]) -> Finding:
    """One finding of stretches of several metrics at one time; the first of them leads."""
    lead, others = together[0], together[1:]
    part, metric = lead.series.part, lead.series.part.metric
    when = i18n.clocks_in_sentence(lead.start_ms, lead.end_ms, part.window, part.zone)
    seconds = (lead.end_ms - lead.start_ms) / 1000
    stretch = f"{_amount(lead)}, {when} ({i18n.duration(seconds, part.window)})"
    sentences = [_("{stretch}, em estado crítico.", stretch=stretch) if lead.critical_share >= 0.5 else f"{stretch}."]
    if others:
        sentences.append(_("Ao mesmo tempo: {others}.", others=i18n.listed([_beside(episode) for episode in others])))
    if lead.repeats:
        sentences.append(_repeated(lead.repeats, lead.days))
    bad = any((each.amount > each.normal) == (each.series.part.metric.worse > 0) for each in together)
    critical = seconds >= _SHORT_BAD_SECONDS and any(
        each.is_strong and each.critical_share >= 0.5 and is_twice_the_known(each.series) for each in together
    )
    scheduled, then = lead.repeats > 0, _("nesse horário")
    start = i18n.minute_in_sentence(lead.start_ms, part.window, part.zone)
    return Finding(
        "incident",
        metric.id,
        CRITICAL if bad and critical else WARNING if bad else NOTICE,
        f"{part.label} {compared(lead.amount, lead.normal, metric)} {start}",
        " ".join(sentences),
        where_to_look(metric.id, then, is_scheduled=scheduled) if bad else _(_ASK_WHETHER_EXPECTED, when=then),
        lead.start_ms,
        lead.end_ms,
        sum(episode.fold for episode in together),
        tuple(episode.series.part.metric.id for episode in others),
    )


def shift_finding(series: Series, shift: Shift) -> Finding:
    """The finding of a level that moved."""
    part, metric = series.part, series.part.metric
    since = i18n.minute(shift.since_ms, part.window, part.zone) if shift.since_ms is not None else ""
    is_bad = (shift.level > shift.normal) == (metric.worse > 0)
    when = _("a partir de {time}", time=since) if since else _("no período")
    critical = critical_seconds(series) if is_bad else 0.0
    since_ms = to_epoch_ms(part.window.start_utc) if shift.since_ms is None else shift.since_ms
    lasting_seconds = (to_epoch_ms(part.window.end_utc) - since_ms) / 1000
    is_long = critical >= max(_LONG_CRITICAL_SECONDS, lasting_seconds / 2)
    medians, length = _medians(series, shift), i18n.duration(critical, part.window)
    return Finding(
        "shift",
        metric.id,
        CRITICAL if is_long and is_twice_the_known(series) else WARNING if is_bad else NOTICE,
        f"{part.label} {compared(shift.level, shift.normal, metric)} "
        + (_("desde {time}", time=since) if since else _("no período")),
        medians + " " + _("Em estado crítico por {length}.", length=length) if is_long else medians,
        where_to_look(metric.id, when) if is_bad else _(_ASK_WHETHER_EXPECTED, when=when),
        shift.since_ms,
        None,
        _size(shift.level, shift.normal, metric),
    )


def _medians(series: Series, shift: Shift) -> str:
    """The figures of a level that moved, and of what it is compared with."""
    part = series.part
    levels = {"level": reading_text(shift.level, part), "normal": reading_text(shift.normal, part)}
    if shift.days * 24 <= part.window.hours:  # none, or the previous interval itself
        text = _("Mediana {level} no período; a do período anterior, {normal}.", **levels)
        return text if series.known_days >= LEAST_DAYS else text + " " + _("Ainda não há outros dias com que comparar.")
    days = days_phrase(shift.days)
    if part.window.hours % 24:
        text = _("Mediana {level} no período; a {days}, nas mesmas horas, {normal}", **levels, days=days)
    else:
        text = _("Mediana {level} no período; a {days}, {normal}", **levels, days=days)
    if shift.previous == shift.previous:
        text += " " + _("(período anterior: {previous})", previous=reading_text(shift.previous, part))
    return f"{text}."


def filling_finding(series: Series, trend: Filling) -> Finding:
    """The finding of a level on its way to its limit."""
    part, metric = series.part, series.part.metric
    when = part.window.end_utc + timedelta(days=trend.days_left)
    left = f"{round(trend.days_left * 24)} h" if trend.days_left <= 2 else i18n.duration(trend.days_left * 86400)
    pattern = pgettext("date", "dd/MM 'às' HH'h'") if trend.days_left <= 2 else pgettext("date", "dd/MM/yyyy")
    facts = {"level": reading_text(trend.level, part), "seen": i18n.duration(trend.seen_days * 86400)}
    if trend.days_left > 2:
        text, rate = N_("Está em {level} e sobe {rate} por dia, medido ao longo de {seen}."), trend.per_day
    else:
        text, rate = N_("Está em {level} e sobe {rate} por hora, medido ao longo de {seen}."), trend.per_day / 24
    return Finding(
        "trend",
        metric.id,
        CRITICAL if trend.days_left <= 2 else WARNING if trend.days_left <= 7 else NOTICE,
        _(
            "{label} chega a {limit} em cerca de {left} ({when})",
            label=part.label,
            limit=i18n.percent(metric.limit or 1, 0),
            left=left,
            when=i18n.clock(when, part.zone, pattern),
        ),
        _(text, rate=i18n.points(rate), **facts),
        fill_advice(metric),
        weight=-trend.days_left,
    )


def critical_finding(part: MetricPeriod, critical: CriticalTime) -> Finding:
    """The finding of time spent critical."""
    ends = critical.start_ms, critical.end_ms, part.window, part.zone
    when, clocks = i18n.span_in_sentence(*ends), i18n.clocks_in_sentence(*ends)
    longest = i18n.duration(critical.longest_seconds, part.window)
    total = i18n.duration(critical.seconds, part.window)
    stretches = {"count": critical.stretches, "longest": longest, "when": when}
    sentences = [
        _("Em {count} trechos; o mais longo, {longest}, {when}.", **stretches)
        if critical.stretches > 1
        else _("De uma só vez, {when}.", when=clocks)
    ]
    if critical.previous_seconds:
        sentences.append(
            _("No período anterior: {length}.", length=i18n.duration(critical.previous_seconds, part.window))
        )
    if critical.repeats:
        sentences.append(_repeated(critical.repeats, critical.days))
    long_run = critical.longest_seconds >= _LONG_CRITICAL_SECONDS
    return Finding(
        "critical",
        part.metric.id,
        CRITICAL if long_run and critical.is_new and not critical.repeats else WARNING,
        _("{label} em estado crítico por {length}", label=part.label, length=total)
        + ("" if critical.stretches > 1 else f" {i18n.minute_in_sentence(critical.start_ms, part.window, part.zone)}"),
        " ".join(sentences),
        where_to_look(part.metric.id, _("nesse horário"), is_scheduled=critical.repeats > 0),
        critical.start_ms,
        critical.end_ms,
        critical.seconds,
    )


def high_finding(part: MetricPeriod, high: NewHigh) -> Finding:
    """The finding of a reading like none before."""
    when = i18n.minute_in_sentence(high.time_ms, part.window, part.zone)
    highest_else = reading_text(high.highest_else, part, high.time_ms)
    detail = _("Um pico isolado; fora dele, o maior valor foi {reading}.", reading=highest_else)
    highest = reading_text(high.reading, part, high.time_ms)
    headline = _("{label} chegou a {reading} {when}, valor inédito", label=part.label, reading=highest, when=when)
    return Finding(
        "high",
        part.metric.id,
        NOTICE,
        headline,
        detail,
        where_to_look(part.metric.id, _("nesse horário"))
        if part.metric.worse > 0
        else _(_ASK_WHETHER_EXPECTED, when=_("nesse horário")),
        high.time_ms,
        high.time_ms,
    )


def gap_finding(outage: SampleGap, part: MetricPeriod, total: int) -> Finding:
    """The finding of missing samples."""
    gap, whole = outage.gap, part.window.hours * 3600
    span = i18n.span_in_sentence(gap.start_ms, gap.end_ms, part.window, part.zone)
    labels = i18n.listed([_(metric.label) for metric in outage.metrics])
    who = _("em todas as métricas") if len(outage.metrics) == total else _("de {labels}", labels=labels)
    length = i18n.duration(gap.seconds, part.window)
    missing = i18n.percent(min(1.0, gap.seconds / whole), 0)
    detail = _("São {share} do período, {who}: não há dados desse intervalo.", share=missing, who=who)
    advice = _("Confira se o coletor e a máquina estavam no ar nesse horário.")
    if gap.seconds >= whole:
        is_all = len(outage.metrics) == total
        severity, headline = CRITICAL, _(NOTHING_KNOWN) if is_all else _("Nenhuma amostra no período {who}", who=who)
        detail, advice = _last_sample(part), _(CHECK_COLLECTOR)
    elif outage.at_end:
        severity = CRITICAL if gap.seconds >= _STOPPED_SECONDS else WARNING
        headline = _("Coleta parada desde {time}", time=i18n.minute(gap.start_ms, part.window, part.zone))
        headline += "" if len(outage.metrics) == total else f" ({labels})"
        advice = _(CHECK_COLLECTOR)
    else:
        severity = WARNING if gap.seconds >= 0.1 * whole else NOTICE
        headline = _("Sem amostras por {length}, {span}", length=length, span=span)
    return Finding(
        "gap", "" if len(outage.metrics) == total else outage.metrics[0].id, severity, headline, detail, advice,
        gap.start_ms, gap.end_ms, gap.seconds * len(outage.metrics),
    )  # fmt: skip


def _last_sample(part: MetricPeriod) -> str:
    """The sentence with the time of a metric's last sample; where it was not looked up, that there are no data."""
    if part.absence is None or part.absence.newest_ms is None:
        return _("Não há dados desse intervalo.")
    return _("A última amostra é de {moment}.", moment=i18n.day_and_minute(part.absence.newest_ms, part.zone))


def _amount(episode: Episode) -> str:
    """The figures of one stretch: `2,06 s em vez de 170 ms`."""
    part, at_ms = episode.series.part, episode.start_ms
    normal = i18n.reading(rate(episode.normal, part, at_ms), rate_unit(part))
    return _("{amount} em vez de {normal}", amount=reading_text(episode.amount, part, at_ms), normal=normal)


def _beside(episode: Episode) -> str:
    part = episode.series.part
    return f"{part.label} {compared(episode.amount, episode.normal, part.metric)}"


def _repeated(repeats: int, days: int) -> str:
    """The sentence with the number of earlier days that had it at the same hour."""
    return ngettext(
        "Aconteceu na mesma hora também no dia anterior.",
        "Aconteceu na mesma hora também em {repeats} dos {days} dias anteriores.",
        days,
        repeats=repeats,
        days=days,
    )


def where_to_look(metric_id: str, when: str, *, is_scheduled: bool = False) -> str:
    """The advice where to look; first for a scheduled task, where one seems to run at that hour each day."""
    text = _(_WHERE_TO_LOOK.get(metric_id, _LOOK_AROUND), when=when)
    return f"{_(_SCHEDULED)} {text}" if is_scheduled else text


def fill_advice(metric: Metric) -> str:
    """The advice where a metric is on its way to its limit."""
    return _(_FILLS.get(metric.id, _MAKE_ROOM))


def _size(level: float, normal: float, metric: Metric) -> float:
    if metric.unit == "ratio":
        return abs(level - normal) * 10
    low, high = sorted((max(level, 1e-9), max(normal, 1e-9)))
    return min(high / low, 20)
