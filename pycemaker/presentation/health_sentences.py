"""Sentences about the health: how it was and is, what is expected, and how good such forecasts were."""

from datetime import timedelta

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.forecast.metric_forecast import MetricForecast
from pycemaker.analysis.health import FAILING
from pycemaker.analysis.period_health import PeriodHealth, period_health
from pycemaker.i18n.language import _
from pycemaker.metrics import find_metric
from pycemaker.series.period import Period
from pycemaker.window import Window


def health_line(period: Period) -> str:
    """The health at the end of the period, its lowest, and what is expected; nothing where the index lacks a metric.

    Short enough for one line of a telephone, so that the first finding stays on its first screen.
    """
    known = period_health(period)
    return f"{_course(known)} {expected(known, period)}".strip() if known else ""


def _course(known: PeriodHealth) -> str:
    score = known.health.score
    if np.isnan(score[-1]):
        return _("Saúde desconhecida: sem leitura de {metric}.", metric=_label(known, -1))
    now, lowest = (i18n.percent(float(each), 0) for each in (score[-1], np.nanmin(score)))
    return _("Saúde {now}, mínima {lowest}.", now=now, lowest=lowest)


def lowest(known: PeriodHealth, period: Period) -> str:
    """The lowest health of the period, when it was and why; nothing where it was never known."""
    score = known.health.score
    if not np.isfinite(score).any():
        return ""
    minute = int(np.nanargmin(score))
    return _(
        "Mínima de {lowest} {at}, por {metric}.",
        lowest=i18n.percent(float(score[minute]), 0),
        at=i18n.minute_in_sentence(float(known.health.time_ms[minute]), period.window, period.zone),
        metric=_label(known, minute),
    )


def expected(known: PeriodHealth, period: Period) -> str:
    """What is expected in the hours to come, by the band's lower edge where there is one, or nothing."""
    ahead = known.ahead
    if ahead is None:
        return ""
    if known.fails_at is not None and known.fails_at.middle_ms > ahead.origin_ms:
        window = Window(period.window.end_utc + timedelta(hours=ahead.hours), period.window.hours + ahead.hours)
        at = i18n.minute_in_sentence(known.fails_at.middle_ms, window, period.zone)
        return _("Deve chegar a {limit}, e falhar, {at}.", limit=i18n.percent(FAILING, 0), at=at)
    least = ahead.middle if np.isnan(ahead.low).any() else ahead.low
    length, score = i18n.length(ahead.hours), i18n.percent(float(least.min()), 0)
    return _("Em {length}: {least} ou mais.", length=length, least=score)


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


def _label(known: PeriodHealth, minute: int) -> str:
    return _(find_metric(known.health.worst[minute]).label)
