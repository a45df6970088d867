"""Kinds of outputs in executed notebooks: what the mail shows of each, and the notice for the rest."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from IPython.core.formatters import HTMLFormatter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from pycemaker.errors import NothingToSend
from pycemaker.reports.local_pictures import keep_local_pictures
from pycemaker.reports.render import render_page
from pycemaker.reports.report_model import Page
from tests.services.periods import SAO_PAULO, WINDOW, busy_period

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100"><rect width="300" height="100" fill="red"/></svg>'
)


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> str:
    held = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(held, kind)
    return b64encode(held.getvalue()).decode()


def rendered(folder: Path, *cells: Any, public_url: str | None = None) -> Page:
    path = folder / "executed.ipynb"
    path.write_text(json.dumps(new_notebook(cells=list(cells))))
    if (folder / "img").exists():
        keep_local_pictures(path, folder)
    return render_page(path, WINDOW, "Zm9vYmFy", zone=SAO_PAULO, public_url=public_url)


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None, **cell: Any) -> Any:
    output = new_output("display_data", data, metadata=metadata or {})
    return new_code_cell("code()", outputs=[output], **cell)


def sizes(page: Page) -> list[tuple[int, int]]:
    return [Image.open(io.BytesIO(figure.png)).size for figure in page.figures]


def widths(page: Page) -> list[str]:
    return [re.search(r' width="(\d+)"', tag)[1] for tag in re.findall(r"<img [^>]*>", page.html)]  # type: ignore[index]


def test_what_a_player_says_where_there_is_none_is_not_shown_beside_the_reports_own_sentence(tmp_path: Path) -> None:
    player = '<audio controls><source src="a.wav"/>Your browser does not support the audio element.</audio><p>after</p>'
    text = rendered(tmp_path, shown({"text/html": player})).text
    assert "áudio" in text
    assert "after" in text
    assert "Your browser" not in text


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_pictures_of_any_kind_are_png_in_the_mail(tmp_path: Path, kind: str) -> None:
    page = rendered(tmp_path, shown({f"image/{kind.lower()}": picture(kind), "text/plain": "<Image>"}))
    assert sizes(page) == [(40, 20)]
    assert page.figures[0].png.startswith(b"\x89PNG")


def test_svg_is_drawn_at_twice_its_width(tmp_path: Path) -> None:
    page = rendered(tmp_path, shown({"image/svg+xml": SVG, "text/plain": "<SVG>"}))
    assert sizes(page) == [(600, 200)]
    assert widths(page) == ["300"]


def test_svg_of_matplotlib_is_in_points(tmp_path: Path) -> None:
    svg = '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd">' + SVG
    page = rendered(tmp_path, shown({"image/svg+xml": svg.replace('"300"', '"300pt"', 1)}))
    assert widths(page) == ["400"]


@pytest.mark.parametrize(
    "image", ['<image href="{}"/>', "<image href='{}'/>", '<image y:href="{}" xmlns:y="http://www.w3.org/1999/xlink"/>']
)
def test_svg_shows_no_file_of_this_machine(tmp_path: Path, image: str) -> None:
    Image.new("RGB", (300, 100), (0, 0, 255)).save(tmp_path / "blue.png")
    drawn = SVG.replace("</svg>", image.format(tmp_path / "blue.png") + "</svg>")
    page = rendered(tmp_path, shown({"image/svg+xml": drawn}))
    assert Image.open(io.BytesIO(page.figures[0].png)).convert("RGB").getcolors() == [(600 * 200, (255, 0, 0))]


def test_a_figure_larger_than_the_mail_shows_has_twice_its_pixels(tmp_path: Path) -> None:
    page = rendered(tmp_path, shown({"image/png": picture(size=(4000, 1000))}))
    assert sizes(page) == [(1120, 280)]
    assert widths(page) == ["560"]


PLAIN = "p95    0.91\np50    0.40\nName: cpu, dtype: float64"


def test_a_plain_result_is_shown_as_jupyter_shows_it(tmp_path: Path) -> None:
    page = rendered(tmp_path, shown({"text/plain": PLAIN}))
    assert f">{PLAIN}</pre>" in page.html
    assert PLAIN in page.text


@pytest.mark.parametrize(
    "plain",
    ["<Axes: xlabel='x'>", "[<matplotlib.lines.Line2D at 0x7f00>]", "Text(0.5, 1.0, 'título')", "<BarContainer object of 3 artists>"],
)  # fmt: skip
def test_the_name_of_a_drawing_s_object_is_no_result(tmp_path: Path, plain: str) -> None:
    assert "<pre" not in rendered(tmp_path, new_markdown_cell("oi"), shown({"text/plain": plain})).html


def test_json_is_unfolded_and_a_formula_drawn(tmp_path: Path) -> None:
    page = rendered(
        tmp_path,
        shown({"application/json": {"a": ["é"]}, "text/plain": "<IPython.core.display.JSON object>"}),
        shown({"text/latex": r"$\displaystyle \frac{1}{2}$", "text/plain": "1/2"}),
        shown({"text/latex": r"$\begin{array}{c}x\end{array}$", "text/plain": "x"}),
    )
    assert '{\n  "a": [\n    "é"\n  ]\n}</pre>' in page.html
    assert len(page.figures) == 1
    assert r"\begin{array}" in page.text


def test_attached_local_and_embedded_pictures_of_texts_are_figures_where_they_stood(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    Image.new("RGB", (30, 10)).save(tmp_path / "img" / "meu logo.png")
    (tmp_path / "img" / "plan.svg").write_text(SVG)
    attached = new_markdown_cell("um ![plano](attachment:plan.png) dois")
    attached["attachments"] = {"plan.png": {"image/png": picture()}}
    page = rendered(
        tmp_path,
        attached,
        new_markdown_cell("![logo](<img/meu logo.png>) ![desenho](img/plan.svg)"),
        shown({"text/html": f'<p>a</p><img src="data:image/png;base64,{picture()}" alt="dentro" width="20">'}),
        shown({"text/html": f"<div>{SVG}</div>"}),
    )
    assert [figure.name for figure in page.figures] == [
        "plan.png",
        "meu-logo.png",
        "plan-2.png",
        "figura-4.png",
        "figura-5.png",
    ]
    assert widths(page) == ["40", "30", "300", "20", "300"]
    assert [figure.alt for figure in page.figures][:4] == ["plano", "logo", "desenho", "dentro"]
    assert page.html.index("um ") < page.html.index("figure:plan.png") < page.html.index("dois")
    assert page.left_out == ()


@pytest.mark.parametrize(
    ("markdown", "why"),
    [
        ("![x](attachment:gone.png)", "no such attachment"),
        ("![x](img/gone.png)", "there is no such file"),
        ("![x](../outside.png)", "there is no such file"),
        ("![x](/etc/logo.png)", "there is no such file"),
        ("![x](https://a.example/x.png)", "it is on the web, where nothing is fetched from"),
        ("![x](img/broken.png)", "it is no picture that can be read (UnidentifiedImageError)"),
        ("![x](data:image/png;base64,AAAA)", "it is no picture that can be read (UnidentifiedImageError)"),
    ],
)
def test_a_picture_that_is_not_shown_leaves_a_sentence_and_a_line(tmp_path: Path, markdown: str, why: str) -> None:
    folder = tmp_path / "notebooks"
    (folder / "img").mkdir(parents=True)
    (folder / "img" / "broken.png").write_text("x")
    Image.new("RGB", (30, 10)).save(tmp_path / "outside.png")
    page = rendered(folder, new_markdown_cell("texto"), new_markdown_cell(markdown))
    assert page.figures == ()
    assert "[imagem que não pôde ser mostrada: x]" in page.html
    assert len(page.left_out) == 1
    assert page.left_out[0].startswith("cell 2: picture ")
    assert page.left_out[0].endswith(why)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "IntSlider()"}, "ipywidgets"),
        ({"application/javascript": "x()", "text/plain": "<IPython.core.display.Javascript object>"}, "JavaScript"),
        ({"application/javascript": "x()", "application/vnd.bokehjs_exec.v0+json": ""}, "bokeh"),
        (
            {"application/vnd.plotly.v1+json": {}, "text/html": "<div id='a'></div><script>x</script>"},
            "plotly",
        ),
        ({"text/html": "<style>a {}</style><div id='altair-viz'></div><script>x</script>"}, "gráfico"),
        ({"text/html": "<iframe src='https://x.example'></iframe>"}, "página embutida"),
        ({"text/html": "<video controls></video>"}, "vídeo"),
    ],
)
def test_what_only_a_script_shows_is_a_sentence_with_a_link_and_a_line(
    tmp_path: Path, data: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycemaker.reports.chart_exporters.find_spec", lambda _name: None)
    page = rendered(tmp_path, new_markdown_cell("a"), shown(data), public_url="https://monitor.example.com")
    sentence = f"Aqui há um conteúdo interativo ({kind}), que só funciona no Jupyter."
    assert f"<em>{sentence}</em> <a" in page.html
    assert 'href="https://monitor.example.com/reports/Zm9vYmFy"' in page.html.split(sentence)[1]
    assert 'href="https://monitor.example.com/reports/Zm9vYmFy.ipynb"' in page.full_html.split(sentence)[1]
    assert [line.split(":")[0] for line in page.left_out] == ["cell 2"]


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": "<style>p {}</style><script>x</script>"},
        {"application/javascript": "x", "application/vnd.bokehjs_load.v0+json": ""},
        {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<div></div>"},
        {"text/plain": "  0%|          | 0/3 [00:00<?, ?it/s]", "application/vnd.jupyter.widget-view+json": {}},
    ],
)
def test_what_shows_nothing_in_jupyter_says_nothing_here(tmp_path: Path, data: dict[str, Any]) -> None:
    page = rendered(tmp_path, new_markdown_cell("a"), shown(data))
    assert page == rendered(tmp_path, new_markdown_cell("a"))


HIDDEN = [
    *[{"tags": [tag]} for tag in ("remove-cell", "remove_cell", "hide-cell", "hide_cell", "remove-output", "remove_output", "hide-output", "Hide_Output")],
    {"jupyter": {"outputs_hidden": True}},
    {"collapsed": True},
]  # fmt: skip


@pytest.mark.parametrize("metadata", HIDDEN, ids=str)
def test_what_its_author_hid_is_not_mailed(tmp_path: Path, metadata: dict[str, Any]) -> None:
    hidden = [new_output("display_data", {"text/html": "<p>escondido</p>"})]
    page = rendered(tmp_path, new_markdown_cell("a"), new_code_cell("x", metadata=metadata, outputs=hidden))
    assert "escondido" not in page.html + page.full_html + page.text


@pytest.mark.parametrize("metadata", [{"tags": ["remove-input"]}, {"tags": ["hide-input"]}, {"jupyter": {"source_hidden": True}}], ids=str)  # fmt: skip
def test_hidden_code_still_shows_its_outputs(tmp_path: Path, metadata: dict[str, Any]) -> None:
    cell = new_code_cell("x", metadata=metadata, outputs=[new_output("display_data", {"text/html": "<p>à vista</p>"})])
    assert "à vista" in rendered(tmp_path, cell).text


def test_sys_exit_is_an_early_end_and_no_fault(tmp_path: Path) -> None:
    ended = new_code_cell("x", outputs=[new_output("error", ename="SystemExit", evalue="0", traceback=[])])
    page = rendered(tmp_path, new_markdown_cell("nada de novo"), ended)
    assert "não pôde ser calculada" not in page.html


@pytest.mark.parametrize(("name", "value"), [("SystemExit", "1"), ("ZeroDivisionError", "division by zero")])
def test_an_error_is_said_in_its_place(tmp_path: Path, name: str, value: str) -> None:
    failed = new_code_cell("x", outputs=[new_output("error", ename=name, evalue=value, traceback=[])])
    assert "não pôde ser calculada" in rendered(tmp_path, new_markdown_cell("antes"), failed).html


def test_headings_alone_are_nothing_to_send_and_text_below_one_is(tmp_path: Path) -> None:
    with pytest.raises(NothingToSend):
        rendered(tmp_path, new_markdown_cell("# Um relatório\n\n## Parte"))
    assert "texto" in rendered(tmp_path, new_markdown_cell("# Um relatório\n\ntexto")).text


def test_a_piece_that_breaks_a_library_leaves_a_sentence_and_its_cell(tmp_path: Path) -> None:
    half_a_pair = {"text/html": "<style>p { color: red }</style><p>meio \ud800 par</p>"}
    page = rendered(tmp_path, new_markdown_cell("antes"), shown(half_a_pair), new_markdown_cell("depois"))
    assert re.search(r"antes.*<em>Esta parte do relatório não pôde ser mostrada\.</em>.*depois", page.html, re.DOTALL)
    assert [line.partition(" 'utf-8'")[0] for line in page.left_out] == ["cell 2: render: UnicodeEncodeError:"]


def test_signs_that_no_font_has_are_named_with_their_cell(tmp_path: Path) -> None:
    warned = r"UserWarning: Glyph 20013 (\N{CJK UNIFIED IDEOGRAPH-4E2D}) missing from font(s) DejaVu Sans."
    cell = new_code_cell("x", outputs=[new_output("stream", name="stderr", text=warned)])
    assert rendered(tmp_path, new_markdown_cell("a"), cell).left_out == (
        "cell 2: figures lack the signs '中': install fonts-noto-cjk",
    )


def test_a_vega_lite_chart_is_a_picture_at_twice_its_shown_width(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    chart = {
        "data": {"values": [{"a": 1}]},
        "mark": "bar",
        "width": 200,
        "height": 100,
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    page = rendered(tmp_path, shown({"application/vnd.vegalite.v6+json": chart, "text/html": "<div id='a'></div>"}))
    ((pixels, _height),) = sizes(page)
    assert 400 < pixels < 500
    assert widths(page) == [str(pixels // 2)]


def test_a_wide_table_scrolls_within_its_row(tmp_path: Path) -> None:
    row = "".join(f"<td>coluna_{number}</td>" for number in range(40))
    page = rendered(tmp_path, shown({"text/html": f"<table class='dataframe'><tr>{row}</tr></table>"}))
    assert re.search(r'<div [^>]*class="pm-cell"[^>]*overflow-x: auto', page.html)
    assert ".pm-row .pm-cell { max-width: calc(100vw - 28px) !important }" in page.html


def figures_shown(folder: Path, *sources: str) -> Page:
    """What a kernel with matplotlib's inline backend makes of these cells, rendered."""
    notebook, executed = folder / "in.ipynb", folder / "executed.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), notebook)
    papermill.execute_notebook(str(notebook), str(executed), kernel_name="python3", progress_bar=False)
    return render_page(executed, WINDOW, "Zm9vYmFy", zone=SAO_PAULO)


