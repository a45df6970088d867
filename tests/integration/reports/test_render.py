"""Rendering of executed notebooks with the real templates, hostile and broken notebooks included."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from pycemaker import brand
from pycemaker.errors import NothingToSend
from pycemaker.mail.compose import compose
from pycemaker.reports.mail_size import HTML_BYTES
from pycemaker.reports.message_lint import flaws
from pycemaker.reports.render import render_page, warm
from pycemaker.reports.report_model import Page
from pycemaker.settings import ROOT
from pycemaker.telemetry.check_runner import OK, WARN, Outcome
from pycemaker.tools import machine_checks
from tests.services.periods import SAO_PAULO, WINDOW

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BUSY = """
import sys
sys.path.insert(0, {root!r})
from pycemaker.presentation.notebook_functions import changes, figure, heading, health, moved, others, section, summary, trust
from pycemaker.presentation.figures import course
from tests.services.periods import busy_period
period = busy_period()
"""


def rendered(folder: Path, *cells: Any) -> Page:
    """The page of a notebook with these cells, outputs and all."""
    path = folder / "executed.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return render_page(path, WINDOW, zone=SAO_PAULO)


def shown(**content: str) -> Any:
    """A code cell that displayed this: `html`, `markdown`, `png`, `plain`."""
    kinds = {"html": "text/html", "markdown": "text/markdown", "png": "image/png", "plain": "text/plain"}
    bundle = {kinds[name]: text for name, text in content.items()}
    return new_code_cell("secret_code()", outputs=[new_output("display_data", bundle)])


def printed(text: str, name: str = "stdout") -> Any:
    return new_code_cell("print()", outputs=[new_output("stream", name=name, text=text)])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report notebook's own cells, run by papermill in a real kernel over a made-up period."""
    folder = tmp_path_factory.mktemp("report")
    notebook = nbformat.read(ROOT / "notebooks" / "report.ipynb", 4)
    for cell in notebook.cells:
        if "read_period" in cell.source:
            cell.source = BUSY.format(root=str(ROOT))
        if cell.source.startswith("alert_list"):  # the period is not in the database
            cell.source = ""
    notebook.cells.append(new_code_cell('figure(course(period["cpu"]))'))
    nbformat.write(notebook, folder / "in.ipynb")
    papermill.execute_notebook(
        str(folder / "in.ipynb"),
        str(folder / "executed.ipynb"),
        parameters={"date_now": "10-04-2022-09-43-23", "time_range": 6},
        kernel_name="python3",
        progress_bar=False,
    )
    return render_page(folder / "executed.ipynb", WINDOW, zone=SAO_PAULO)


MOVED, OTHERS = ["response_time", "request_count", "http_fail"], ["cpu", "ram", "disk"]


def test_the_page_has_a_figure_a_metric_one_of_small_courses_and_one_of_its_own_under_another_name(
    report: Page,
) -> None:
    expected = ["health.png", *(f"{metric}-course.png" for metric in MOVED), "courses.png"]
    expected += [f"{metric}-course.png" for metric in OTHERS]
    assert [figure.name for figure in report.figures] == [*expected, "cpu-course-2.png"]
    assert all(figure.png.startswith(b"\x89PNG") for figure in report.figures)
    assert all(f'src="figure:{figure.name}"' in report.full_html for figure in report.figures)


def test_the_mail_has_what_moved_whole_and_the_others_as_a_line_and_a_small_course(report: Page) -> None:
    expected = [*(f"{metric}-course.png" for metric in MOVED), "courses.png", "cpu-course-2.png"]
    assert [figure.name for figure in report.mailed_figures] == expected
    assert re.findall(r"<h2[^>]*>([^<]*)", report.html) == [
        *("O que mudou", "Tempo de resposta", "Número de requisições", "Falhas HTTP", "As demais métricas")
    ]
    rows = re.findall(r'<th [^>]*scope="row"[^>]*>([^<]*)', report.html)
    assert rows == ["Consumo de CPU", "Consumo de RAM", "Consumo de disco"]


def test_every_picture_of_the_mail_is_a_figure_with_width_and_sentence(report: Page) -> None:
    pictures = re.findall(r"<img [^>]*>", report.html)
    assert len(pictures) == len(report.mailed_figures) == 5
    for picture, figure in zip(pictures, report.mailed_figures, strict=True):
        assert f'src="figure:{figure.name}"' in picture
        assert 'width="560"' in picture
        assert f'alt="{figure.alt}"' in picture
        assert "de 03:43 a 09:43 de 10/04/2022: " in figure.alt


