from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pycemaker.analysis.suspicious_samples import suspicions
from pycemaker.metrics import CPU, DISK, HTTP_FAIL, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.presentation import tables
from pycemaker.series.batches import Columns
from pycemaker.series.period import Arrivals, MetricPeriod
from tests.services.periods import part, period_of

NOISE = np.random.default_rng(1)


def of(metric: Metric, readings: list[float], criticities: tuple[str, ...] = ("low",)) -> MetricPeriod:
    whole = part(metric, readings, [0.1] * 4320)
    codes = np.arange(len(readings), dtype=np.int16) % len(criticities)
    return replace(whole, current=Columns(whole.current.time_ms, whole.current.reading, codes, criticities))


def shares(low: float, high: float) -> list[float]:
    return NOISE.uniform(low, high, 4320).tolist()


@pytest.mark.parametrize("readings", [shares(20, 93), shares(0.2, 5), shares(40, 250), [0.0] * 3000 + [55.0] * 1320])
def test_shares_written_as_percent_are_named(readings: list[float]) -> None:
    assert suspicions(period_of(of(CPU, readings), of(RAM, shares(0, 1)))) == [
        "Consumo de CPU: parece porcentagem, de 0 a 100; o esperado é de 0 a 1, e nada foi convertido."
    ]


@pytest.mark.parametrize(
    "readings", [shares(0, 1), [1.0] * 4320, [0.5] * 4319 + [70.0], [1.02] * 4320, [], [np.nan] * 9]
)
def test_shares_are_not_and_neither_is_one_reading_gone_astray(readings: list[float]) -> None:
    assert suspicions(period_of(of(CPU, readings))) == []


def counter(rises_every: int, begins_anew_at: int = 0) -> list[float]:
    total = np.cumsum(np.arange(4320) % rises_every == 0) + 1000.0
    if begins_anew_at:
        total[begins_anew_at:] -= total[begins_anew_at - 1]
    return total.tolist()


@pytest.mark.parametrize("readings", [counter(1), counter(5), counter(800), counter(5, begins_anew_at=2000)])
@pytest.mark.parametrize(
    ("metric", "label"),
    [(HTTP_FAIL, "Falhas HTTP"), (REQUEST_COUNT, "Número de requisições"), (RESPONSE_TIME, "Tempo de resposta")],
)
def test_counters_that_only_grow_are_named(metric: Metric, label: str, readings: list[float]) -> None:
    assert suspicions(period_of(of(metric, readings))) == [
        f"{label}: parece um contador, que só cresce; o esperado é quanto houve em cada amostra."
    ]


@pytest.mark.parametrize(
    ("metric", "readings"),
    [
        (HTTP_FAIL, [0.0] * 4320),
        (HTTP_FAIL, [0.0] * 4000 + [1.0] * 320),
        (HTTP_FAIL, NOISE.poisson(0.01, 4320).astype(float).tolist()),
        (REQUEST_COUNT, (np.linspace(10, 90, 4320) + NOISE.normal(0, 3, 4320)).tolist()),
        (REQUEST_COUNT, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
        (DISK, np.linspace(0.1, 0.9, 4320).tolist()),
        (RAM, np.linspace(0.1, 0.9, 4320).tolist()),
    ],
)
def test_a_rate_that_rises_and_a_disk_that_fills_are_not(metric: Metric, readings: list[float]) -> None:
    assert suspicions(period_of(of(metric, readings))) == []


def test_criticities_in_other_letters_are_named_once_each() -> None:
    words = ("low", "CRITICAL", "crítico", "High", " média ", "regular", "unknown", "odd")
    assert suspicions(period_of(of(CPU, shares(0, 1), words), of(RAM, shares(0, 1), ("High",)))) == [
        "Criticidades escritas de outro modo: CRITICAL (parece critical), High (parece high), crítico (parece critical) e "
        "média (parece medium); cada uma conta como palavra à parte."
    ]


def test_a_word_that_no_sample_of_the_interval_has_is_not() -> None:
    odd = of(CPU, shares(0, 1), ("low", "HIGH"))
    assert suspicions(period_of(replace(odd, current=odd.current.part(0, 1)))) == []


@pytest.mark.parametrize(
    ("typical_seconds", "sentence"),
    [
        (-10_795.0, "3 horas à frente da"),
        (10_803.0, "3 horas atrás da"),
        (-19_790.0, "5 h 30 min à frente da"),
        (-7_200.0, "2 horas à frente da"),
    ],
)
def test_times_hours_ahead_or_behind_are_named(typical_seconds: float, sentence: str) -> None:
    arrivals = Arrivals(0, 0, typical_seconds)
    odd = [replace(of(metric, shares(0, 1)), arrivals=arrivals) for metric in (CPU, RAM)]
    assert suspicions(period_of(*odd, of(DISK, shares(0, 1)))) == [
        f"Consumo de CPU e Consumo de RAM: a hora das amostras está {sentence} gravação; parece hora local escrita como UTC."
    ]


@pytest.mark.parametrize("typical_seconds", [0.0, 4.0, -70.0, 900.0, 1400.0, -9_400.0])
def test_a_clock_that_is_a_little_off_is_not(typical_seconds: float) -> None:
    odd = replace(of(CPU, shares(0, 1)), arrivals=Arrivals(0, 0, typical_seconds))
    assert suspicions(period_of(odd)) == []


def test_the_report_says_it_where_it_says_how_far_samples_can_be_trusted() -> None:
    html = tables.trust(period_of(of(CPU, shares(20, 93))))
    assert "Consumo de CPU: parece porcentagem, de 0 a 100;" in html
