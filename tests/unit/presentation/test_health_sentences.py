"""The report's words and figure of health."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from pycemaker.analysis.forecast.limit_time import limit_time
from pycemaker.analysis.period_health import period_health
from pycemaker.metrics import CPU, RAM, REQUEST_COUNT, RESPONSE_TIME
from pycemaker.presentation import tables
from pycemaker.presentation.figures.health_course import health_course
from pycemaker.presentation.health_sentences import expected, health_line, lowest, quality
from pycemaker.series.period import Period
from tests.services.noise import quiet_period
from tests.services.periods import part, period_of

GOOD: dict[Any, float] = {CPU: 0.2, RAM: 0.2, RESPONSE_TIME: 0.1, REQUEST_COUNT: 5.0}


def period(**readings: Any) -> Period:
    """Six hours of samples every 5 s: below every border, but for these."""
    return period_of(*(part(metric, readings.get(metric.id, [good] * 4320)) for metric, good in GOOD.items()))


def told(period: Period) -> str:
    known = period_health(period)
    assert known is not None
    return lowest(known, period)


def test_the_head_says_how_the_health_is_and_the_figure_when_it_was_worst_and_why() -> None:
    dipped = period(cpu=[0.2] * 2000 + [0.9] * 120 + [0.2] * 2200)
    assert health_line(dipped) == "Saúde 100%, mínima 75%."
    assert "Saúde 100%, mínima 75%." in tables.heading(dipped)
    assert told(dipped) == "Mínima de 75% às 06:31, por Consumo de CPU."


def test_an_unknown_health_is_never_a_good_one() -> None:
    assert health_line(period(ram=[])) == "Saúde desconhecida: sem leitura de Consumo de RAM."
    assert told(period(ram=[])) == ""
    stopped = period(response_time=[0.5] * 4000)
    assert health_line(stopped) == "Saúde desconhecida: sem leitura de Tempo de resposta."
    assert told(stopped) == "Mínima de 92% às 03:44, por Tempo de resposta."


def test_a_period_without_a_metric_of_the_index_has_no_health() -> None:
    cpu = period_of(part(CPU, [0.2] * 4320))
    assert health_line(cpu) == ""
    assert "pm-health" not in tables.heading(cpu)


def test_what_is_expected_and_how_good_that_was_are_one_sentence_each() -> None:
    known = quiet_period(3, days=28)
    health = period_health(known)
    assert health is not None
    assert health.ahead is not None
    assert re.fullmatch(r"Saúde \d+%, mínima \d+%\. Em 6 horas: \d+% ou mais\.", health_line(known))
    assert re.fullmatch(
        r"Erro médio das últimas 336 previsões de 6 horas: [\d,]+ p\.p\. \([\d,]+ p\.p\. para quem não esperasse mudança\);"
        r" (8\d|9\d)% do que veio ficou na faixa\.",
        quality(health.ahead),
    )


def test_without_a_checked_band_the_middle_is_told() -> None:
    short = quiet_period(3, days=2)
    assert re.search(r"Em 6 horas: \d+% ou mais\.$", health_line(short))
    health = period_health(short)
    assert health is not None
    assert health.ahead is not None
    assert quality(health.ahead).endswith(" para quem não esperasse mudança).")


def test_a_health_that_falls_names_the_hour_at_which_it_fails() -> None:
    falling = quiet_period(3, days=28)
    health = period_health(falling)
    assert health is not None
    assert health.ahead is not None
    worse = replace(health.ahead, middle=np.linspace(0.6, 0.1, 6), low=np.zeros(6), high=np.ones(6))
    known = replace(health, ahead=worse, fails_at=limit_time(worse, 0.3, is_floor=True))
    assert re.fullmatch(r"Deve chegar a 30%, e falhar, às 1[34]:\d\d\.", expected(known, falling))


def test_the_figure_shows_the_period_and_the_hours_to_come() -> None:
    for shown in (quiet_period(3, days=28), period(), period(ram=[])):
        health = period_health(shown)
        assert health is not None
        picture = health_course(shown, health)
        assert picture.name == "health.png"
        assert picture.alt == f"Saúde da aplicação: {health_line(shown)} {told(shown)}".strip()
