"""Sentences about the health: how it was and is, what is expected, and how good such forecasts were."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.health import FAILING
from pycemaker.analysis.period_health import period_health
from pycemaker.i18n.language import _
from pycemaker.metrics import find_metric
from pycemaker.window import Window

if TYPE_CHECKING:
    from pycemaker.analysis.forecast.metric_forecast import MetricForecast
    from pycemaker.analysis.period_health import PeriodHealth
    from pycemaker.series.period import Period


def health_line(period: Period) -> str:
    """The health at the end of the period, its lowest, and what is expected; nothing where the index lacks a metric."""
    known = period_health(period)
    return f"{_course(known, period)} {expected(known, period)}".strip() if known else ""


def _course(known: PeriodHealth, period: Period) -> str:
    score = known.health.score
    if not np.isfinite(score).any():
        return _("Saúde desconhecida: sem leitura de {metric}.", metric=_label(known, -1))
    place = int(np.nanargmin(score))
    lowest = _(
        "mínima de {lowest} {at}, por {metric}",
        lowest=i18n.percent(float(score[place]), 0),
        at=i18n.minute_in_sentence(float(known.health.time_ms[place]), period.window, period.zone),
        metric=_label(known, place),
    )
    if np.isnan(score[-1]):
        return _(
            "Saúde desconhecida no fim, sem leitura de {metric}; {lowest}.", metric=_label(known, -1), lowest=lowest
        )
    now = i18n.percent(float(score[-1]), 0)
    if now == i18n.percent(float(score[place]), 0):
        return _("Saúde: {now} no fim, e nunca menos.", now=now)
    return _("Saúde: {now} no fim; {lowest}.", now=now, lowest=lowest)


def expected(known: PeriodHealth, period: Period) -> str:
    """What is expected in the hours to come; nothing where that is withheld."""
    ahead = known.ahead
    if ahead is None:
        return ""
    if known.fails_at is not None and known.fails_at.middle_ms > ahead.origin_ms:
        window = Window(period.window.end_utc + timedelta(hours=ahead.hours), period.window.hours + ahead.hours)
        at = i18n.minute_in_sentence(known.fails_at.middle_ms, window, period.zone)
        return _("Deve chegar a {limit}, onde a aplicação falha, {at}.", limit=i18n.percent(FAILING, 0), at=at)
    length, least = i18n.length(ahead.hours), i18n.percent(float(ahead.middle.min()), 0)
    if np.isnan(ahead.low).any():
        return _("Previsão para {length}: {least} ou mais.", length=length, least=least)
    low = i18n.percent(float(ahead.low.min()), 0)
    return _(
        "Previsão para {length}: {least} ou mais, e dificilmente abaixo de {low}.", length=length, least=least, low=low
    )


def quality(ahead: MetricForecast) -> str:
    """How good forecasts of a share over as many hours were, in one sentence of numbers."""
    tested = ahead.at_end
    made = _(
        "Erro médio das últimas {count} previsões de {length}: {error} ({last} para quem não esperasse mudança)",
        count=i18n.count(tested.origins),
        length=i18n.length(ahead.hours),
        error=i18n.points(tested.error),
        last=i18n.points(tested.error_of_last_value),
    )
    if tested.coverage is None:
        return f"{made}."
    return _("{made}; {share} do que veio ficou na faixa.", made=made, share=i18n.percent(tested.coverage, 0))


def _label(known: PeriodHealth, place: int) -> str:
    return _(find_metric(known.health.worst[place]).label)
