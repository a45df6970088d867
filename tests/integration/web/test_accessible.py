"""Pages and mails held against WCAG: axe-core in Chromium, and the contrast of every text with its background."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import server
from pycemaker.cache.sample_store import Store
from pycemaker.errors import NotebookFailed
from pycemaker.mail.suppressions import RECIPIENT, Suppression
from pycemaker.mail.unsubscribe import Subscription
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import from_mapping
from pycemaker.web.pages import unsubscribe_page
from pycemaker.web.services import Services
from pycemaker.window import Window
from tests.services.browser import CHROMIUM, Site, chromium, html_site, mail_site, opened, page_site, violations
from tests.services.colour import contrast
from tests.services.report_service import service_of
from tests.services.sample_alert import FIRED, alert_report, write_alert
from tests.services.sample_report import END, sample_report, write_sample
from tests.services.submissions import submit
from tests.services.wsgi import Client

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PAIRS = """() => {
  const hex = color => "#" + color.match(/[\\d.]+/g).slice(0, 3).map(n => (+n).toString(16).padStart(2, "0")).join("");
  const isClear = color => /^rgba\\(.*, 0\\)$/.test(color);
  const found = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const said = texts.currentNode.data.trim();
    const element = texts.currentNode.parentElement;
    if (!/[\\p{L}\\p{N}]/u.test(said) || !element.checkVisibility()) continue;
    let behind = element;
    while (behind && isClear(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const ground = behind ? hex(getComputedStyle(behind).backgroundColor) : "#ffffff";
    const text = hex(getComputedStyle(element).color);
    found.set(text + ground, [text, ground, said.slice(0, 40)]);
  }
  return [...found.values()];
}"""
"""Every pair of a text's colour and the first opaque one behind it, with a text that has it."""

FAILED = "Zm9vYmFyYmF6cXV4LV9hYg"
OF_PAGES = ("landmark-one-main", "region")
"""Rules that a mail is not held to: it stands in a mail program's page, which has the landmarks."""

SHOWN = [
    "home",
    "reports",
    "notebooks",
    "error",
    "failed",
    "leave",
    "left",
    "mail",
    "page",
    "preview",
    "capacity mail",
    "capacity page",
    "alert mail",
    "alert page",
]


@pytest.fixture(scope="module")
def sites(mongod: embedded.EmbeddedMongod) -> Iterator[dict[str, Site]]:
    """Everything a reader sees, made of the sample history."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    url = f"{mongod.url}/test_accessible"
    write_sample(url)
    report, capacity = (sample_report(url, folder / name, name) for name in ("report", "capacity"))
    alerted = f"{mongod.url}/test_accessible_alert"
    with closing(Database(alerted)) as planted:
        write_alert(planted)
    alert = alert_report(alerted, folder / "alert", FIRED)
    database = Database(url)
    report_service = service_of(database, {})
    failed = NotebookFailed(cell=1, exception="KeyError", reason="KeyError: 'hora'").to_facts()
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": "table['hora']" * 20}]}
    report_service.files.put(FAILED, {"executed.ipynb": json.dumps(notebook).encode()})
    for report_id, state in (("0", "sent"), ("1", "refused"), (FAILED, "failed")):
        report_service.enqueue(
            ReportRequest(report_id, Path("report.ipynb"), Window(END, 6), ("a@b.com",)),
            submit(state),
            claimed=True,
        )
        more = {"error": failed} if report_id == FAILED else {"subject": "CPU acima do normal"}
        report_service.job_store.finish(report_id, state, **more)
    client = Client(server.create_app(Services(from_mapping({}), Store(database), report_service, clock=lambda: END)))

    def home(path: str) -> tuple[int, dict[str, str], bytes]:
        answer = client.get(path, accept="text/html")
        return answer.status, answer.headers, answer.body

    subscription = Subscription("ana@example.com", "report")
    gone = Suppression("ana@example.com", "report", RECIPIENT, END)
    yield {
        "home": home,
        "reports": lambda _path: home("/reports"),
        "notebooks": lambda _path: home("/notebooks"),
        "error": lambda _path: home("/reports/unknown"),
        "failed": lambda _path: home(f"/reports/{FAILED}"),
        "leave": html_site(unsubscribe_page.page(subscription, "Relatório do período", ())),
        "left": html_site(unsubscribe_page.page(subscription, "Relatório do período", (gone,))),
        "mail": mail_site(report.made.page),
        "page": page_site(report.made.page),
        "preview": html_site(report.preview),
        "capacity mail": mail_site(capacity.made.page),
        "capacity page": page_site(capacity.made.page),
        "alert mail": mail_site(alert.made.page),
        "alert page": page_site(alert.made.page),
    }
    database.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("what", SHOWN)
def test_axe_finds_nothing_wrong(browser: Browser, sites: dict[str, Site], what: str, dark: bool) -> None:
    with opened(browser, sites[what], dark=dark) as page:
        assert violations(page, but=OF_PAGES if "mail" in what else ()) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("what", ["home", "reports", "notebooks", "error", "failed", "leave", "left"])
def test_on_a_telephone_nothing_wrong_is_found_and_nothing_is_beyond_the_edge(
    browser: Browser, sites: dict[str, Site], what: str, dark: bool
) -> None:
    with opened(browser, sites[what], dark=dark, size=(360, 700)) as page:
        assert violations(page) == []
        seen = "main :not(thead, thead *)"
        widths = page.eval_on_selector_all(seen, "found => found.map(e => e.scrollWidth)")
        edges = page.eval_on_selector_all(seen, "found => found.map(e => e.getBoundingClientRect().right)")
    assert max(widths + edges) <= 360


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("what", SHOWN)
def test_every_text_has_the_contrast_of_aa_on_what_is_behind_it(
    browser: Browser, sites: dict[str, Site], what: str, dark: bool
) -> None:
    with opened(browser, sites[what], dark=dark) as page:
        pairs = page.evaluate(PAIRS)
    assert len(pairs) >= 3
    poor = {f"{text} on {ground}: {said}" for text, ground, said in pairs if contrast(text, ground) < 4.5}
    assert poor == set()


@pytest.mark.parametrize("what", ["mail", "page", "capacity mail", "capacity page", "alert mail"])
def test_tables_have_headers_with_a_scope_and_headings_come_in_order(
    browser: Browser, sites: dict[str, Site], what: str
) -> None:
    with opened(browser, sites[what]) as page:
        tables = page.eval_on_selector_all("table:not([role=presentation])", "found => found.length")
        without = page.eval_on_selector_all("table:not([role=presentation]):not(:has(th))", "found => found.length")
        scopes = page.eval_on_selector_all("th", "found => found.map(header => header.scope)")
        levels = page.eval_on_selector_all("h1, h2, h3", "found => found.map(heading => +heading.tagName[1])")
        language = page.eval_on_selector("html", "root => root.lang")
    assert (tables > 0, without, language) == (True, 0, "pt-BR")
    assert set(scopes) <= {"col", "row"}
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
