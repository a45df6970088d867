"""A report of six hours on the sample history: three screens of a telephone, each fact once, units that people know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import Page
from tests.services.browser import CHROMIUM, Site, chromium, mail_site, opened, page_site
from tests.services.sample_alert import ENDED, FIRED, NOW, SINCE, alert_report, write_alert
from tests.services.sample_report import SampleReport, sample_report, write_sample

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PHONE = (360, 640)
SIZE = "[document.documentElement.scrollHeight, document.documentElement.scrollWidth]"


@pytest.fixture(scope="module")
def sample(mongod: embedded.EmbeddedMongod, tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    """The report of the sample history's last six hours, run and rendered for real."""
    url = f"{mongod.url}/test_on_a_phone"
    write_sample(url)
    return sample_report(url, tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("images", [True, False])
def test_a_mail_of_six_hours_is_three_screens_of_a_telephone_at_most(
    browser: Browser, sample: SampleReport, *, images: bool
) -> None:
    with opened(browser, mail_site(sample.made.page, images=images), size=PHONE) as shown:
        height, width = shown.evaluate(SIZE)
    assert height <= 3 * PHONE[1]
    assert width == PHONE[0]


@pytest.mark.parametrize("now", ["fired", "ended"])
def test_the_first_screen_of_an_alert_says_all_and_nothing_is_cut_off(
    browser: Browser, database_url: str, tmp_path: Path, now: str
) -> None:
    alert, end = (FIRED, NOW) if now == "fired" else (ENDED, SINCE + timedelta(minutes=39))
    with closing(Database(database_url)) as database:
        write_alert(database, (alert,))
    mail = mail_site(alert_report(database_url, tmp_path, alert, now=end).made.page)
    with opened(browser, mail, size=PHONE) as shown:
        bottom = shown.evaluate("document.querySelector('.pm-findings').getBoundingClientRect().bottom")
        height, width = shown.evaluate(SIZE)
        assert shown.evaluate(CUT_OFF) == []
    assert bottom <= PHONE[1] / 2
    assert height <= 2 * PHONE[1]
    assert width == PHONE[0]


CUT_OFF = """[...document.querySelectorAll('body *')].filter(e => e.clientWidth && e.scrollWidth > e.clientWidth)
    .map(e => `${e.className} ${e.textContent}`.slice(0, 80))"""


@pytest.mark.parametrize("width", [320, 360, 375, 414])
@pytest.mark.parametrize("site", [mail_site, page_site], ids=["mail", "page"])
def test_no_part_of_a_report_is_cut_off_on_a_telephone(
    browser: Browser, sample: SampleReport, site: Callable[[Page], Site], width: int
) -> None:
    with opened(browser, site(sample.made.page), size=(width, 640)) as shown:
        assert shown.evaluate(CUT_OFF) == []


def test_the_mail_names_no_sample_as_a_unit_and_its_coverage_once(sample: SampleReport) -> None:
    page = sample.made.page
    assert "por amostra" not in page.html + page.text + page.full_html
    assert page.text.count("amostras esperadas") == 1
    assert "por minuto" in page.text
