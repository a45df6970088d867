"""The report's words and tables, as HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from pycemaker import tables
from pycemaker.metrics import CPU, HTTP_FAIL, RAM, RESPONSE_TIME
from tests.services.periods import WINDOW, part, period_of


def visible(html: str) -> str:
    """The text that a reader sees, one blank between its pieces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_head_tells_period_zone_and_coverage() -> None:
    html = tables.heading(period_of(part(CPU, [0.1] * 4320), part(RAM, [0.1] * 4320)))
    assert visible(html) == (
        "10/04/2022, 03:43 a 09:43 6 h · America/Sao_Paulo, UTC-3"
        " 8.640 de 8.640 amostras esperadas (100%) : 4.320 de 4.320 em cada métrica."
    )


def test_the_head_tells_which_metrics_have_other_counts() -> None:
    html = tables.heading(period_of(part(CPU, [0.1] * 4320), part(RAM, [0.1] * 2), part(HTTP_FAIL, [0] * 4320)))
    assert ": Consumo de RAM 2 de 4.320; 4.320 de 4.320 nas demais." in visible(html)


def test_the_head_tells_every_count_where_all_differ() -> None:
    html = tables.heading(period_of(part(CPU, [0.1] * 3), part(RAM, [0.1] * 2)))
    assert ": Consumo de CPU 3 de 4.320; Consumo de RAM 2 de 4.320." in visible(html)


def test_the_head_of_real_samples_has_no_notice() -> None:
    assert "pm-notice" not in tables.heading(period_of(part(CPU, [0.1])))


def test_the_head_says_how_much_of_the_period_is_made_up() -> None:
    period = period_of(part(CPU, [0.1]))
    told = [
        visible(tables.heading(replace(period, sample_until_utc=WINDOW.end_utc - timedelta(hours=hours))))
        for hours in (0, 3, 6, 9)
    ]
    assert "Dados de exemplo. Todas as amostras deste relatório são inventadas" in told[0]
    assert "As amostras até 10/04/2022, 06:43 são inventadas, para demonstração; as seguintes são reais." in told[1]
    assert "As amostras do período anterior, com que este é comparado, são inventadas" in told[2]
    assert "As amostras do período anterior, com que este é comparado, são inventadas" in told[3]


def test_the_summary_has_a_row_a_metric_with_headers_on_both_sides() -> None:
    html = tables.summary(period_of(part(CPU, [0.2, 0.4, 0.6], [0.2, 0.4, 0.3], ["low", "low", "critical"])))
    assert visible(html) == (
        "Resumo Métrica menor a maior Média Variação Pior criticidade"
        " Consumo de CPU 20,0% a 60,0% 40,0% ▲ +33,3% ● crítica 33,3%"
    )
    assert html.count('<th scope="col">') == 4
    assert html.count('<th scope="row">') == 1


def test_the_summary_says_where_there_is_no_sample_or_no_reading() -> None:
    html = tables.summary(period_of(part(CPU, []), part(RAM, [float("nan")] * 3)))
    assert "Consumo de CPU Sem amostras neste período" in visible(html)
    assert "Consumo de RAM Nenhuma leitura válida neste período" in visible(html)


def test_a_section_tells_mean_growth_and_extremes_with_their_first_times() -> None:
    html = tables.section(part(RESPONSE_TIME, [0.2, 0.1, 2.5, 0.1], [0.29]))
    assert visible(html) == (
        "Tempo de resposta Média Variação Menor Maior 725 ms ▲ +150,0% antes 290 ms"
        " 100 ms 03:43:33 2 vezes 2,50 s 03:43:38 4 de 4.320 amostras esperadas (0,1%)"
    )


def test_a_section_without_samples_has_dashes() -> None:
    assert visible(tables.section(part(HTTP_FAIL, []))) == (
        "Falhas HTTP Média Variação Menor Maior — por amostra — sem período anterior — — 0 de 4.320"
        " amostras esperadas (0%)"
    )


def test_growth_from_zero_is_undefined_rather_than_none() -> None:
    assert "— antes 0" in visible(tables.section(part(HTTP_FAIL, [3, 4], [0, 0])))


def test_text_from_data_is_escaped() -> None:
    html = tables.summary(period_of(part(CPU, [0.5], names=["<script>x</script>"])))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
