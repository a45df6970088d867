"""The findings of a capacity review, the most urgent resource first: headline, figures, advice. Pure.

At most one finding a resource: it is full, it will be, or it is full for a good part of the time.
"""

from collections.abc import Sequence
from datetime import timedelta

from pycemaker import i18n
from pycemaker.analysis.capacity import Resource
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING, Finding
from pycemaker.analysis.full_date import FEWEST_DAYS, Verdict
from pycemaker.i18n.language import N_, _, pgettext
from pycemaker.presentation.capacity_tables import limit_of, sentence

_SOON_DAYS, _LATER_DAYS = 7, 30
_LEAST_SHARE_OVER = 0.05

_NAMES = {"cpu": N_("CPU"), "ram": N_("RAM"), "disk": N_("Disco")}
_ADVICE = {
    "cpu": N_("Veja o que ocupa a CPU nas horas mais cheias; distribua essas tarefas ou aumente a máquina."),
    "ram": N_("Procure um vazamento (compare dois heap dumps); sem ele, aumente a memória antes disso."),
    "disk": N_("Apague logs e cópias antigas ou aumente o disco antes disso."),
}
_MAKE_ROOM = N_("Abra espaço antes disso.")


def capacity_findings(resources: Sequence[Resource]) -> tuple[Finding, ...]:
    """The findings of reviewed resources, the most urgent first; none where every resource has room."""
    findings = [finding for resource in resources if (finding := _finding(resource)) is not None]
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, -finding.weight)))


def capacity_quiet(resources: Sequence[Resource]) -> Finding:
    """The text where there is no finding: there is room, or the history is too short to say so."""
    known = [resource for resource in resources if resource.headroom is not None]
    short = [resource for resource in known if resource.full_date.verdict is Verdict.TOO_SHORT]
    if not known:
        headline, detail = _("Não há amostras para a revisão de capacidade"), _("Nada se sabe da folga dos recursos.")
        return Finding("capacity", "", NOTICE, headline, detail, _("Confira se o coletor está rodando."))
    if short:
        days = i18n.days_of(min(resource.full_date.days for resource in short))
        facts = {"names": i18n.listed([_name(each) for each in short]), "days": days, "fewest": FEWEST_DAYS}
        detail = _("{names}: há {days} completos de histórico, dos {fewest} que a previsão pede.", **facts)
        headline = _("Ainda não dá para prever quando os recursos ficam cheios")
        return Finding("capacity", "", NOTICE, headline, detail, _("Peça a revisão de novo quando houver mais dias."))
    facts = {"limit": limit_of(known[0]), "horizon": i18n.days_of(known[0].horizon_days)}
    detail = _("Nesse ritmo, nenhum deles chega a {limit} nos próximos {horizon}.", **facts)
    return Finding("capacity", "", NOTICE, _("Há folga em todos os recursos"), detail, _("nada."))


def _finding(resource: Resource) -> Finding | None:
    verdict, room = resource.full_date.verdict, resource.headroom
    if verdict is Verdict.FULL:
        headline = _("{name} já está em {limit} ou mais", name=_name(resource), limit=limit_of(resource))
        return _of(resource, CRITICAL, headline, weight=float("inf"))
    if resource.full_date.at_utc is not None:
        left = resource.full_date.at_utc - resource.part.window.end_utc
        severity = CRITICAL if left <= timedelta(_SOON_DAYS) else WARNING if left <= timedelta(_LATER_DAYS) else NOTICE
        return _of(resource, severity, _dated(resource, left), weight=-left.total_seconds())
    if room is not None and room.share_over >= _LEAST_SHARE_OVER:
        share = i18n.share(room.share_over)
        facts = {"name": _name(resource), "limit": limit_of(resource), "share": share}
        headline = _("{name} em {limit} ou mais em {share} das amostras", **facts)
        return _of(resource, WARNING, headline, weight=room.share_over - 1e9)
    return None


def _dated(resource: Resource, left: timedelta) -> str:
    """`Disco chega a 90% em 12 dias (09/12)`."""
    at_utc = resource.full_date.at_utc
    assert at_utc is not None  # noqa: S101 - asked by the caller
    days = round(left / timedelta(days=1))
    facts = {
        "name": _name(resource),
        "limit": limit_of(resource),
        "left": i18n.days_of(days) if days else _("menos de um dia"),
        "day": i18n.clock(at_utc, resource.part.zone, pgettext("date", "dd/MM")),
    }
    return _("{name} chega a {limit} em {left} ({day})", **facts)


def _of(resource: Resource, severity: int, headline: str, weight: float) -> Finding:
    metric = resource.part.metric
    advice = _(_ADVICE.get(metric.id, _MAKE_ROOM))
    return Finding("capacity", metric.id, severity, headline, sentence(resource), advice, weight=weight)


def _name(resource: Resource) -> str:
    """A resource by its short name."""
    name = _NAMES.get(resource.part.metric.id)
    return _(name) if name else resource.part.label
