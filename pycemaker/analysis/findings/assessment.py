"""The assessment of each metric of a period: whether it can be judged, against what, and why not. Pure.

An all-clear covers assessed metrics alone. A metric that cannot be judged is a finding, or a sentence beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.findings.finding import CRITICAL, WARNING, Finding
from pycemaker.analysis.sample_coverage import COMPARABLE_SHARE, Coverage, coverage
from pycemaker.i18n.language import N_, _, ngettext
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.metrics import Metric
    from pycemaker.series.period import MetricPeriod, Period

FEWEST_READINGS = 6  # The fewest readings that a metric is judged by
_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS
_LEAST_HOURS = 24


class Reason(Enum):
    """The reason why a metric cannot be judged."""

    UNDATED = "its documents have no date"
    EMPTY = "no sample"
    UNREADABLE = "no reading"
    FEW = "too few samples"
    PARTIAL = "less than half of the interval"
    ALONE = "nothing to compare with"


@dataclass(frozen=True)
class Assessment:
    """One metric of a period.

    Attributes:
        reason: why it cannot be judged; None where it can.
        days: how many days before the interval it can be compared with.
    """

    part: MetricPeriod
    coverage: Coverage
    readings: int
    reason: Reason | None
    days: int

    @property
    def was_collected(self) -> bool:
        """True if it has had samples, in the interval or before it, or documents without a date."""
        return self.reason is Reason.UNDATED or len(self.part.current) > 0 or self.had_samples

    @property
    def had_samples(self) -> bool:
        """True if it had samples before the interval, in the days that were read or the week before it."""
        return len(self.part.previous) > 0 or self.days > 0 or was_just_collected(self.part)


@dataclass(frozen=True)
class AllClear:
    """The text where nothing is out of the ordinary.

    Attributes:
        headline: one line, without a full stop.
        detail: what it is worth: what was looked at and compared with, what was not.
        advice: what to do next, a sentence.
    """

    headline: str
    detail: str
    advice: str


def assess(period: Period) -> tuple[Assessment, ...]:
    """Every metric of the period, in its order."""
    return tuple(_assess(part) for part in period.metrics)


def _assess(part: MetricPeriod) -> Assessment:
    counts, days = coverage(part), known_days(part)
    readings = int(np.isfinite(part.current.reading).sum())
    has_previous = counts.previous_share >= COMPARABLE_SHARE
    reasons = {
        Reason.UNDATED: not counts.received and part.absence is not None and part.absence.has_undated,
        Reason.EMPTY: not counts.received,
        Reason.UNREADABLE: not readings,
        Reason.FEW: readings < FEWEST_READINGS,
        Reason.PARTIAL: counts.share < COMPARABLE_SHARE,
        Reason.ALONE: not has_previous and (part.history is None or len(part.history) < _LEAST_HOURS),
    }
    return Assessment(part, counts, readings, next((reason for reason, holds in reasons.items() if holds), None), days)


def known_days(part: MetricPeriod) -> int:
    """The number of days before the interval with samples, by their hour summaries; 0 where none were read."""
    if part.history is None:
        return 0
    before_ms = to_epoch_ms(part.window.start_utc) - part.history.hour_ms - HOUR_MS
    return len(np.unique(before_ms[before_ms >= 0] // _DAY_MS))


def was_just_collected(part: MetricPeriod) -> bool:
    """True if the last sample of a metric that has none in the interval is at most a week older than that."""
    newest_ms = part.absence.newest_ms if part.absence else None
    return newest_ms is not None and newest_ms > to_epoch_ms(part.window.start_utc) - _WEEK_MS


def unassessed(assessments: Sequence[Assessment], in_outage: Collection[Metric]) -> list[Finding]:
    """A finding for each reason that keeps metrics from being judged.

    One that was never collected is no news beside others that are.

    Args:
        in_outage: those whose few samples are in the finding of an outage.
    """
    collected = [each for each in assessments if each.was_collected]
    if not collected:
        return [_no_samples_finding(assessments)]
    findings = []
    for reason in (Reason.UNDATED, Reason.UNREADABLE, Reason.FEW):
        affected = [each for each in collected if each.reason is reason and each.part.metric not in in_outage]
        if affected:
            findings.append(_unassessed_finding(reason, affected, is_all=len(affected) == len(collected)))
    return findings


def _no_samples_finding(assessments: Sequence[Assessment]) -> Finding:
    newest = max((each.part.absence.newest_ms or 0 for each in assessments if each.part.absence), default=0)
    detail = _("Nenhuma amostra foi encontrada, nem neste período nem antes dele.")
    if newest:
        moment = i18n.day_and_minute(newest, assessments[0].part.zone)
        detail = _("A última amostra é de {moment}.", moment=moment)
    return Finding("unknown", "", WARNING, _(NOTHING_KNOWN), detail, _(CHECK_COLLECTOR))


NOTHING_KNOWN = N_("Sem amostras: nada se sabe deste período")
CHECK_COLLECTOR = N_("Confira se o coletor está rodando e se alcança o banco de dados.")

_WHOLE = {
    Reason.UNDATED: N_("Amostras sem data: nada se sabe deste período"),
    Reason.UNREADABLE: N_("Nenhuma leitura válida: nada se sabe deste período"),
    Reason.FEW: N_("Poucas amostras: nada se sabe deste período"),
}
_SOME = {
    Reason.UNDATED: N_("Amostras sem data em {labels}"),
    Reason.UNREADABLE: N_("Nenhuma leitura válida em {labels}"),
    Reason.FEW: N_("Poucas amostras de {labels}"),
}
_DETAILS = {
    Reason.UNDATED: N_("O campo time_series dos documentos não é uma data, e sem ela nenhum entra em um período."),
    Reason.UNREADABLE: N_("Há amostras, mas nenhuma com um número que se possa ler."),
}
_ADVICE = {
    Reason.UNDATED: N_("Faça o coletor gravar time_series como data (Date), e não como texto."),
    Reason.UNREADABLE: N_("Confira o que o coletor grava no campo da leitura."),
    Reason.FEW: N_("Confira se o coletor roda o tempo todo e se alcança o banco de dados."),
}


def _unassessed_finding(reason: Reason, affected: Sequence[Assessment], *, is_all: bool) -> Finding:
    labels = i18n.listed([each.part.label for each in affected])
    received = sum(each.coverage.received for each in affected)
    too_few = ngettext(
        "Só {count} amostra: pouco para dizer se algo está fora do normal.",
        "Só {count} amostras: pouco para dizer se algo está fora do normal.",
        received,
        count=i18n.count(received),
    )
    return Finding(
        "unknown",
        "" if is_all else affected[0].part.metric.id,
        CRITICAL if is_all and any(each.had_samples for each in affected) else WARNING,
        _(_WHOLE[reason]) if is_all else _(_SOME[reason], labels=labels),
        _(_DETAILS[reason]) if reason in _DETAILS else too_few,
        _(_ADVICE[reason]),
        weight=len(affected),
    )


def all_clear(assessments: Sequence[Assessment]) -> AllClear:
    """The all-clear of a period without a finding."""
    assessed = [each for each in assessments if each.reason is None]
    if not assessed:
        return _unclear([each for each in assessments if each.reason in (Reason.PARTIAL, Reason.ALONE)])
    headline = ngettext(
        "Nada fora do normal em {count} métrica", "Nada fora do normal em {count} métricas", len(assessed),
        count=len(assessed),
    )  # fmt: skip
    others = [each.part.label for each in assessments if each.reason and each.was_collected]
    detail = _compared_with(assessed)
    if others:
        detail += " " + _("Não foi possível julgar: {labels}.", labels=i18n.listed(others))
    return AllClear(headline, detail, _("nada."))


def _unclear(assessments: Sequence[Assessment]) -> AllClear:
    """The text where no metric could be compared, and nothing was critical."""
    if not assessments:
        return AllClear(_(NOTHING_KNOWN), "", _(CHECK_COLLECTOR))
    count, partial = len(assessments), [each for each in assessments if each.reason is Reason.PARTIAL]
    clear = ngettext(
        "Nada crítico em {count} métrica, mas não se sabe se o nível é normal.",
        "Nada crítico em {count} métricas, mas não se sabe se os níveis são normais.",
        count,
        count=count,
    )
    if len(partial) == count:
        share = i18n.share(max(each.coverage.share for each in partial))
        headline = _("Só há amostras de {share} deste período", share=share)
    else:
        headline = _("Ainda não há com que comparar este período")
    return AllClear(headline, clear, _("Veja abaixo se os níveis são os que se esperam."))


def _compared_with(assessed: Sequence[Assessment]) -> str:
    """The sentence that names the time which all of these metrics were compared with."""
    has_previous = all(each.coverage.previous_share >= COMPARABLE_SHARE for each in assessed)
    days = min(each.days for each in assessed)
    if not days or (has_previous and days * 24 <= assessed[0].part.window.hours):
        return _("Comparado com o período anterior.") if has_previous else _("Comparado com o que há de antes dele.")
    before = i18n.days_back(days)
    if not has_previous:
        return _("Comparado com {days} anteriores.", days=before)
    return _("Comparado com o período anterior e com {days} anteriores.", days=before)