def test_the_report_shows_neither_code_nor_parameters(report: Page) -> None:
    for hidden in (
        "pycemaker.presentation.notebook_functions",
        "papermill",
        "time_range",
        "date_now",
        "busy_period",
        "remove-cell",
        "Traceback",
    ):
        assert hidden not in report.html
        assert hidden not in report.text


def test_the_report_is_a_page_that_mail_clients_take(report: Page) -> None:
    assert len(report.html.encode()) < 50_000
    assert report.html.startswith('<!DOCTYPE html><html lang="pt-BR"')
    assert report.html.index('<meta charset="utf-8">') < 500
    for forbidden in ("<script", "<link", "data:", "mathjax", "@import", "url(", "var(--", "http://", "javascript:"):
        assert forbidden not in report.html.lower()
    body = report.html.split("</head>")[1]
    assert "<style" not in body
    assert all('width="' in table for table in re.findall(r"<table[^>]*>", body))


def test_the_report_has_one_first_heading_and_a_second_one_a_part(report: Page) -> None:
    assert re.findall(r"<(h\d)", report.html) == ["h1", *["h2"] * 5]


def test_the_text_part_reads_like_a_report(report: Page) -> None:
    lines = report.text.splitlines()
    assert lines[:5] == [
        "Pycemaker · relatório",
        "",
        "10/04/2022, 03:43 a 09:43",
        "=========================",
        "",
    ]
    table = next(
        place for place, line in enumerate(lines) if line.split() == ["Métrica", "Média", "Pior", "criticidade"]
    )
    assert lines[table + 1].startswith("Consumo de CPU ")
    assert max(map(len, lines)) <= 78
    assert "[Consumo de CPU de 03:43 a 09:43 de 10/04/2022: média" in report.text


SUBJECT = "Tempo de resposta em estado crítico por 25 min às 07:26 — Pycemaker, 10/04/2022 09:43, 6 h"


def test_the_first_finding_is_the_subject_and_the_preview(report: Page) -> None:
    assert report.subject == SUBJECT
    assert f"<title>{SUBJECT}</title>" in report.html
    preview = re.search(r'<div[^>]*class="pm-preheader"[^>]*>([^<]*)</div>', report.html)
    assert preview is not None
    assert preview[1].startswith("De uma só vez, das 07:26 às 07:51.")
    for way in ("display: none", "max-height: 0", "mso-hide: all", "opacity: 0"):
        assert way in preview[0]
    assert report.html.index("<body") < report.html.index('"pm-preheader"') < report.html.index('"pm-page-in"')
    assert "De uma só vez, das 07:26 às 07:51." in report.text
    assert "\u034f" not in report.text


def test_a_notebook_without_findings_keeps_the_plain_subject(tmp_path: Path) -> None:
    page = rendered(tmp_path, shown(html="<p>bom dia</p>"))
    assert page.subject == "Relatório Pycemaker: 10/04/2022, 03:43 a 09:43 (6 h)"


def test_another_brand_is_all_that_readers_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logo = "https://farol.example/logo.png"
    farol = replace(brand.load(), name="Farol & Cia", logo=logo, subject_prefix="[ops] ")
    monkeypatch.setattr(brand, "load", lambda: farol)
    page = rendered(tmp_path, shown(html="<p>bom dia</p>"))
    assert page.subject == "[ops] Relatório Farol & Cia: 10/04/2022, 03:43 a 09:43 (6 h)"
    for html in (page.html, page.full_html):
        assert f'src="{logo}"' in html
        assert "Farol &amp; Cia" in html
        assert "Pycemaker" not in html


def branded(monkeypatch: pytest.MonkeyPatch, folder: Path, logo: str) -> None:
    own = replace(brand.load(), logo=logo)
    monkeypatch.setattr(brand, "load", lambda: own)
    monkeypatch.setattr(brand, "FILE", folder / "brand.json")


