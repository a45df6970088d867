"""The capacity review's words and tables: pure HTML fragments, as in `tables`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from pycemaker import words
from pycemaker.capacity import FEWEST_DAYS, Resource, Verdict


def summary(resources: Sequence[Resource]) -> str:
    """One row a resource: p95, the room left to the limit, and when it would be full."""
    rows = "".join(_row(resource) for resource in resources)
    limit = _limit(resources[0]) if resources else ""
    return (
        '<div class="pm-summary"><h2>Quanto ainda cabe</h2><table><thead><tr>'
        '<th scope="col">Recurso<br><small>máximo</small></th><th scope="col">Uso alto<br><small>p95</small></th>'
        f'<th scope="col">Folga<br><small>até {limit}</small></th><th scope="col">Chega a {limit}</th>'
        f"</tr></thead><tbody>{rows}</tbody></table>"
        '<p class="pm-count">p95: em 95% das amostras o uso ficou abaixo deste valor. p.p.: pontos percentuais.</p>'
        "</div>"
    )


def section(resource: Resource) -> str:
    """One resource's heading and its numbers, and the forecast as a sentence."""
    room = resource.headroom
    p95, p99, highest = (room.p95, room.p99, room.highest) if room else (None, None, None)
    cells = (
        ("Uso alto", words.reading(p95, "ratio"), "p95"),
        ("Pico", words.reading(highest, "ratio"), f"p99 {words.reading(p99, 'ratio')}"),
        (f"Folga até {_limit(resource)}", _room(resource), "sobre o p95"),
        (
            f"Em {_limit(resource)} ou mais",
            words.share(room.share_over) if room else words.NOTHING,
            "das amostras",
        ),
    )
    heads = "".join(f'<th scope="col">{label}</th>' for label, _, _ in cells)
    values = "".join(f"<td><strong>{value}</strong><br><small>{note}</small></td>" for _, value, note in cells)
    return (
        f'<div class="pm-section"><h2>{escape(resource.part.metric.label)}</h2>'
        f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{values}</tr></tbody></table>"
        f"<p><br>{sentence(resource)}</p></div>"
    )


def sentence(resource: Resource) -> str:
    """The forecast in Portuguese, with what it rests on and how sure it is."""
    told, limit = resource.forecast, _limit(resource)
    per_week = f"{words.decimal(abs(told.trend.slope) * 700, 1)} p.p. por semana" if told.trend else ""
    basis = f"medianas de {_days(told.days)}" if not told.is_preliminary else "medianas de cada hora"
    early = (
        f" Estimativa preliminar: há {_days(told.days)} completos de histórico, dos {FEWEST_DAYS} que a previsão pede."
    )
    if told.verdict is Verdict.DATED:
        text = f"No ritmo atual, sobe {per_week} e chega a {limit} {_when(resource)} ({basis})."
    elif told.verdict is Verdict.LATER:
        text = f"Sobe {per_week}; nesse ritmo não chega a {limit} em {resource.horizon_days} dias ({basis})."
    elif told.verdict is Verdict.FALLING:
        text = f"Em queda: {per_week} a menos ({basis}). Não há limite à vista."
    elif told.verdict is Verdict.FULL:
        text, early = f"A mediana mais recente já está em {limit} ou acima.", ""
    elif told.verdict is Verdict.NO_TREND:
        text = f"Sem tendência significativa ({basis}): não há data a prever."
    else:
        text = (
            f"Histórico curto demais para uma previsão: {_days(told.days)} completos, dos {FEWEST_DAYS} que ela pede."
        )
        early = ""
    return text + (early if told.is_preliminary else "")


def short_verdict(resource: Resource) -> str:
    """The forecast in a table's cell: a date, or why there is none."""
    told = resource.forecast
    if told.at_utc is not None:
        return _date(resource, told.at_utc) + ("<br><small>preliminar</small>" if told.is_preliminary else "")
    return {
        Verdict.LATER: f"além de {resource.horizon_days} dias",
        Verdict.FALLING: "em queda",
        Verdict.FULL: "já chegou",
        Verdict.NO_TREND: "sem tendência",
    }.get(told.verdict, f"histórico curto<br><small>{_days(told.days)} de {FEWEST_DAYS}</small>")


def _row(resource: Resource) -> str:
    label, room = escape(resource.part.metric.label), resource.headroom
    if room is None:
        absence = words.NO_READINGS if len(resource.part.current) else words.NO_SAMPLES
        return f'<tr><th scope="row">{label}</th><td colspan="3">{absence}</td></tr>'
    return (
        f'<tr><th scope="row">{label}<br><small>{words.reading(room.highest, "ratio")}</small></th>'
        f"<td>{words.reading(room.p95, 'ratio')}</td><td>{_room(resource)}</td><td>{short_verdict(resource)}</td></tr>"
    )


def _room(resource: Resource) -> str:
    if resource.headroom is None:
        return words.NOTHING
    return f"{words.decimal(resource.headroom.room * 100, 1)} p.p."


def _when(resource: Resource) -> str:
    told = resource.forecast
    if told.at_utc is None:
        return ""
    around = f"por volta de {_date(resource, told.at_utc)}"
    if told.is_preliminary or told.early_utc is None:
        return around
    early = _date(resource, told.early_utc)
    if told.late_utc is None:
        return f"{around}, não antes de {early}"
    late = _date(resource, told.late_utc)
    return f"{around}, entre {early} e {late}" if early != late else around


def _date(resource: Resource, instant_utc: datetime) -> str:
    return words.clock(instant_utc, resource.part.zone, "dd/MM/yyyy")


def _limit(resource: Resource) -> str:
    return words.percent(resource.limit, 0 if round(resource.limit * 100, 6).is_integer() else 1)


def _days(days: int) -> str:
    return f"{days} dia" if days == 1 else f"{days} dias"
