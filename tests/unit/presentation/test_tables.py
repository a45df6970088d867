"""The report's words and tables, as HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from pycemaker.analysis.findings.finding import CRITICAL, Finding
from pycemaker.metrics import CPU, HTTP_FAIL, RAM, RESPONSE_TIME
from pycemaker.presentation import tables
from pycemaker.series.batches import Columns
from pycemaker.series.period import Arrivals
from tests.services.periods import WINDOW, part, period_of


def visible(html: str) -> str:
    """The text that a reader sees, one blank between its pieces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_head_names_period_length_and_zone() -> None:
    html = tables.heading(period_of(part(CPU, [0.1] * 4320), part(RAM, [0.1] * 4320)))
    assert visible(html) == ("10/04/2022, 03:43 a 09:43 6 horas · horário de Brasília (UTC-3) · uma amostra a cada 5 s")


def test_the_coverage_names_which_metrics_have_other_counts() -> None:
    html = tables.trust(period_of(part(CPU, [0.1] * 4320), part(RAM, [0.1] * 2), part(HTTP_FAIL, [0] * 4320)))
    assert ": Consumo de RAM 2 de 4.320; 4.320 de 4.320 nas demais." in visible(html)


def test_the_coverage_names_every_count_where_all_differ() -> None:
    html = tables.trust(period_of(part(CPU, [0.1] * 3), part(RAM, [0.1] * 2)))
    assert ": Consumo de CPU 3 de 4.320; Consumo de RAM 2 de 4.320." in visible(html)


def test_the_head_of_real_samples_has_no_notice() -> None:
    assert "pm-notice" not in tables.heading(period_of(part(CPU, [0.1])))


def test_the_head_says_how_much_of_the_period_is_made_up() -> None:
    period = period_of(part(CPU, [0.1]))
    notices = [
        visible(tables.heading(replace(period, sample_until_utc=WINDOW.end_utc - timedelta(hours=hours))))
        for hours in (0, 2, 3, 6, 9, 12)
    ]
    assert "Dados de exemplo. Todas as amostras deste relatório são inventadas" in notices[0]
    assert (
        "As amostras até 10/04/2022, 07:43 são inventadas; as reais, mais novas, ficam fora das contas." in notices[1]
    )
    assert "As amostras até 10/04/2022, 06:43 são inventadas e ficam fora das contas." in notices[2]
    assert "As amostras até 10/04/2022, 03:43 são inventadas, e nada é comparado com elas." in notices[3]
    assert "As amostras até 10/04/2022, 00:43 são inventadas, e nada é comparado com elas." in notices[4]
    assert "inventadas" not in notices[5]


def test_the_summary_has_a_row_a_metric_with_headers_on_both_sides() -> None:
    cpu = part(CPU, [0.2, 0.4, 0.6] * 1440, [0.2, 0.4, 0.3] * 1440, ["low", "low", "critical"])
    html = tables.summary([cpu, part(RESPONSE_TIME, [0.3] * 4320, [0.2] * 4320)], is_rest=True)
    assert visible(html) == (
        "As demais métricas Métrica Média Pior criticidade"
        " Consumo de CPU 40,0% ▲ +10,0 p.p. ● crítica 33,3% das amostras"
        " Tempo de resposta 300 ms ▲ +50,0% ● baixa 100% das amostras"
    )
    assert html.count('<th scope="col">') == 3
    assert html.count('<th scope="row">') == 2


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [(0.02, 0.12, "0,02 → 0,12"), (0.9, 0.3, "0,90 → 0,30"), (0.5, 0.6, "▲ +20,0%"), (2.0, 12.0, "▲ 6×")],
)
def test_small_means_are_both_shown_where_a_ratio_would_sound_like_much(before: float, now: float, said: str) -> None:
    queue = replace(CPU, unit="conexões")
    assert f"{said} " in visible(tables.summary([part(queue, [now] * 4320, [before] * 4320)]))
    assert "→" not in visible(tables.summary([part(RESPONSE_TIME, [0.4] * 4320, [0.02] * 4320)]))


def test_the_summary_says_where_there_is_no_sample_or_no_reading() -> None:
    html = tables.summary([part(CPU, []), part(RAM, [float("nan")] * 3)])
    assert "Consumo de CPU Sem amostras neste período" in visible(html)
    assert "Consumo de RAM Nenhuma leitura válida neste período" in visible(html)


