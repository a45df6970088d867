"""Reports as PDFs: no page but the last ends in a blank third, no heading leaves what it heads, and texts can be read."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import nbformat
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pycemaker.metrics import METRICS
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import Indexes
from pycemaker.reports.attachments.pdf import find_chromium, print_pdf
from pycemaker.reports.render import render_page
from pycemaker.tools.breaking_intervals import HardInterval, fill
from pycemaker.window import Window
from tests.services.sample_report import END, INDEXING_SECONDS, sample_report

TOOLS = ("pdftoppm", "pdftotext", "pdfimages")
pytestmark = pytest.mark.skipif(
    find_chromium() is None or not all(map(shutil.which, TOOLS)), reason="no Chromium or no poppler-utils here"
)

MARGIN = 12 / 297
"""The share of an A4 sheet that its upper margin takes, and its lower one."""

LEAST_POINTS = 7.0
FIGURE_TEXT_PIXELS = 18
"""The height of a figure's texts, where the figure is 560 CSS pixels wide."""

SECTION = re.compile(r'<div class="pm-section"><h2>(?P<heading>.*?)</h2>|<figure>')


@pytest.fixture(scope="module")
def history(mongod: embedded.EmbeddedMongod) -> str:
    """The address of a database with the samples of a week, of the one before, and of a day: one every 30 s."""
    url = f"{mongod.url}/test_on_paper"
    times = tuple(END - timedelta(seconds=30 * back) for back in reversed(range(15 * 24 * 120)))
    with closing(Database(url)) as database:
        Indexes(database).ensure(*(metric.collection for metric in METRICS), wait_seconds=INDEXING_SECONDS)
        fill(database, [HardInterval("15 days", END, 15 * 24, times)])
    return url


@pytest.mark.parametrize("hours", [6, 24, 168])
@pytest.mark.parametrize("notebook", ["report", "capacity", "fleet"])
def test_no_page_of_a_notebook_ends_in_a_blank_third_or_parts_a_heading_from_its_figure(
    history: str, tmp_path: Path, notebook: str, hours: int
) -> None:
    page = sample_report(history, tmp_path, notebook, hours).made.page
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(print_pdf(page))
    blanks = blank_shares(pdf)
    assert max(blanks[:-1], default=0.0) < 1 / 3, blanks
    headings, figures = headings_and_figures(page.full_html)
    images = figure_pages(pdf)
    assert heading_pages(pdf, headings) == [images[figure] for figure in figures]


def test_a_heading_stays_with_its_table_and_a_long_table_goes_on_overleaf(tmp_path: Path) -> None:
    cells = []
    for number in range(12):  # of different lengths, so that pages end at every part of one
        rows = "".join(f"<tr><td>linha {row} de {number}</td><td>1</td></tr>" for row in range(9 + 7 * number))
        table = f"<table><thead><tr><th>Nome</th><th>Valor</th></tr></thead><tbody>{rows}</tbody></table>"
        cells += [nbformat.v4.new_markdown_cell(f"## Tabela {number}"), nbformat.v4.new_markdown_cell(table)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "executed.ipynb")
    page = render_page(
        tmp_path / "executed.ipynb", Window(datetime(2022, 4, 10, tzinfo=UTC), 6), zone=ZoneInfo("America/Sao_Paulo")
    )
    pdf = tmp_path / "tables.pdf"
    pdf.write_bytes(print_pdf(page))
    blanks = blank_shares(pdf)
    assert max(blanks[:-1]) < 0.1, blanks
    headings = heading_pages(pdf, [f"Tabela {number}" for number in range(12)])
    assert headings == [page_of(pdf, f"linha 0 de {number}") for number in range(12)]


def blank_shares(pdf: Path) -> list[float]:
    """The share of each page, without its margins, that is blank at its foot."""
    run("pdftoppm", "-r", "50", "-gray", "-png", pdf, pdf.with_suffix(""))
    return [
        _blank_share(np.asarray(Image.open(path).convert("L"))) for path in sorted(pdf.parent.glob(f"{pdf.stem}-*.png"))
    ]


def _blank_share(sheet: NDArray[np.uint8]) -> float:
    top, foot = round(len(sheet) * MARGIN), round(len(sheet) * (1 - MARGIN))
    inked = np.flatnonzero((sheet[top:foot] < 250).any(axis=1))
    return float(1 - (inked[-1] + 1) / (foot - top))


def headings_and_figures(html: str) -> tuple[list[str], list[int]]:
    """The headings of the sections that have a figure, and each one's first figure, by its number in the page."""
    headings, firsts, figures, heading = [], [], 0, None
    for found in SECTION.finditer(html):
        if found["heading"]:
            heading = found["heading"]
            continue
        if heading:
            headings.append(heading)
            firsts.append(figures)
            heading = None
        figures += 1
    return headings, firsts


def figure_pages(pdf: Path) -> list[int]:
    """The page of each figure, 1 for the first, in their order; every one is legible."""
    rows = [line.split() for line in run("pdfimages", "-list", pdf).splitlines()[2:]]
    for row in rows:
        points = 72 * int(row[3]) / int(row[12])
        assert FIGURE_TEXT_PIXELS * points / 560 >= LEAST_POINTS
    return [int(row[0]) for row in rows]


def heading_pages(pdf: Path, headings: list[str]) -> list[int]:
    """The page of each of these headings, a line each, in their order."""
    lines = [
        (number, line.strip())
        for number, text in enumerate(run("pdftotext", "-layout", pdf, "-").split("\f"), 1)
        for line in text.splitlines()
    ]
    pages = []
    for heading in headings:
        while lines[0][1] != heading:
            del lines[0]
        pages.append(lines.pop(0)[0])
    return pages


def page_of(pdf: Path, words: str) -> int:
    """The page of a line that begins with these words."""
    texts = run("pdftotext", "-layout", pdf, "-").split("\f")
    return next(n for n, text in enumerate(texts, 1) if re.search(rf"^\s*{words}\b", text, re.MULTILINE))


def run(*command: str | Path) -> str:
    """The printed text of a command of poppler-utils."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
