"""Hostile notebooks through the real renderers into mail and page, in a real browser: nothing runs, and nothing is
fetched, neither by the reader's program nor by ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pycemaker.reports.render import render_page
from pycemaker.reports.report_model import Page
from tests.services.canary import CHROMIUM, Canary, canary, show_in_chromium
from tests.services.hostile import FETCHES, MARKDOWN, RUNS, filled
from tests.services.periods import SAO_PAULO, WINDOW

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LAST = "the last cell is still there"
A_REPORT = 40
"""Samples to a report: as many as fit into a mail."""
POKED = '<script src="/poke.js"></script><script>new Image().src = location.pathname.replace("page", "poked")</script>'
"""Touches everything, then says that it has."""


@pytest.fixture(scope="module")
def bird() -> Iterator[Canary]:
    with canary() as started:
        yield started


@pytest.fixture(scope="module")
def reports(bird: Canary, tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    """All the samples as outputs, as text cells, as printed text, and in the metadata of a figure: a few to a report."""
    html = filled([*RUNS, *FETCHES], bird.url)
    text = filled([*MARKDOWN, *RUNS, *FETCHES], bird.url)
    cells = [_displayed("text/html", each) for each in html] + [_displayed("text/markdown", each) for each in text]
    cells += [new_markdown_cell(each) for each in text]
    cells += [new_code_cell("", outputs=[new_output("stream", name="stdout", text=each)]) for each in html]
    told = {"filename": '"><script>x</script>.png', "alt": html[5], "pycemaker": {"headline": html[0]}}
    figure = new_code_cell("", outputs=[new_output("display_data", {"image/png": PIXEL}, metadata=told)])
    made = []
    for start in range(0, len(cells), A_REPORT):
        some = [*cells[start : start + A_REPORT], figure, new_markdown_cell(f"{LAST} {start}")]
        path = tmp_path_factory.mktemp("hostile") / "executed.ipynb"
        nbformat.write(new_notebook(cells=some), path)
        made.append(render_page(path, WINDOW, zone=SAO_PAULO))
    return made


def _displayed(kind: str, content: str) -> nbformat.NotebookNode:
    return new_code_cell("", outputs=[new_output("display_data", {kind: content})])


@pytest.mark.parametrize("kind", ["html", "full_html"])
def test_nothing_that_runs_or_fetches_is_left_in_the_markup(reports: list[Page], bird: Canary, kind: str) -> None:
    for place, report in enumerate(reports):
        left = _Active()
        left.feed(getattr(report, kind))
        assert not left.found, "\n".join(left.found)
        assert f"{LAST} {place * A_REPORT}" in getattr(report, kind)  # nothing was left out, and nothing swallowed it
    assert bird.asked == []  # rendering itself asked nobody


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("kind", ["html", "full_html"])
def test_in_a_browser_nothing_runs_and_nothing_is_fetched(
    reports: list[Page], bird: Canary, tmp_path: Path, kind: str
) -> None:
    bird.asked.clear()
    bird.pages["figure.png"] = ""
    for place, report in enumerate(reports):
        markup = re.sub(r'"figure:[^"]*"', '"/page/figure.png"', getattr(report, kind))
        bird.pages[f"{place}"] = markup.replace("</body>", POKED + "</body>")
    frames = "".join(f'<iframe src="/page/{place}"></iframe>' for place in range(len(reports)))
    bird.pages["all"] = f"<!doctype html><body>{frames}"
    show_in_chromium(f"{bird.url}/page/all", tmp_path, seconds=10)
    assert sorted(set(bird.asked)) == [f"/poked/{place}" for place in sorted(map(str, range(len(reports))))]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_samples_do_harm_where_nobody_cleans_them(bird: Canary, tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    bird.asked.clear()
    samples = filled([*RUNS, *FETCHES], bird.url)
    for place, sample in enumerate(samples):
        bird.pages[f"raw{place}"] = f'<!doctype html><body>{sample}<script src="/poke.js"></script>'
    frames = "".join(f'<iframe src="/page/raw{place}"></iframe>' for place in range(len(samples)))
    bird.pages["raw"] = f"<!doctype html><body>{frames}"
    show_in_chromium(f"{bird.url}/page/raw", tmp_path, seconds=15)
    ran = {path for path in bird.asked if path.startswith("/ran/")}
    assert len(ran) > 25
    assert len(set(bird.asked) - ran) > 25


class _Active(HTMLParser):
    """Finds what a mail program or a browser would act on, apart from what the templates bring themselves."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = tag in _TAGS
        if not allowed:
            self.found.append(f"<{tag}>")
        for name, given in attrs:
            told = re.sub(r"[\s\x00-\x20]", "", (given or "").lower())
            if name.startswith("on") or name in ("srcset", "background", "action", "formaction", "ping", "id"):
                self.found.append(f"<{tag} {name}>")
            if name == "src" and not told.startswith("figure:"):
                self.found.append(f"<{tag} src={told}>")
            if name == "href" and not re.match(r"https?://|mailto:|figure:", told):
                self.found.append(f"<{tag} href={told[:40]}>")
            if name == "style" and re.search(r"url|expression|import|\\|position|behavior|binding", told):
                self.found.append(f"<{tag} style={told}>")
            if name == "http-equiv":
                self.found.append(f"<{tag} {name}>")

    def handle_comment(self, data: str) -> None:
        if "mso" in data and "canary" not in data and "127.0.0.1" not in data:
            return  # the template's own, for Outlook
        self.found.append(f"<!--{data[:40]}")


_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "figure", "img", "a", "p", "br"),
    *("table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption", "col", "colgroup", "div", "span", "pre", "code"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "em", "strong", "b", "i", "u", "s"),
    *("blockquote", "del", "ins", "hr", "small", "abbr", "mark", "q", "kbd"),
}