@pytest.mark.parametrize("name", ["Logo da Loja.PNG", "logo.jpg", "logo.svg"])
def test_a_logo_beside_the_brand_file_travels_with_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    branded(monkeypatch, tmp_path, name)
    if name.endswith("svg"):
        (tmp_path / name).write_text('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>')
    else:
        Image.new("RGB", (300, 300), "red").save(tmp_path / name)
    page = rendered(tmp_path, shown(html="<p>bom dia</p>"))
    assert [figure.name for figure in page.figures] == ["-logo.png"]
    assert Image.open(io.BytesIO(page.figures[0].png)).size == (96, 96)
    for html in (page.html, page.full_html):
        assert 'src="figure:-logo.png"' in html
    message = compose(page, "ana@example.com", None, sender="reports@example.com")
    assert flaws(message, page.full_html) == []
    assert "figure:" not in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert page.left_out == ()
    assert machine_checks.check_brand() == Outcome(OK, "Pycemaker")


@pytest.mark.parametrize(
    ("logo", "problem"),
    [
        ("missing.png", "there is no such file beside brand.json"),
        ("broken.png", "it is no picture that can be read"),
        ("../secret.png", "it takes an https:// address, or the name of a picture beside brand.json"),
        ("http://farol.example/logo.png", "it takes an https:// address"),
        ("brand.json", "it takes an https:// address"),
    ],
)
def test_a_logo_that_cannot_be_shown_leaves_the_initial_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logo: str, problem: str
) -> None:
    branded(monkeypatch, tmp_path, logo)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page = rendered(tmp_path, shown(html="<p>bom dia</p>"))
    assert flaws(compose(page, "ana@example.com", None, sender="reports@example.com"), page.full_html) == []
    assert ">P</span>" in page.html
    (named,) = page.left_out
    assert named.startswith(f"logo {logo!r} in brand.json: {problem}")
    outcome = machine_checks.check_brand()
    assert (outcome.level, outcome.message) == (WARN, named)


def test_what_a_notebook_says_for_the_subject_is_one_line_of_text(tmp_path: Path) -> None:
    cell = shown(html="<p>bom dia</p>")
    cell.outputs[0].metadata["pycemaker"] = {"headline": "a\r\nBcc: x@y.z <script>", "preheader": "<img src=x>" * 99}
    page = rendered(tmp_path, cell)
    assert page.subject == "a Bcc: x@y.z <script> — Pycemaker, 10/04/2022 09:43, 6 h"
    assert "<script" not in page.html + page.full_html
    assert "<img src=x" not in page.html
    assert page.html.count("&lt;img src=x&gt;") < 25


def test_a_head_that_is_no_text_is_as_good_as_none(tmp_path: Path) -> None:
    cell = shown(html="<p>bom dia</p>")
    cell.outputs[0].metadata["pycemaker"] = {"headline": ["a"], "preheader": 3}
    assert rendered(tmp_path, cell).subject.startswith("Relatório Pycemaker: ")


def test_the_page_has_everything_that_the_mail_leaves_out_in_a_stated_order(tmp_path: Path) -> None:
    cells = [
        printed("linha\n" * 600),
        *(shown(html=f"<table><tr><td>{n} {'x' * 15000}</td></tr></table>") for n in range(9)),
    ]
    page = rendered(tmp_path, *cells)
    assert len(page.html.encode()) <= HTML_BYTES
    assert "linha" not in page.html
    assert [n for n in range(9) if f"{n} xxx" in page.html] == [0, 1, 2, 3, 4]
    assert "Este e-mail seria grande demais: 5 partes ficaram de fora dele" in page.html
    assert [n for n in range(9) if f"{n} xxx" in page.full_html] == [*range(9)]
    assert "linha" in page.full_html


def test_the_mail_links_to_the_page_where_there_is_a_public_url(tmp_path: Path) -> None:
    path = tmp_path / "executed.ipynb"
    nbformat.write(new_notebook(cells=[shown(html="<p>bom dia</p>")]), path)
    page = render_page(path, WINDOW, "an-id", zone=SAO_PAULO, public_url="https://metricas.exemplo.com")
    assert 'href="https://metricas.exemplo.com/reports/an-id"' in page.html
    assert "(https://metricas.exemplo.com/reports/an-id)" in page.text
    assert "Ver no navegador" not in rendered(tmp_path, shown(html="<p>bom dia</p>")).html


def test_the_page_for_a_browser_has_no_script_and_its_figures_open_large(report: Page) -> None:
    assert "<script" not in report.full_html
    assert report.full_html.count('<a href="figure:') == len(report.figures)
    assert "prefers-color-scheme: dark" in report.full_html
    assert "@media print" in report.full_html
    assert re.findall(r"<(h\d)", report.full_html) == ["h1", *["h2"] * 8]


