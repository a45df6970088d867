"""A reader with thirty seconds and a telephone: the first screen says what changed, when, how bad, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser

from pycemaker.analysis.findings.choice import all_clear, find
from pycemaker.presentation import tables
from pycemaker.reports.render import render_page
from pycemaker.series.comparable_samples import one_kind
from pycemaker.series.period import Period
from pycemaker.window import Window
from tests.services.browser import CHROMIUM, chromium, mail_site, opened, page_site
from tests.services.periods import WINDOW, busy_period
from tests.services.planted import every_kind
from tests.services.unassessed import each

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PHONE = (360, 640)
FIRST_SCREEN = """height => {
  const words = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    for (const word of node.data.matchAll(/\\S+/g)) {
      const range = new Range();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const place = range.getBoundingClientRect();
      if (place.height > 0 && place.top >= 0 && place.bottom <= height && place.right <= innerWidth) words.push(word[0]);
    }
  }
  return words.join(" ");
}"""
"""The words that are wholly on the screen, in their order."""


@cache
def hardest() -> dict[str, Period]:
    """The period with the longest text for each kind and severity of first finding, and for quiet."""
    chosen: dict[str, tuple[int, Period]] = {}
    for period in every_kind():
        findings = find(period)
        kind = f"{findings[0].kind}-{findings[0].severity}" if findings else "quiet"
        first = findings[0] if findings else all_clear(period)
        length = len(f"{first.headline}{first.detail}{first.advice}")
        if length >= chosen.get(kind, (0, period))[0]:
            chosen[kind] = length, period
    return {kind: period for kind, (_, period) in chosen.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def first_screens(browser: Browser, period: Period, folder: Path) -> dict[str, str]:
    """The text of the first screen of the mail and of the page, of a report that starts as ours do."""
    fragments = [tables.heading(period), tables.findings(find(period), period), tables.trust(period)]
    cells = [
        new_code_cell("", outputs=[new_output("display_data", {"text/html": f'<div class="pm-cell">{part}</div>'})])
        for part in fragments
    ]
    nbformat.write(new_notebook(cells=cells), folder / "executed.ipynb")
    page = render_page(
        folder / "executed.ipynb", period.window, "an-id", zone=period.zone, public_url="https://monitor.example.com"
    )
    texts = {}
    for name, site in (("mail", mail_site(page)), ("page", page_site(page))):
        with opened(browser, site, size=PHONE) as shown:
            texts[name] = str(shown.evaluate(FIRST_SCREEN, PHONE[1]))
    return texts


KINDS = ("quiet", "incident", "shift", "trend", "critical", "high", "gap", "unknown")


@pytest.mark.parametrize("kind", KINDS)
def test_what_changed_when_how_bad_and_what_to_do_is_on_the_first_screen(
    browser: Browser, kind: str, tmp_path: Path
) -> None:
    periods = [period for each, period in hardest().items() if each.partition("-")[0] == kind]
    assert periods
    for period in periods:
        findings = find(period)
        for texts in first_screens(browser, period, tmp_path).values():
            if not findings:
                clear = all_clear(period)
                assert f"O que mudou {clear.headline}. {clear.detail} O que fazer: {clear.advice}" in texts
            else:
                first = findings[0]
                assert f"{first.headline} {first.detail} O que fazer: {first.advice}" in texts


def test_every_kind_of_finding_is_among_the_hardest() -> None:
    assert {kind.partition("-")[0] for kind in hardest()} == set(KINDS)


# --- the reader's questions, of reports of any length


NEXT = "O que fazer: Veja o que mudou pouco antes: deploy, banco, serviço externo; e os logs nesse horário."
QUESTIONS = {  # what, when, how bad, what next: of 25 minutes of slow answers within so many hours
    6: ("Tempo de resposta em estado crítico", "às 07:26", "por 25 min", NEXT),
    24: ("Tempo de resposta em estado crítico", "em 10/04 às 00:36", "por 25 min", NEXT),
    168: ("Tempo de resposta em estado crítico", "em 07/04 às 17:52", "por 25 min", NEXT),
    744: ("Tempo de resposta em estado crítico", "em 29/03 às 15:00", "por 25 min", NEXT),
}


@pytest.mark.parametrize("hours", QUESTIONS)
def test_what_when_how_bad_and_what_next_are_on_the_first_screen_of_any_length(
    browser: Browser, hours: int, tmp_path: Path
) -> None:
    window = Window(WINDOW.end_utc, hours)
    period = each(busy_period(window), lambda part: one_kind(part, window.start_utc))
    for texts in first_screens(browser, period, tmp_path).values():
        assert [answer for answer in QUESTIONS[hours] if answer not in texts] == []