def test_a_figure_of_ones_own_is_shown_once_and_its_author_hears_of_a_second_time(tmp_path: Path) -> None:
    imports = "from matplotlib import pyplot as plt\nfrom pycemaker import figure, picture"
    draw = "fig, axes = plt.subplots()\naxes.plot([1, {}])"
    page = figures_shown(
        tmp_path,
        imports,
        draw.format(2) + "\nfigure(picture(fig, 'one', 'One.'))",
        draw.format(3) + "\nplt.show()\nfig",
        draw.format(4) + "\nplt.show()\nfigure(picture(fig, 'two', 'Two.'))",
        draw.format(5),
        "fig",
        draw.format(6) + "\npicture(fig, 'three', 'Three.')",
    )
    assert [figure.name for figure in page.figures] == [
        *("one.png", "figura-2.png", "figura-3.png", "two.png", "figura-5.png", "figura-6.png", "three.png"),
    ]
    assert page.remarks == (
        "cell 4: shows a figure that this cell has shown already: leave plt.show() out",
        "cell 6: shows a figure that cell 5 has shown already: show it once",
    )


def test_a_period_and_a_dump_at_the_end_of_a_cell_are_remarked(tmp_path: Path) -> None:
    period, as_html = busy_period(), HTMLFormatter()
    outputs = [
        new_output("execute_result", {"text/html": as_html(own), "text/plain": repr(own)}, execution_count=1)
        for own in (period, period["cpu"])
    ]
    page = rendered(
        tmp_path,
        new_code_cell("period", outputs=outputs[:1]),
        new_code_cell("period['cpu']", outputs=outputs[1:]),
        new_code_cell(
            "list(period['cpu'].current.reading)",
            outputs=[new_output("execute_result", {"text/plain": "0.5, " * 9_000})],
        ),
        new_code_cell("print(1)", outputs=[new_output("stream", text="1")]),
    )
    assert "Consumo de CPU" in page.html
    assert [remark.partition(":")[0] for remark in page.remarks] == ["cell 1", "cell 2", "cell 3"]
    assert page.remarks[2] == "cell 3: readers see 4096 of 45000 characters of text"
