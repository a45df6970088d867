"""The capacity review's sentences and tables: pure HTML fragments, as in `tables`."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from pycemaker import i18n
from pycemaker.analysis.capacity import Resource
from pycemaker.analysis.full_date import FEWEST_DAYS, Verdict
from pycemaker.i18n.language import N_, _
from pycemaker.presentation.tables import listing


def summary(resources: Sequence[Resource]) -> str:
    """One row a resource: p95, the room left to the limit, and when it would be full."""
    limit = limit_of(resources[0]) if resources else ""
    heads = (
        _("Recurso") + "<br><small>" + _("máximo") + "</small>",
        _("Uso alto") + "<br><small>p95</small>",
        _("Folga") + "<br><small>" + _("até {limit}", limit=limit) + "</small>",
        _("Chega a {limit}", limit=limit),
    )
    legend = _("p95: em 95% das amostras o uso ficou abaixo deste valor. p.p.: pontos percentuais.")
    return listing(_("Quanto ainda cabe"), heads, "".join(map(_row, resources)), f'<p class="pm-count">{legend}</p>')


def section(resource: Resource) -> str:
    """One resource's heading and its numbers, and the forecast as a sentence."""
    room = resource.headroom
    p95, p99, highest = (room.p95, room.p99, room.highest) if room else (None, None, None)
    cells = (
        (_("Uso alto"), i18n.reading(p95, "ratio"), "p95"),
        (_("Pico"), i18n.reading(highest, "ratio"), f"p99 {i18n.reading(p99, 'ratio')}"),
        (_("Folga até {limit}", limit=limit_of(resource)), _room(resource), _("sobre o p95")),
        (
            _("Em {limit} ou mais", limit=limit_of(resource)),
            i18n.share(room.share_over) if room else i18n.NOTHING,
            _("das amostras"),
        ),
    )
    heads = "".join(f'<th scope="col">{label}</th>' for label, *_rest in cells)
    values = "".join(f"<td><strong>{value}</strong><br><small>{note}</small></td>" for _label, value, note in cells)
    return (
        f'<div class="pm-section"><h2>{escape(resource.part.label)}</h2>'
        f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{values}</tr></tbody></table>"
        f"<p><br>{sentence(resource)}</p></div>"
    )


def sentence(resource: Resource) -> str:
    """The forecast in words, with what it rests on and how sure it is."""
    full_date = resource.full_date
    history = {"days": i18n.days_of(full_date.days), "fewest": FEWEST_DAYS}
    text = _verdict(resource, history)
    if not full_date.is_preliminary or full_date.verdict in (Verdict.FULL, Verdict.TOO_SHORT):
        return text
    early = _("Estimativa preliminar: há {days} completos de histórico, dos {fewest} que a previsão pede.", **history)
    return f"{text} {early}"


def _verdict(resource: Resource, history: dict[str, object]) -> str:
    full_date = resource.full_date
    days, trend = _("medianas de {days}", **history), full_date.trend
    facts = {
        "limit": limit_of(resource),
        "rate": _("{points} por semana", points=i18n.points_of(abs(trend.slope) * 700, 1)) if trend else "",
        "basis": _("medianas de cada hora") if full_date.is_hourly else days,
        "when": _when(resource),
        "horizon": i18n.days_of(resource.horizon_days),
        "full": _full(resource),
    }
    text = {
        Verdict.DATED: N_("No ritmo atual, sobe {rate} e chega a {limit} {when}{full} ({basis})."),
        Verdict.LATER: N_("Sobe {rate}; nesse ritmo não chega a {limit} em {horizon} ({basis})."),
        Verdict.FALLING: N_("Em queda: {rate} a menos ({basis}). Não há limite à vista."),
        Verdict.FULL: N_("A mediana mais recente já está em {limit} ou acima."),
        Verdict.NO_TREND: N_("Sem tendência significativa ({basis}): não há data a prever."),
        Verdict.TOO_SHORT: N_("Histórico curto demais para uma previsão: {days} completos, dos {fewest} que ela pede."),
    }[full_date.verdict]
    return _(text, **facts, **history)


def short_verdict(resource: Resource) -> str:
    """The forecast in a table's cell: a date, or why there is none."""
    full_date, preliminary = resource.full_date, _("preliminar")
    if full_date.at_utc is not None:
        day = _date(resource, full_date.at_utc)
        return f"{day}<br><small>{preliminary}</small>" if full_date.is_preliminary else day
    short = _("{days} de {fewest}", days=i18n.days_of(full_date.days), fewest=FEWEST_DAYS)
    return {
        Verdict.LATER: _("além de {days}", days=i18n.days_of(resource.horizon_days)),
        Verdict.FALLING: _("em queda"),
        Verdict.FULL: _("já chegou"),
        Verdict.NO_TREND: _("sem tendência"),
    }.get(full_date.verdict, _("histórico curto") + f"<br><small>{short}</small>")


def _row(resource: Resource) -> str:
    label, room = escape(resource.part.label), resource.headroom
    if room is None:
        absence = i18n.absence(len(resource.part.current))
        return f'<tr><th scope="row">{label}</th><td colspan="3">{absence}</td></tr>'
    return (
        f'<tr><th scope="row">{label}<br><small>{i18n.reading(room.highest, "ratio")}</small></th>'
        f"<td>{i18n.reading(room.p95, 'ratio')}</td><td>{_room(resource)}</td><td>{short_verdict(resource)}</td></tr>"
    )


def _room(resource: Resource) -> str:
    if resource.headroom is None:
        return i18n.NOTHING
    return i18n.points_of(resource.headroom.room * 100, 1)


def _when(resource: Resource) -> str:
    full_date = resource.full_date
    if full_date.at_utc is None:
        return ""
    day = _date(resource, full_date.at_utc)
    if full_date.is_preliminary or full_date.early_utc is None:
        return _("por volta de {day}", day=day)
    early = _date(resource, full_date.early_utc)
    if full_date.late_utc is None:
        return _("por volta de {day}, não antes de {early}", day=day, early=early)
    late = _date(resource, full_date.late_utc)
    if early == late:
        return _("por volta de {day}", day=day)
    return _("por volta de {day}, entre {early} e {late}", day=day, early=early, late=late)


def _full(resource: Resource) -> str:
    """The phrase with the day of the metric's own limit, further ahead; empty where there is none."""
    full_date, metric = resource.full_date, resource.part.metric
    if full_date.full_utc is None or metric.limit is None:
        return ""
    return _("; a {limit}, em {day}", limit=i18n.percent(metric.limit, 0), day=_date(resource, full_date.full_utc))


def _date(resource: Resource, instant_utc: datetime) -> str:
    return i18n.day(instant_utc, resource.part.zone)


def limit_of(resource: Resource) -> str:
    """The share from which a resource counts as full: `90%`."""
    return i18n.percent(resource.limit, 0 if round(resource.limit * 100, 6).is_integer() else 1)
