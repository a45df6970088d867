"""Findings of planted events, and the very sentences they must give."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from pycemaker.analysis.findings.choice import MOST_FINDINGS, find
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING, Finding
from pycemaker.metrics import METRICS
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import to_epoch_ms
from tests.services.noise import quiet_period
from tests.services.periods import WINDOW
from tests.services.planted import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    as_each_day,
    before_as,
    changed,
    every_kind,
    lifted,
    risen,
    with_days,
    without,
)

QUIET = quiet_period(3)


def only(period: Period) -> Finding:
    (finding,) = find(period)
    return finding


def test_a_quiet_period_has_no_finding() -> None:
    assert find(QUIET) == ()
    assert find(with_days(QUIET, 0)) == ()


def test_a_period_without_any_collected_sample_is_the_finding() -> None:
    empty = [MetricPeriod(metric, WINDOW, QUIET.zone, no_columns(), no_columns()) for metric in METRICS]
    assert only(replace(QUIET, metrics=tuple(empty))).headline == "Sem amostras: nada se sabe deste período"


@pytest.mark.parametrize("days", [7, 1, 0])
def test_slow_answers_are_reported_with_how_slow_when_how_long_and_what_to_do(days: int) -> None:
    slow = lifted(QUIET["response_time"], 12, 3.5, 3.75, critical=True)
    finding = only(with_days(changed(QUIET, response_time=slow), days))
    assert (finding.kind, finding.metric, finding.severity) == ("incident", "response_time", CRITICAL)
    assert finding.headline.startswith("Tempo de resposta 1")
    assert finding.headline.endswith("× acima do normal às 07:13")
    assert "das 07:13 às 07:28 (15 min), em estado crítico." in finding.detail
    assert finding.advice == ("Veja o que mudou pouco antes: deploy, banco, serviço externo; e os logs nesse horário.")


def test_the_sentence_of_an_incident_is_this_one() -> None:
    flat = np.full(4320, 0.1)
    parts = [replace(part, history=None) for part in QUIET.metrics]
    steady = replace(
        parts[3],
        current=Columns(parts[3].current.time_ms, flat, np.ones(4320, np.int16), ("critical", "low")),
        previous=Columns(parts[3].previous.time_ms, flat, np.ones(4320, np.int16), ("critical", "low")),
    )
    period = changed(with_days(QUIET, 0), response_time=lifted(steady, 12, 4, 4.5))
    assert only(period).sentence == (
        "Tempo de resposta 12× acima do normal às 07:43. 1,20 s em vez de 100 ms, das 07:43 às 08:13 (30 min)."
    )


def test_what_happens_at_one_time_is_one_finding() -> None:
    period = changed(
        QUIET,
        response_time=lifted(QUIET["response_time"], 12, 3.5, 3.75, critical=True),
        http_fail=lifted(QUIET["http_fail"], 0, 3.5, 3.75, add=3, critical=True),
        cpu=lifted(QUIET["cpu"], 1, 3.5, 3.75, add=0.4),
    )
    finding = only(period)
    assert finding.metric == "response_time"
    assert "Ao mesmo tempo: Falhas HTTP" in finding.detail
    assert "Consumo de CPU 44 p.p. acima do normal" in finding.detail


def test_lost_traffic_is_bad_and_more_of_it_is_a_notice() -> None:
    lost = only(changed(QUIET, request_count=lifted(QUIET["request_count"], 0.05, 3, 4)))
    more = only(changed(QUIET, request_count=lifted(QUIET["request_count"], 8, 3, 4)))
    assert (lost.kind, lost.severity) == ("incident", WARNING)
    assert lost.headline.startswith("Número de requisições 9")
    assert "abaixo do normal às 06:43" in lost.headline
    assert (more.kind, more.severity) == ("incident", NOTICE)
    assert more.advice.startswith("Confira se essa mudança era esperada; ")


def test_one_spike_moves_nothing_but_is_written_as_a_new_high() -> None:
    part = QUIET["response_time"]
    reading = part.current.reading.copy()
    reading[2000] = 31.0
    finding = only(changed(QUIET, response_time=replace(part, current=replace(part.current, reading=reading))))
    assert (finding.kind, finding.severity) == ("high", NOTICE)
    assert finding.headline == "Tempo de resposta chegou a 31,00 s às 06:30, valor inédito"


def test_a_level_that_moved_is_compared_with_the_same_hours_of_earlier_days() -> None:
    finding = only(changed(QUIET, response_time=lifted(QUIET["response_time"], 1.9, 0, 6)))
    assert (finding.kind, finding.severity) == ("shift", WARNING)
    assert "Tempo de resposta" in finding.headline
    assert "acima do normal" in finding.headline
    assert "dos 7 dias anteriores, nas mesmas horas" in finding.detail


def test_a_level_that_moved_at_once_says_since_when() -> None:
    finding = only(changed(QUIET, cpu=lifted(QUIET["cpu"], 1, 1.5, 6, add=0.18)))
    assert finding.kind == "shift"
    assert finding.headline.endswith("p.p. acima do normal desde 05:13")


def test_better_is_a_notice_that_asks_whether_it_was_meant() -> None:
    finding = only(changed(QUIET, response_time=lifted(QUIET["response_time"], 0.4, 0, 6)))
    assert (finding.kind, finding.severity) == ("shift", NOTICE)
    assert finding.advice.startswith("Confira se essa mudança era esperada; ")
    assert "abaixo do normal" in finding.headline


def test_answers_that_are_faster_for_a_while_are_no_finding() -> None:
    assert find(changed(QUIET, response_time=lifted(QUIET["response_time"], 0.1, 3, 4))) == ()


def test_a_stretch_of_the_day_before_at_the_same_hour_is_reported() -> None:
    repeated = as_each_day(with_days(QUIET, 1)["response_time"], 3.4, 3.8, 2.0)
    finding = only(changed(with_days(QUIET, 1), response_time=lifted(repeated, 20, 3.5, 3.75)))
    assert finding.detail.endswith("Aconteceu na mesma hora também no dia anterior.")
    assert finding.advice.startswith("Procure uma tarefa agendada para essa hora.")


def test_time_spent_critical_is_reported_with_its_longest_stretch() -> None:
    part = lifted(lifted(QUIET["cpu"], 1, 1, 1.2, critical=True), 1, 4, 4.5, critical=True)
    codes = part.current.criticity.copy()
    codes[720:864] = 0
    finding = only(changed(QUIET, cpu=replace(part, current=replace(part.current, criticity=codes))))
    assert (finding.kind, finding.severity) == ("critical", CRITICAL)
    assert finding.sentence == (
        "Consumo de CPU em estado crítico por 42 min. Em 2 trechos; o mais longo, 30 min, das 07:43 às 08:13."
    )


@pytest.mark.parametrize(("minutes", "severity"), [(32, WARNING), (28, CRITICAL)])
def test_an_hour_of_critical_time_is_a_warning_where_half_of_it_was_known(minutes: int, severity: int) -> None:
    part = lifted(QUIET["cpu"], 1, 3.5, 4.5, critical=True)
    assert part.history
    critical = np.zeros(len(part.history), np.int64)
    critical[[20, 70, 120]] = part.history.count[[20, 70, 120]] * minutes // 60
    counts = np.column_stack([critical, part.history.count - critical])
    history = replace(part.history, criticities=counts, criticity_names=("critical", "low"))
    finding = only(changed(QUIET, cpu=replace(part, history=history)))
    assert (finding.kind, finding.severity) == ("critical", severity)


def test_a_minute_of_critical_samples_is_not_worth_a_finding() -> None:
    assert find(changed(QUIET, cpu=lifted(QUIET["cpu"], 1, 4, 4.02, critical=True))) == ()


def test_a_disk_that_fills_up_is_reported_with_the_day_it_is_full() -> None:
    disk = before_as(QUIET["disk"], lambda columns: 0.9 + (columns.time_ms - START_MS) / 8.64e7 * 0.01)
    finding = only(changed(QUIET, disk=disk))
    assert (finding.kind, finding.severity) == ("trend", NOTICE)
    assert finding.sentence == (
        "Consumo de disco chega a 100% em cerca de 10 dias (20/04/2022). "
        "Está em 90,2% e sobe 1,0 p.p. por dia, medido ao longo de 7 dias."
    )
    assert finding.advice == "Libere espaço ou aumente o disco antes disso; comece por logs e cópias antigas."


def test_memory_that_rises_each_morning_fills_nothing() -> None:
    def rising(columns: Columns) -> NDArray[np.float64]:
        return np.asarray(0.5 + ((columns.time_ms - START_MS + 6 * HOUR_MS) % DAY_MS) / HOUR_MS / 12 * 0.3)

    ram = before_as(QUIET["ram"], rising)
    assert find(changed(QUIET, ram=ram)) == ()
    assert only(changed(QUIET, ram=replace(ram, history=None))).headline == (
        "Consumo de RAM chega a 100% em cerca de 8 h (10/04 às 17h)"
    )


def test_a_gap_of_every_metric_is_one_finding() -> None:
    parts = {part.metric.id: replace(part, current=without(part.current, 4.5, 5)) for part in QUIET.metrics}
    finding = only(changed(QUIET, **parts))
    assert (finding.kind, finding.metric, finding.severity) == ("gap", "", NOTICE)
    assert finding.sentence == (
        "Sem amostras por 30 min, das 08:13 às 08:43. São 8% do período, em todas as métricas: não há dados desse intervalo."
    )


def test_a_collector_that_stopped_is_critical() -> None:
    parts = {part.metric.id: replace(part, current=without(part.current, 5.5, 6)) for part in QUIET.metrics}
    finding = only(changed(QUIET, **parts))
    assert (finding.headline, finding.severity) == ("Coleta parada desde 09:13", CRITICAL)


def test_a_metric_that_fell_silent_is_named() -> None:
    finding = only(changed(QUIET, ram=replace(QUIET["ram"], current=no_columns())))
    assert finding.headline == "Nenhuma amostra no período de Consumo de RAM"


def test_levels_are_compared_with_half_of_an_interval_or_with_a_day_of_hours() -> None:
    part = lifted(QUIET["response_time"], 1.9, 0, 6)
    few = replace(part, previous=without(part.previous, -6, -2), history=None)
    assert [finding.kind for finding in find(changed(QUIET, response_time=few))] == []
    assert only(changed(QUIET, response_time=replace(few, history=part.history))).kind == "shift"


def test_at_most_three_are_reported_the_worst_first() -> None:
    period = changed(
        QUIET,
        response_time=lifted(QUIET["response_time"], 12, 1, 1.5, critical=True),
        request_count=lifted(QUIET["request_count"], 0.05, 2, 3),
        cpu=lifted(QUIET["cpu"], 1, 4, 5, add=0.4),
        ram=replace(QUIET["ram"], current=without(QUIET["ram"].current, 4.5, 5)),
    )
    findings = find(period)
    assert len(findings) == MOST_FINDINGS
    assert [finding.severity for finding in findings] == [CRITICAL, WARNING, WARNING]
    assert findings == find(period)


@pytest.mark.parametrize("hours", [1, 24, 168])
def test_other_lengths_find_the_same_stretch(hours: int) -> None:
    window = replace(WINDOW, hours=hours)
    quiet = quiet_period(5, window, days=2)
    part = quiet["response_time"]
    into = to_epoch_ms(window.end_utc) - part.current.time_ms
    slow = replace(part.current, reading=np.where((into > 600_000) & (into < 1_800_000), 3.0, part.current.reading))
    finding = only(changed(quiet, response_time=replace(part, current=slow)))
    assert finding.kind == "incident"
    assert finding.start_ms is not None
    assert abs(finding.start_ms - (to_epoch_ms(WINDOW.end_utc) - 1_800_000)) <= 10_000
    assert timedelta(milliseconds=(finding.end_ms or 0) - finding.start_ms) < timedelta(minutes=21)


def test_every_finding_names_what_when_how_bad_and_what_to_do() -> None:
    findings = [finding for period in every_kind() for finding in find(period)]
    assert {finding.kind for finding in findings} == {
        "incident",
        "shift",
        "trend",
        "critical",
        "high",
        "gap",
        "unknown",
    }
    for finding in findings:
        assert finding.advice.endswith("."), finding
        if finding.kind == "unknown":  # there may be no time and no figure
            continue
        text = f"{finding.headline} {finding.detail}"
        assert re.search(r"\d", text) or "Nenhuma amostra" in text or "Sem amostras:" in text, text
        assert re.search(r"\d\d:\d\d|\d\d/\d\d|período", text), text
        assert finding.advice.endswith("."), text


@pytest.mark.parametrize(
    ("hours", "days", "against"),
    [
        (6, 7, "a dos 7 dias anteriores, nas mesmas horas, 40,0% (período anterior: 40,0%)."),
        (6, 1, "a do dia anterior, nas mesmas horas, 40,0% (período anterior: 40,0%)."),
        (24, 7, "a dos 7 dias anteriores, 40,0% (período anterior: 40,0%)."),
        (24, 1, "a do período anterior, 40,0%."),
        (72, 21, "a das 3 semanas anteriores, 40,0% (período anterior: 40,0%)."),
        (168, 28, "a das 4 semanas anteriores, 40,0% (período anterior: 40,0%)."),
        (168, 14, "a das 2 semanas anteriores, 40,0% (período anterior: 40,0%)."),
        (168, 7, "a do período anterior, 40,0%."),
        (744, 28, "a do período anterior, 40,0%."),
    ],
)
def test_days_are_written_as_days_and_weeks_as_weeks(hours: int, days: int, against: str) -> None:
    assert only(risen(hours, days)).detail == f"Mediana 80,0% no período; {against}"
