"""Findings of periods that cannot be judged, and the text of an all-clear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pycemaker.analysis.findings.choice import all_clear, find
from pycemaker.analysis.findings.finding import CRITICAL, WARNING
from pycemaker.presentation.cadence_sentence import sampling
from pycemaker.series.batches import no_columns
from pycemaker.series.comparable_samples import one_kind
from pycemaker.series.period import MetricPeriod
from tests.services.noise import quiet_period
from tests.services.periods import WINDOW
from tests.services.planted import risen
from tests.services.unassessed import (
    alone,
    changing,
    each,
    every,
    few,
    last_hours,
    silent,
    unreadable,
    with_history,
)

QUIET = quiet_period(3)


def stopped(part: MetricPeriod) -> MetricPeriod:
    return silent(part, 30)


def long_gone(part: MetricPeriod) -> MetricPeriod:
    return silent(part, 30 * 24)


def undated(part: MetricPeriod) -> MetricPeriod:
    return silent(part, undated=True)


@pytest.mark.parametrize(
    ("change", "severity", "sentence"),
    [
        (silent, WARNING, "Sem amostras: nada se sabe deste período. Nenhuma amostra foi encontrada, nem neste período nem antes dele."),
        (long_gone, WARNING, "Sem amostras: nada se sabe deste período. A última amostra é de 11/03/2022, 09:43."),
        (stopped, CRITICAL, "Sem amostras: nada se sabe deste período. A última amostra é de 09/04/2022, 03:43."),
        (undated, WARNING, "Amostras sem data: nada se sabe deste período. O campo time_series dos documentos não é uma data, e sem ela nenhum entra em um período."),
        (unreadable, CRITICAL, "Nenhuma leitura válida: nada se sabe deste período. Há amostras, mas nenhuma com um número que se possa ler."),
        (few, WARNING, "Poucas amostras: nada se sabe deste período. Só 18 amostras: pouco para dizer se algo está fora do normal."),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_at_all_says_why_and_is_the_only_finding(
    change: Callable[[MetricPeriod], MetricPeriod], severity: int, sentence: str
) -> None:
    (finding,) = find(each(QUIET, change))
    assert (finding.sentence, finding.severity, finding.metric) == (sentence, severity, "")
    assert finding.advice.endswith(".")


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        (undated, "Amostras sem data em Consumo de CPU e Consumo de RAM"),
        (unreadable, "Nenhuma leitura válida em Consumo de CPU e Consumo de RAM"),
        (few, "Poucas amostras de Consumo de CPU e Consumo de RAM"),
        (stopped, "Nenhuma amostra no período de Consumo de CPU e Consumo de RAM"),
    ],
)
def test_metrics_that_cannot_be_judged_are_named_beside_those_that_can(
    change: Callable[[MetricPeriod], MetricPeriod], headline: str
) -> None:
    (finding,) = find(each(QUIET, change, "cpu", "ram"))
    assert finding.headline == headline


def test_metrics_that_nobody_collects_are_no_news_beside_others() -> None:
    others = each(each(QUIET, silent, "http_fail"), long_gone, "disk")
    assert find(others) == ()
    assert all_clear(others).headline == "Nada fora do normal em 4 métricas"


def test_an_all_clear_says_how_many_metrics_and_what_they_were_compared_with() -> None:
    clear = all_clear(QUIET)
    assert clear.headline == "Nada fora do normal em 6 métricas"
    assert (clear.detail, clear.advice) == ("Comparado com o período anterior e com 7 dias anteriores.", "nada.")
    assert all_clear(each(QUIET, lambda part: with_history(part, 28))).detail == (
        "Comparado com o período anterior e com 4 semanas anteriores."
    )
    assert all_clear(each(QUIET, lambda part: replace(part, previous=no_columns()))).detail == (
        "Comparado com 7 dias anteriores."
    )
    assert (
        all_clear(each(QUIET, lambda part: replace(part, history=None))).detail == "Comparado com o período anterior."
    )
    assert all_clear(each(QUIET, lambda part: with_history(part, 2), "cpu")).detail == (
        "Comparado com o período anterior e com 2 dias anteriores."
    )


@pytest.mark.parametrize(
    ("hours", "days", "against"),
    [(24, 1, "."), (168, 7, "."), (168, 14, " e com 2 semanas anteriores."), (24, 7, " e com 7 dias anteriores.")],
)
def test_an_all_clear_does_not_name_the_previous_period_twice(hours: int, days: int, against: str) -> None:
    quiet = risen(hours, days, by=0)
    assert find(quiet) == ()
    assert all_clear(quiet).detail == f"Comparado com o período anterior{against}"


def test_an_all_clear_names_what_was_not_looked_at() -> None:
    clear = all_clear(each(QUIET, alone, "cpu"))
    assert clear.headline == "Nada fora do normal em 5 métricas"
    assert clear.detail.endswith("Não foi possível julgar: Consumo de CPU.")


def test_a_first_period_has_nothing_to_compare_with_and_is_no_all_clear() -> None:
    first = each(QUIET, alone)
    assert find(first) == ()
    clear = all_clear(first)
    assert clear.headline == "Ainda não há com que comparar este período"
    assert clear.detail == "Nada crítico em 6 métricas, mas não se sabe se os níveis são normais."
    assert clear.advice == "Veja abaixo se os níveis são os que se esperam."


def test_a_collector_that_was_just_started_is_no_all_clear() -> None:
    started = each(QUIET, lambda part: last_hours(part, 2))
    assert find(started) == ()
    assert all_clear(started).headline == "Só há amostras de 33,4% deste período"


def test_made_up_samples_are_nothing_to_compare_with() -> None:
    def judged(until: datetime) -> str:
        return all_clear(each(QUIET, lambda part: one_kind(part, until))).headline

    assert judged(WINDOW.start_utc) == "Ainda não há com que comparar este período"
    assert judged(WINDOW.start_utc + timedelta(hours=1)) == "Ainda não há com que comparar este período"
    assert judged(WINDOW.end_utc - timedelta(hours=1)) == "Nada fora do normal em 6 métricas"
    assert judged(WINDOW.end_utc) == "Nada fora do normal em 6 métricas"


def test_the_distance_of_samples_is_reported_once_and_where_it_differs() -> None:
    assert sampling(QUIET) == "uma amostra a cada 5 s"
    assert sampling(each(QUIET, lambda part: every(part, 15))) == "uma amostra a cada 15 s"
    assert sampling(each(QUIET, lambda part: every(part, 300))) == "uma amostra a cada 5 min"
    assert sampling(each(QUIET, lambda part: every(part, 60), "disk")) == (
        "uma amostra a cada 5 s (Consumo de disco: a cada 60 s)"
    )
    assert sampling(each(QUIET, lambda part: changing(part, 5, 60))) == (
        "uma amostra a cada 5 s e, desde 06:43, a cada 60 s"
    )
    assert sampling(each(QUIET, lambda part: changing(part, 5, 60, 15))) == (
        "uma amostra a cada 5 s a 60 s, conforme a hora"
    )
    mixed = QUIET
    for metric, seconds in (("cpu", 15), ("ram", 30), ("disk", 60)):
        mixed = each(mixed, lambda part, seconds=seconds: every(part, seconds), metric)
    assert sampling(mixed) == "uma amostra a cada 5 s a 60 s, conforme a métrica"
    assert sampling(each(QUIET, silent)) == ""