def test_a_section_names_mean_change_and_extremes_with_their_first_times_and_no_coverage() -> None:
    html = tables.section(part(RESPONSE_TIME, [0.2, 0.1, 2.5, 0.1] * 540, [0.29] * 2160))
    assert visible(html) == (
        "Tempo de resposta 725 ms média ▲ 2,5× antes 290 ms 100 ms menor, 03:43 2,50 s maior, 03:43"
    )


def test_a_section_without_samples_has_dashes() -> None:
    assert visible(tables.section(part(RESPONSE_TIME, []))) == (
        "Tempo de resposta — média — sem período anterior — menor — maior"
    )


def test_a_share_that_did_not_move_has_no_arrow() -> None:
    assert "+0,4 p.p. antes 40,0%" in visible(tables.section(part(CPU, [0.404] * 4320, [0.4] * 4320)))
    assert "igual antes 40,0%" in visible(tables.section(part(CPU, [0.4] * 4320, [0.4] * 4320)))


def test_growth_from_zero_is_undefined_rather_than_none() -> None:
    assert "— antes 0 s" in visible(tables.section(part(RESPONSE_TIME, [3, 4] * 1080, [0, 0] * 1080)))


def test_growth_is_withheld_where_half_of_an_interval_is_missing_and_both_places_say_so() -> None:
    period = period_of(part(CPU, [0.5] * 4320, [0.1] * 2159), part(RAM, [0.5] * 4320, [0.1] * 4320))
    assert "▲" not in visible(tables.section(period.metrics[0]))
    assert "não comparado: poucas amostras" in visible(tables.section(period.metrics[0]))
    assert "▲ +40,0 p.p." in visible(tables.section(period.metrics[1]))
    assert visible(tables.trust(period)).endswith(
        "Não comparado: Consumo de CPU (o anterior tem só 50,0% das amostras; menos de 50% não basta)."
    )


def test_the_coverage_of_whole_intervals_says_that_nothing_is_wrong() -> None:
    period = period_of(part(CPU, [0.5] * 4320, [0.1] * 4320))
    assert visible(tables.trust(period)) == (
        "Dá para confiar? 4.320 de 4.320 amostras esperadas (100%). Nenhuma repetida nem fora de ritmo. Sem interrupção."
    )


def test_the_coverage_counts_what_is_irregular() -> None:
    whole = part(CPU, [0.5] * 4320, [0.1] * 4320)
    times = whole.current.time_ms.copy()
    times[1000:1003] = times[1000]
    times[2000] += 4000
    odd = replace(whole, current=replace(whole.current, time_ms=times), arrivals=Arrivals(late=12, ahead=1))
    assert (
        "Irregulares: 2 com hora repetida, 1 fora de ritmo (relógio atrasado ou dois coletores), 12 gravadas com mais"
        " de 1 min de atraso e 1 com hora adiantada em mais de 1 min (relógio do coletor)."
        in visible(tables.trust(period_of(odd)))
    )


def test_the_coverage_names_the_longest_gap_and_who_has_it() -> None:
    cut = part(CPU, [0.5] * 4320, [0.1] * 4320)
    kept = (cut.current.time_ms < cut.current.time_ms[720]) | (cut.current.time_ms > cut.current.time_ms[1008])
    current = cut.current
    gap = replace(cut, current=Columns(current.time_ms[kept], current.reading[kept], current.criticity[kept], ("low",)))
    assert "Maior interrupção: 24 min, das 04:43 às 05:07, em Consumo de CPU." in visible(
        tables.trust(period_of(gap, part(RAM, [0.1] * 4320)))
    )


def test_findings_say_how_grave_they_are_in_words_and_what_to_do() -> None:
    findings = (Finding("gap", "", CRITICAL, "Coleta parada desde 09:02", "São <b>.", "Confira."),)
    html = tables.findings(findings, period_of(part(CPU, [0.5])))
    assert visible(html) == ("O que mudou Crítico Coleta parada desde 09:02 São &lt;b&gt;. O que fazer: Confira.")


def test_a_quiet_period_says_so_and_what_it_was_compared_with() -> None:
    html = tables.findings((), period_of(part(CPU, [0.5] * 4320, [0.5] * 4320)))
    assert visible(html) == (
        "O que mudou Nada fora do normal em 1 métrica. Comparado com o período anterior. O que fazer: nada."
    )


def test_text_from_data_is_escaped() -> None:
    html = tables.summary([part(CPU, [0.5], names=["<script>x</script>"])])
    assert "<script" not in html
    assert "&lt;script&gt;" in html
