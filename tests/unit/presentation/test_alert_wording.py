"""The words of alerts, literally."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pycemaker.i18n import language
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, THRESHOLD, Alert
from pycemaker.presentation.alert_wording import headline, sentences, subject

ZONE = ZoneInfo("America/Sao_Paulo")
SINCE = datetime(2022, 4, 10, 13, 2, tzinfo=UTC)
NOW = SINCE + timedelta(minutes=14)
CPU = Alert("/cpu/1", "", "cpu", THRESHOLD, "cpu", SINCE, SINCE + timedelta(minutes=5), None, 0.9, 0.8, None, 0.973)
NONE = replace(CPU, kind=NO_DATA, enter=None, leave=None, worst=None)
DISK = replace(CPU, kind=FORECAST, metric="disk", leave=None, within_hours=24, worst=5.2)
FAILING = replace(CPU, kind=HEALTH, metric="health", enter=0.3, leave=0.4, worst=0.12)
ENDED = SINCE + timedelta(minutes=38)


def test_an_open_alert_says_what_since_when_how_bad_and_what_to_do() -> None:
    assert headline(CPU, ZONE) == "Consumo de CPU acima de 90% desde 10:02"
    assert sentences(CPU, ZONE, NOW) == (
        "Consumo de CPU acima de 90% desde 10:02.",
        "Dura 14 min; no pior momento, 97,3%.",
        "Veja quais processos e requisições ocupavam a CPU a partir de 10:02.",
    )


def test_an_ended_alert_says_how_long_it_lasted() -> None:
    ended = replace(CPU, ended_at=ENDED)
    assert headline(ended, ZONE) == "Terminou: Consumo de CPU acima de 90% das 10:02 às 10:40"
    assert sentences(ended, ZONE, NOW) == (
        "Terminou: Consumo de CPU acima de 90% das 10:02 às 10:40.",
        "Durou 38 min; no pior momento, 97,3%.",
        "Veja quais processos e requisições ocupavam a CPU das 10:02 às 10:40.",
    )


def test_the_day_is_said_where_it_began_on_another_one() -> None:
    assert sentences(CPU, ZONE, NOW + timedelta(days=3))[0] == "Consumo de CPU acima de 90% desde 10/04 10:02."
    ended = replace(CPU, ended_at=SINCE + timedelta(hours=20))
    assert sentences(ended, ZONE, SINCE + timedelta(hours=21))[:2] == (
        "Terminou: Consumo de CPU acima de 90% das 10:02 de 10/04 às 06:02 de 11/04.",
        "Durou 20 horas; no pior momento, 97,3%.",
    )


def test_who_knows_of_it_is_said_while_it_lasts() -> None:
    known = replace(CPU, acknowledged_at=SINCE + timedelta(minutes=8))
    assert sentences(known, ZONE, NOW)[2] == "Alguém já cuida disso, às 10:10."
    assert len(sentences(replace(known, ended_at=ENDED), ZONE, NOW)) == 3


@pytest.mark.parametrize(
    ("alert", "text"),
    [
        (replace(CPU, metric="request_count", enter=0.5, leave=1.0), "Número de requisições abaixo de 30 por minuto"),
        (replace(CPU, metric="http_fail", enter=12.5, leave=10.0), "Falhas HTTP acima de 12,5 por segundo"),
        (replace(CPU, metric="response_time", enter=1.0, leave=None), "Tempo de resposta acima de 1 s"),
        (replace(CPU, metric="request_count", enter=0.5, leave=None), "Número de requisições abaixo de 30 por minuto"),
        (replace(CPU, enter=0.925), "Consumo de CPU acima de 92,5%"),
        (replace(CPU, metric="gone"), "gone acima de 0,9"),
        (FAILING, "Saúde da aplicação abaixo de 30%"),
        (NONE, "Sem amostras de Consumo de CPU"),
    ],
)
def test_each_kind_and_unit_is_named(alert: Alert, text: str) -> None:
    assert headline(alert, ZONE) == f"{text} desde 10:02"


def test_missing_samples_say_that_nothing_is_known() -> None:
    assert sentences(NONE, ZONE, NOW)[1:] == (
        "Há 14 min nada se sabe.",
        "Confira se o coletor está rodando e se alcança o banco de dados.",
    )
    assert sentences(replace(NONE, ended_at=ENDED), ZONE, NOW)[1:] == (
        "Durou 38 min.",
        "Confira se o coletor e a máquina estavam no ar nesse horário.",
    )


def test_a_forecast_says_how_near_the_limit_came() -> None:
    assert sentences(DISK, ZONE, NOW) == (
        "Consumo de disco deve chegar a 90% em até 24 horas, previsto desde 10:02.",
        "Dura 14 min; na pior previsão faltavam 5 h 12 min.",
        "Libere espaço ou aumente o disco antes disso; comece por logs e cópias antigas.",
    )
    assert sentences(replace(DISK, ended_at=ENDED), ZONE, NOW) == (
        "Terminou: Consumo de disco deve chegar a 90% em até 24 horas, previsto das 10:02 às 10:40.",
        "Durou 38 min; na pior previsão faltavam 5 h 12 min.",
        "Nada a fazer agora: o limite não é mais esperado nesse prazo.",
    )


def test_the_health_is_told_as_a_share() -> None:
    assert sentences(FAILING, ZONE, NOW)[1] == "Dura 14 min; no pior momento, 12,0%."


@pytest.mark.parametrize("alert", [CPU, NONE, DISK, FAILING])
def test_the_subject_of_an_ended_alert_is_that_of_the_open_one_as_a_reply(alert: Alert) -> None:
    later = replace(alert, ended_at=ENDED, worst=1.0, acknowledged_at=NOW)
    assert subject([later], ZONE) == f"Re: {subject([alert], ZONE)}"


def test_the_subject_names_the_application_and_counts_other_alerts() -> None:
    assert subject([CPU], ZONE) == "Consumo de CPU acima de 90% desde 10:02 — 10/04/2022"
    loja = replace(CPU, application="loja")
    assert subject([loja], ZONE) == "loja: Consumo de CPU acima de 90% desde 10:02 — 10/04/2022"
    assert subject([loja, DISK], ZONE) == "loja: Consumo de CPU acima de 90% e mais 1 alerta — 10/04/2022"
    assert subject([loja, DISK, NONE], ZONE) == "loja: Consumo de CPU acima de 90% e mais 2 alertas — 10/04/2022"


def test_it_is_english_where_reports_are() -> None:
    with language.speaking("en"):
        assert subject([CPU, NONE], ZONE) == "CPU usage above 90% and 1 more alert — Apr 10, 2022"
        assert sentences(CPU, ZONE, NOW)[:2] == (
            "CPU usage above 90% since 10:02.",
            "It has lasted 14 min; at its worst, 97.3%.",
        )


def test_the_words_load_neither_pandas_nor_a_plotting_library() -> None:
    code = "import pycemaker.presentation.alert_wording, sys; print({'pandas', 'matplotlib', 'nbconvert'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"
