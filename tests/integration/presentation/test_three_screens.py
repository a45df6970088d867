"""A report of six hours on the sample history: three screens of a telephone, each fact once, units that people know."""

from __future__ import annotations

import pytest

from pycemaker.mongo import embedded
from tests.services.browser import CHROMIUM, chromium, mail_site, opened
from tests.services.sample_report import SampleReport, sample_report, write_sample

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PHONE = (360, 640)
SIZE = "[document.documentElement.scrollHeight, document.documentElement.scrollWidth]"


@pytest.fixture(scope="module")
def sample(mongod: embedded.EmbeddedMongod, tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    """The report of the sample history's last six hours, run and rendered for real."""
    url = f"{mongod.url}/test_three_screens"
    write_sample(url)
    return sample_report(url, tmp_path_factory.mktemp("sample"))


@pytest.mark.parametrize("images", [True, False])
def test_a_mail_of_six_hours_is_three_screens_of_a_telephone_at_most(sample: SampleReport, *, images: bool) -> None:
    with chromium() as browser, opened(browser, mail_site(sample.made.page, images=images), size=PHONE) as shown:
        height, width = shown.evaluate(SIZE)
    assert height <= 3 * PHONE[1]
    assert width == PHONE[0]


def test_the_mail_names_no_sample_as_a_unit_and_its_coverage_once(sample: SampleReport) -> None:
    page = sample.made.page
    assert "por amostra" not in page.html + page.text + page.full_html
    assert page.text.count("amostras esperadas") == 1
    assert "por minuto" in page.text
