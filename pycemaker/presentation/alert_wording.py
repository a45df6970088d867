"""The words of alerts, in the readers' language, for their mails, plain or made by a notebook, and their pages. Pure.

Neither pandas nor matplotlib is imported, so the server's process words its plain mails with them.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from pycemaker import brand, i18n
from pycemaker.analysis.findings.assessment import CHECK_COLLECTOR
from pycemaker.analysis.findings.finding import days_phrase
from pycemaker.analysis.findings.wording import fill_advice, where_to_look
from pycemaker.analysis.rates import LEAST_PER_SECOND, PER_MINUTE, PER_SECOND
from pycemaker.analysis.same_hours import SameHours
from pycemaker.errors import UnknownMetric
from pycemaker.i18n.language import _, ngettext
from pycemaker.metrics import Metric, find_metric
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, Alert
from pycemaker.window import to_epoch_ms, window_between


def subject(alerts: Sequence[Alert], zone: ZoneInfo) -> str:
    """The subject of the mail that tells of one alert or more: `Consumo de CPU acima de 90% desde 10:02 — 10/04/2022`.

    The first one leads, the others are counted. Once it has ended the subject is the same behind `Re: `, so mail
    programs keep both in one conversation: it says nothing that changes while an alert lasts. The brand's prefix, the
    application or what the brand says is watched, and the day stand in it; no two days share a conversation.
    """
    lead, own = alerts[0], brand.load()
    name = lead.application or own.installation
    others, text = len(alerts) - 1, condition(lead)
    if others:
        many = {"lead": text, "count": i18n.count(others)}
        text = ngettext("{lead} e mais {count} alerta", "{lead} e mais {count} alertas", others, **many)
    elif lead.kind != FORECAST:  # which is of the hours to come
        text += " " + _("desde {time}", time=i18n.clock(lead.since, zone, "HH:mm"))
    return (
        ("" if lead.is_open else "Re: ")
        + own.subject_prefix
        + (f"{name}: " if name else "")
        + f"{text} — {i18n.day(lead.since, zone)}"
    )


def headline(alert: Alert, zone: ZoneInfo, now_utc: datetime | None = None) -> str:
    """One alert on one line, without a full stop: what and since when; of an ended one from when to when.

    Times have their day where the alert began on another one than `now_utc`, or than its end.
    """
    times = span(alert, zone, now_utc or alert.ended_at or alert.since)
    what = condition(alert) + (", " + _("previsto") if alert.kind == FORECAST else "")
    if alert.ended_at:
        return _("Terminou: {alert}", alert=f"{what} {times}")
    return f"{what} " + _("desde {time}", time=times)


def sentences(alert: Alert, zone: ZoneInfo, now_utc: datetime) -> tuple[str, ...]:
    """The sentences about one alert: what, since when; how long and how bad; who knows; what to do next.

    Times are in `zone`, with their day where the alert began on another one than `now_utc`.
    """
    told = [f"{headline(alert, zone, now_utc)}.", lasting(alert, now_utc)]
    if alert.acknowledged_at and alert.is_open:
        window = window_between(alert.since, max(alert.since, now_utc))
        when = i18n.minute_in_sentence(to_epoch_ms(alert.acknowledged_at), window, zone)
        told.append(_("Alguém já cuida disso, {when}.", when=when))
    return (*told, advice(alert, zone, now_utc))


def advice(alert: Alert, zone: ZoneInfo, now_utc: datetime) -> str:
    """What to do next, a sentence."""
    metric, has_ended = _metric(alert), alert.ended_at is not None
    if alert.kind == FORECAST and has_ended:
        return _("Nada a fazer agora: o limite não é mais esperado nesse prazo.")
    if alert.kind == NO_DATA:
        ended = _("Confira se o coletor e a máquina estavam no ar nesse horário.")
        return ended if has_ended else _(CHECK_COLLECTOR)
    if alert.kind == FORECAST and metric is not None and metric.limit is not None:
        return fill_advice(metric)
    times = span(alert, zone, now_utc)
    return where_to_look(alert.metric, times if has_ended else _("a partir de {time}", time=times))


def usual(alert: Alert, known: SameHours) -> str:
    """The sentence with the same hour of the days before the alert."""
    middle, furthest = (i18n.reading_with_unit(*_shown(alert, each)) for each in (known.usual, known.furthest))
    text = _("Na mesma hora {days}: {usual}", days=days_phrase(known.days), usual=middle)
    text += ", " + (
        _("no máximo {reading}", reading=furthest) if is_above(alert) else _("no mínimo {reading}", reading=furthest)
    )
    if not known.beyond:
        return f"{text}."
    days = i18n.days_of(known.beyond)
    return _("{text}; além do limite em {days}.", text=text, days=days)


def is_above(alert: Alert) -> bool:
    """True where readings above the threshold are what it tells of; False where those below it are."""
    if alert.kind == HEALTH:
        return False
    if alert.enter is not None and alert.leave is not None and alert.enter != alert.leave:
        return alert.enter > alert.leave
    metric = _metric(alert)
    return metric is None or metric.worse > 0


def _metric(alert: Alert) -> Metric | None:
    """Its metric; None for the health, and for one that is gone from the registry."""
    try:
        return find_metric(alert.metric)
    except UnknownMetric:
        return None


def _label(alert: Alert) -> str:
    if alert.kind == HEALTH:
        return _("Saúde da aplicação")
    metric = _metric(alert)
    return _(metric.label) if metric else alert.metric


def condition(alert: Alert) -> str:
    """What is wrong, without times: `Consumo de CPU acima de 90%`."""
    facts = {"label": _label(alert), "limit": reading_text(alert, alert.enter or 0.0)}
    if alert.kind == NO_DATA:
        return _("Sem amostras de {label}", label=facts["label"])
    if alert.kind == FORECAST:
        hours = i18n.length(alert.within_hours or 0)
        return _("{label} deve chegar a {limit} em até {hours}", **facts, hours=hours)
    if is_above(alert):
        return _("{label} acima de {limit}", **facts)
    return _("{label} abaixo de {limit}", **facts)


def span(alert: Alert, zone: ZoneInfo, now_utc: datetime) -> str:
    """The time since which it lasts: `10:02`, `09/04 10:02`; of an ended alert `das 10:02 às 10:40`."""
    start_ms, window = to_epoch_ms(alert.since), window_between(alert.since, max(alert.since, now_utc))
    if alert.ended_at is None:
        return i18n.minute(start_ms, window, zone)
    return i18n.span_in_sentence(start_ms, to_epoch_ms(alert.ended_at), window, zone)


def lasting(alert: Alert, now_utc: datetime) -> str:
    """How long it lasts or lasted, and how bad it is at its worst."""
    end = alert.ended_at or max(now_utc, alert.since)
    length, has_ended = i18n.duration((end - alert.since).total_seconds()), alert.ended_at is not None
    if alert.kind == NO_DATA and not has_ended:
        return _("Há {length} nada se sabe.", length=length)
    text = _("Durou {length}", length=length) if has_ended else _("Dura {length}", length=length)
    if alert.worst is None:
        return f"{text}."
    if alert.kind == FORECAST:
        left = i18n.duration(alert.worst * 3600)
        return _("{lasting}; na pior previsão faltavam {left}.", lasting=text, left=left)
    worst = i18n.reading_with_unit(*_shown(alert, alert.worst))
    return _("{lasting}; no pior momento, {worst}.", lasting=text, worst=worst)


def reading_text(alert: Alert, amount: float) -> str:
    """An amount as readers see it beside others of the same rule: `90%`, `1,5 s`, `60 por minuto`."""
    number, unit = _shown(alert, amount)
    return f"{i18n.short_reading(number, unit)} {i18n.unit_phrase(unit)}".strip()


def _shown(alert: Alert, amount: float) -> tuple[float, str]:
    """An amount of its metric and the unit, as readers see them: requests a minute, where they are few."""
    metric = _metric(alert)
    if metric is None:
        return amount, "ratio" if alert.kind == HEALTH else ""
    if metric.unit != "requests":
        return amount, metric.unit
    return (amount, PER_SECOND) if abs(alert.enter or 0) >= LEAST_PER_SECOND else (60 * amount, PER_MINUTE)