def test_scripts_frames_and_handlers_from_a_cell_are_gone(tmp_path: Path) -> None:
    hostile = (
        '<p onclick="a()" style="color: red; position: fixed; background: url(https://x.y/z)">bom dia</p>'
        "<script>alert(1)</script><SCRIPT src='//x'></SCRIPT><iframe src='https://x.y'></iframe>"
        "<img src=x onerror=alert(1)><svg onload=alert(1)></svg><form action=/><input></form>"
        "<a href='javascript:alert(1)'>um</a> <a href='https://a.b/c'>dois</a>"
        "<link rel=stylesheet href=//x><meta http-equiv=refresh content=0></td></tr></table></body>"
    )
    page = rendered(tmp_path, shown(html=hostile), new_markdown_cell("<script>alert(2)</script>*tchau*"))
    for forbidden in ("script", "alert", "onclick", "onerror", "onload", "iframe", "form", "position", "url(", "link "):
        assert forbidden not in page.html.split("</head>")[1].replace("format", "")
    assert re.search(r'<p style="[^"]*color: red">bom dia</p>', page.html)
    assert '<a href="https://a.b/c"' in page.html
    assert page.html.count("</body>") == 1
    assert "bom dia" in page.text
    assert "tchau" in page.text


def test_a_table_of_pandas_keeps_its_style(tmp_path: Path) -> None:
    styled = (
        '<style type="text/css">#T_1_row0_col0 { background-color: gold }</style>'
        '<table id="T_1"><tr><td id="T_1_row0_col0">4,5</td></tr></table>'
    )
    page = rendered(tmp_path, shown(html=styled, plain="<Styler>"))
    assert re.search(r'<td style="[^"]*background-color: gold">4,5</td>', page.html)
    assert "T_1" not in page.html


def test_a_figure_without_metadata_gets_a_name_a_width_and_a_sentence(tmp_path: Path) -> None:
    page = rendered(tmp_path, shown(png=PIXEL, plain="<Figure>"), shown(png=PIXEL, html="<script>plotly</script>"))
    assert [figure.name for figure in page.figures] == ["figura-1.png", "figura-2.png"]
    assert page.figures[0].alt == "Figura 1 do relatório, sem descrição."
    assert re.search(r'<img [^>]*src="figure:figura-1.png"[^>]* width="1"', page.html)


def test_a_figure_that_is_drawn_and_returned_by_one_cell_is_shown_once(tmp_path: Path) -> None:
    twice = new_code_cell(outputs=[new_output("display_data", {"image/png": PIXEL}) for _ in range(2)])
    assert len(rendered(tmp_path, twice).figures) == 1


def test_a_figure_cannot_choose_a_name_that_is_a_path_or_markup(tmp_path: Path) -> None:
    cell = shown(png=PIXEL)
    cell.outputs[0]["metadata"] = {"filename": '../../etc/"><b>Açaí.png', "image/png": {"alt": 'a "b" <c>'}}
    page = rendered(tmp_path, cell)
    assert page.figures[0].name == "etc-b-acai.png"
    assert page.figures[0].alt == 'a "b" <c>'
    assert 'alt="a &quot;b&quot; <c>"' in page.html


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    broken = [shown(png="!"), shown(png=b64encode(b"<svg/>").decode()), shown(png="")]
    assert rendered(tmp_path, new_markdown_cell("texto"), *broken).figures == ()


def test_printed_text_is_shown_and_stderr_is_not(tmp_path: Path) -> None:
    page = rendered(tmp_path, printed("\x1b[31m3 < 4\x1b[0m\n10%\r20%\rfim\x00\n"), printed("aviso", "stderr"))
    assert re.search(r"<pre[^>]*>3 &lt; 4\nfim</pre>", page.html)
    assert "aviso" not in page.html


def test_printing_50_mb_costs_neither_memory_nor_time_nor_the_budget(tmp_path: Path) -> None:
    path = tmp_path / "executed.ipynb"
    flood = {"output_type": "stream", "name": "stdout", "text": ["0123456789" * 10 + "\n"] * 500_000}
    cell = {"cell_type": "code", "id": "a", "source": "", "metadata": {}, "execution_count": 1, "outputs": [flood]}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}))
    warm()
    started = time.perf_counter()
    page = render_page(path, WINDOW, zone=SAO_PAULO)
    assert time.perf_counter() - started < 5
    assert len(page.html) < 12_000
    assert "[... e mais 50495904 caracteres]" in page.html


