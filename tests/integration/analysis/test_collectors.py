"""Reports on other people's collectors, from MongoDB to the sentences: subject, findings, head, trust."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from pycemaker import read_period
from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.findings.finding import CRITICAL, WARNING
from pycemaker.mongo.database import Database
from pycemaker.presentation import tables
from pycemaker.reports.mail_subject import mail_subject
from pycemaker.settings import from_mapping
from tests.services.collectors import COLLECTORS, fill
from tests.services.periods import WINDOW

HIGH_SINCE_0443 = "Tempo de resposta 20× acima do normal desde 04:43"
NO_DATES = (
    "Amostras sem data: nada se sabe deste período",
    "O campo time_series dos documentos não é uma data, e sem ela nenhum entra em um período.",
    "Faça o coletor gravar time_series como data (Date), e não como texto.",
)
STOPPED = (
    "Sem amostras: nada se sabe deste período",
    "A última amostra é de 09/04/2022, 03:43.",
    "Confira se o coletor está rodando e se alcança o banco de dados.",
)


def both_high(response_time: str, cpu: str, critical: str = "") -> list[tuple[str, str, str]]:
    return [
        (
            HIGH_SINCE_0443,
            f"Mediana 4,00 s no período; a do período anterior, {response_time}. Ainda não há outros dias com que comparar.{critical}",
            "Veja o que mudou pouco antes: deploy, banco, serviço externo; e os logs a partir de 04:43.",
        ),
        (
            "Consumo de CPU 57 p.p. acima do normal desde 04:43",
            f"Mediana 97,0% no período; a do período anterior, {cpu}. Ainda não há outros dias com que comparar.{critical}",
            "Veja quais processos e requisições ocupavam a CPU a partir de 04:43.",
        ),
    ]


CRITICAL_TOO = " Em estado crítico por 5 horas."
WHOLE = "{counts} amostras esperadas (100%). Nenhuma repetida nem fora de ritmo. Sem interrupção."
SAID = {  # subject; findings; how often samples come; "Dá para confiar?"
    "stopped": (STOPPED[0], [STOPPED], "", "Sem amostras neste período."),
    "minute-critical": (
        HIGH_SINCE_0443, both_high("199 ms", "39,9%", CRITICAL_TOO), " · uma amostra a cada 60 s", WHOLE.format(counts="2.160 de 2.160"),
    ),
    "quarter-critical": (
        HIGH_SINCE_0443, both_high("201 ms", "40,0%", CRITICAL_TOO), " · uma amostra a cada 15 s", WHOLE.format(counts="8.640 de 8.640"),
    ),
    "five-minutes": (
        HIGH_SINCE_0443, both_high("202 ms", "39,7%", CRITICAL_TOO), " · uma amostra a cada 5 min", WHOLE.format(counts="432 de 432"),
    ),
    "minute-quiet": (
        HIGH_SINCE_0443, both_high("199 ms", "39,9%"), " · uma amostra a cada 60 s", WHOLE.format(counts="2.160 de 2.160"),
    ),
    "text-time": (NO_DATES[0], [NO_DATES], "", "Sem amostras neste período."),
}  # fmt: skip


def visible(fragment: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", fragment)).split())


@pytest.mark.parametrize("name", COLLECTORS)
def test_a_report_says_what_is_true_whoever_collected(name: str, database: Database, database_url: str) -> None:
    headline, expected, often, trust = SAID[name]
    fill(database, COLLECTORS[name], WINDOW.end_utc)
    period = read_period("10-04-2022-09-43-23", 6, settings=from_mapping({"MONGO_DB_URL": database_url}))
    findings = find(period)
    assert [(finding.headline, finding.detail, finding.advice) for finding in findings] == expected
    assert {finding.severity for finding in findings} == {
        WARNING if name in ("minute-quiet", "text-time") else CRITICAL
    }
    subject = mail_subject(period.window, period.zone, findings[0].headline)
    assert subject == f"{headline} — Pycemaker, 10/04/2022 09:43, 6 h"
    head = "10/04/2022, 03:43 a 09:43 6 horas · horário de Brasília (UTC-3)"
    is_unknown = name in ("stopped", "text-time")
    health = "Saúde desconhecida: sem leitura de Consumo de CPU." if is_unknown else "Saúde 33%, mínima 33%."
    assert visible(tables.heading(period)) == f"{head}{often} {health}"
    assert visible(tables.trust(period)) == f"Dá para confiar? {trust}"


@pytest.mark.parametrize("name", ["stopped", "text-time"])
def test_a_report_of_now_without_samples_says_so_in_its_subject(
    name: str, database: Database, database_url: str
) -> None:
    fill(database, COLLECTORS[name], datetime.now(UTC).replace(microsecond=0))
    period = read_period("now", 6, settings=from_mapping({"MONGO_DB_URL": database_url}))
    assert find(period)[0].headline == SAID[name][0]
