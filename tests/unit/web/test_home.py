"""The part of the page at `/` that renews itself, on literal numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from pycemaker.analysis.forecast.backtest import LeadBacktest
from pycemaker.analysis.forecast.limit_time import LimitTime
from pycemaker.analysis.forecast.metric_forecast import MetricForecast
from pycemaker.i18n.language import speaking
from pycemaker.metrics import CPU, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.monitor.alert_history import NO_DATA, THRESHOLD, Alert
from pycemaker.monitor.forecast_reader import Forecast
from pycemaker.series.batches import Columns, no_columns
from pycemaker.web.overview_status import LastHour, OverviewStatus
from pycemaker.web.pages.overview import fragment
from pycemaker.window import to_epoch_ms
from tests.services.periods import SAO_PAULO, WINDOW, columns

NOW = WINDOW.end_utc
HOUR = timedelta(hours=1)
STATUS = OverviewStatus(NOW, (), {}, 0.92, "ram", np.full(120, 0.92), {}, (), ())


def every(seconds: int, reading: float = 0.4) -> Columns:
    return columns(NOW - HOUR, [reading] * (3600 // seconds), every_seconds=seconds)


def forecast(middle: float, low: float, high: float, limit: LimitTime | None = None) -> Forecast:
    lead = LeadBacktest(7, np.ones(6), 100, 0.1, 0.2, np.empty(0), None, None)
    edges = (np.full(7, each) for each in (middle, low, high))
    ahead = MetricForecast(to_epoch_ms(NOW), middle, *edges, (0.0, np.inf), 100, (lead,))
    return Forecast(ahead, 0.3, limit)


def shown(**changed: Any) -> str:
    return fragment(replace(STATUS, **changed), SAO_PAULO, "/p", "/p/apps/loja")


def card(samples: Columns, metric: Metric = CPU, past: float = 0.4, **more: Any) -> str:
    hours, courses = (LastHour(metric, NOW, samples),), {metric.id: np.full(120, past)}
    return shown(hours=hours, courses=courses, **more).partition(f'id="metric-{metric.id}"')[2]


@pytest.mark.parametrize(
    ("seconds", "reading", "said"),
    [(5, 12, "144 <small>por minuto</small>"), (60, 144, "144 <small>por minuto</small>"),
     (300, 720, "144 <small>por minuto</small>"), (60, 1200, "20 <small>por segundo</small>")],
)  # fmt: skip
def test_counts_are_rates_whatever_the_distance_of_samples(seconds: int, reading: float, said: str) -> None:
    assert said in card(every(seconds, reading), REQUEST_COUNT)


def test_counts_are_drawn_and_expected_in_the_unit_of_the_number() -> None:
    drawn = card(every(5, 12), REQUEST_COUNT, 2.4, forecasts={"request_count": forecast(12, 10, 20)})
    assert "em 6 horas: 144 (120 a 240)" in drawn
    assert "0 – 250" in drawn
    assert '<path class="line" d="M1 31.0 2 31.0' in drawn  # 144 of 250


def test_a_share_is_drawn_from_0_to_100_percent_and_the_band_around_what_is_expected() -> None:
    drawn = card(every(5, 0.5), CPU, 0.5, forecasts={"cpu": forecast(0.5, 0.25, 0.75)})
    assert "0 – 100%" in drawn
    assert "em 6 horas: 50,0% (25,0% a 75,0%)" in drawn
    assert '<path class="ahead" d="M120 36.0 130 36.0' in drawn
    assert '<path class="band" d="M120 19.5 130 19.5' in drawn


def test_without_a_checked_band_there_is_the_middle_alone_and_without_a_forecast_neither() -> None:
    nan = float("nan")
    drawn = card(every(5, 0.5), forecasts={"cpu": forecast(0.5, nan, nan)})
    assert "em 6 horas: 50,0%</p>" in drawn
    assert ('class="ahead"' in drawn, 'class="band"' in drawn) == (True, False)
    drawn = card(every(5, 0.5))
    assert "sem histórico para uma previsão" in drawn
    assert ('class="ahead"' in drawn, 'class="band"' in drawn, 'class="line"' in drawn) == (False, False, True)


def test_a_metric_whose_samples_stopped_says_since_when() -> None:
    hours = (LastHour(CPU, NOW - 2 * HOUR, columns(NOW - 3 * HOUR, [0.4] * 720)),)
    drawn = shown(hours=hours, courses={"cpu": np.full(120, np.nan)})
    assert "sem amostras desde 07:43:23" in drawn
    assert 'href="/p/apps/loja/cpu/10-04-2022-07-43-23/1"' in drawn
    assert "<svg" not in drawn.partition("metric-cpu")[2]


def test_without_any_sample_it_says_how_to_see_some() -> None:
    drawn = shown(hours=(LastHour(RESPONSE_TIME, None, no_columns()),), courses={})
    assert "0 amostras em response_time" in drawn
    assert "python -m pycemaker sample" in drawn
    assert "python -m pycemaker sample" not in card(every(5))


@pytest.mark.parametrize(("score", "state"), [(0.92, "good"), (0.6, "fair"), (0.3, "bad")])
def test_the_health_has_a_colour_by_its_borders(score: float, state: str) -> None:
    assert f'<article id="health" class="{state}">' in shown(score=score)


def test_an_unknown_health_has_no_number_and_no_colour() -> None:
    health = shown(
        score=float("nan"),
        scores=np.full(120, np.nan),
        hours=(LastHour(CPU, NOW, every(5)),),
        courses={"cpu": np.full(120, 0.4)},
    )
    health = health.partition('id="health"')[2].partition("</article>")[0]
    assert "desconhecida: sem leitura de Consumo de RAM" in health
    assert "%" not in health


def test_the_health_says_when_it_is_expected_to_fail() -> None:
    at_ms = to_epoch_ms(NOW + 2 * HOUR)
    failing = forecast(0.5, 0.4, 0.6, LimitTime(at_ms, at_ms, at_ms))
    assert "Deve chegar a 30%, e falhar, às 11:43." in shown(forecasts={"health": failing})
    assert "Em 6 horas: 40% ou mais." in shown(forecasts={"health": forecast(0.5, 0.4, 0.6)})


def alert(kind: str, metric: str, **more: Any) -> Alert:
    return Alert("x", "loja", "r", kind, metric, NOW - timedelta(minutes=42), NOW, **more)


def test_an_open_alert_says_what_since_when_and_how_bad() -> None:
    drawn = shown(alerts=(alert(THRESHOLD, "cpu", enter=0.9, leave=0.8, worst=0.973),))
    assert "<li><strong>Consumo de CPU acima de 90% desde 09:01</strong>" in drawn
    assert '<span class="fine">Dura 42 min; no pior momento, 97,3%.</span>' in drawn
    assert 'href="/p/apps/loja/alerts"' in drawn
    assert "Nenhum alerta aberto" not in drawn


def test_of_many_alerts_the_latest_five_are_shown_and_the_rest_counted() -> None:
    drawn = shown(alerts=(alert(NO_DATA, "ram"),) * 8)
    assert drawn.count("<strong>") == 5
    assert "todos, mais 3" in drawn
    assert "Nenhum alerta aberto." in shown()


def test_next_schedules_hide_their_recipients_addresses() -> None:
    one = {"_id": "abc", "name": "Para ana@example.com", "recipients": ["ana@example.com"], "next_at": NOW}
    drawn = shown(schedules=(one,))
    assert '<a href="/p/schedules/abc">Para a***@example.com</a><span class="fine">dom. 10/04 09:43</span>' in drawn
    assert "Nenhum relatório agendado." in shown(schedules=())
    assert "Com o token" in shown(schedules=None)


def test_names_are_escaped_and_english_is_spoken() -> None:
    one = {"_id": "abc", "name": "<b>{x}</b>", "recipients": [], "next_at": NOW}
    assert "&lt;b&gt;{x}&lt;/b&gt;" in shown(schedules=(one,))
    with speaking("en"):
        drawn = card(every(5), forecasts={"cpu": forecast(0.5, 0.25, 0.75)}, alerts=(alert(NO_DATA, "ram"),))
        assert "in 6 hours: 50.0% (25.0% to 75.0%)" in drawn
        assert not re.search(r"[ãõçé]", drawn)