def test_a_page_over_the_budget_loses_its_largest_texts_and_says_so(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>{n}</td><td>{n * n}</td></tr>" for n in range(1200))
    small = "<p>o que importa</p>"
    page = rendered(tmp_path, *[shown(html=f"<table>{rows}</table>") for _ in range(6)], shown(html=small))
    assert len(page.html.encode()) <= HTML_BYTES
    assert "o que importa" in page.html
    assert "é grande demais para um e-mail e ficou de fora" in page.html


def test_one_text_too_long_for_any_mail_is_left_out_alone(tmp_path: Path) -> None:
    page = rendered(tmp_path, shown(html="<p>" + "x" * 50_000_000 + "</p>"), new_markdown_cell("resto"))
    assert "ficou de fora" in page.text
    assert "resto" in page.text


def test_a_partly_run_notebook_gives_what_there_is(tmp_path: Path) -> None:
    failed = new_code_cell(outputs=[new_output("error", ename="E", evalue="secret", traceback=["/home/secret"])])
    page = rendered(tmp_path, shown(html="<p>antes</p>"), failed, new_code_cell("never_run()"))
    assert "antes" in page.text
    assert "Esta parte do relatório não pôde ser calculada." in page.text
    assert "secret" not in page.html


def test_markdown_cells_and_outputs_are_shown_unless_tagged(tmp_path: Path) -> None:
    hidden = new_markdown_cell("escondido", metadata={"tags": ["remove-cell"]})
    page = rendered(
        tmp_path, new_markdown_cell("## Título\n\n- *item* $x$"), shown(markdown="| a |\n|--|\n| b |"), hidden
    )
    assert re.search(r"<h2[^>]*>Título</h2>", page.html)
    assert "Título\n------\n\n  * item" in page.text
    assert re.search(r"<td[^>]*>b</td>", page.html)
    assert "escondido" not in page.html


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [new_code_cell("x = 1")],
        [new_markdown_cell(" \n")],
        [shown(html="<div> </div>")],
        [printed("só o stderr", "stderr")],
        [shown(plain="<Axes>")],
    ],
)
def test_a_notebook_that_left_nothing_is_nothing_to_send(tmp_path: Path, cells: list[Any]) -> None:
    with pytest.raises(NothingToSend):
        rendered(tmp_path, *cells)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 1}', '{"cells": [1]}', "null"])
def test_what_is_no_notebook_is_nothing_to_send(tmp_path: Path, content: str) -> None:
    path = tmp_path / "executed.ipynb"
    path.write_text(content)
    with pytest.raises(NothingToSend):
        render_page(path, WINDOW, zone=SAO_PAULO)


def test_links_stand_at_the_foot(tmp_path: Path) -> None:
    path = tmp_path / "executed.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("oi")]), path)
    page = render_page(path, WINDOW, zone=SAO_PAULO, links={"Abrir o painel": "https://painel.example/?a=1&b=2"})
    assert '<a href="https://painel.example/?a=1&amp;b=2"' in page.html
    assert "[Abrir o painel](https://painel.example/?a=1&b=2)" in page.text


def test_what_is_for_the_page_alone_is_not_in_the_mail_and_keeps_the_figures_names(tmp_path: Path) -> None:
    first, second = shown(png=PIXEL), shown(png=PIXEL)
    first.outputs[0].metadata["pycemaker"] = {"only": "page"}
    page = rendered(tmp_path, first, second, shown(html="<p>texto</p>"))
    assert [figure.name for figure in page.figures] == ["figura-1.png", "figura-2.png"]
    assert [figure.name for figure in page.mailed_figures] == ["figura-2.png"]
    assert "figure:figura-1.png" in page.full_html
    assert "figure:figura-1.png" not in page.html


READS_WITHOUT_COMPILING = """
from pycemaker.reports.render import warm
warm()
import fastjsonschema, nbformat
fastjsonschema.compile = None
nbformat.read("notebooks/report.ipynb", 4)
"""


def test_a_warm_process_has_compiled_the_schema_of_notebooks() -> None:
    subprocess.run([sys.executable, "-c", READS_WITHOUT_COMPILING], cwd=ROOT, check=True)
