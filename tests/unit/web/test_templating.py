"""The Jinja templates: what readers typed is escaped, and a value that is missing is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from pycemaker.mail.unsubscribe import Subscription
from pycemaker.reports.report_model import ReportRequest
from pycemaker.web.pages import message_page, report_list, send_page, unsubscribe_page
from pycemaker.web.pages.templating import FOLDER, markup, render, strong
from tests.services.periods import SAO_PAULO, WINDOW

SCRIPT = "<script>alert('x')</script>"
RECORD = {"id": SCRIPT, "state": SCRIPT, "notebook": SCRIPT, "subject": SCRIPT, "reason": SCRIPT, "url": SCRIPT,
          "asked_at": "2022-04-10T12:43:23.000Z", "seconds": None,
          "recipients": [{"address": SCRIPT, "state": SCRIPT}]}  # fmt: skip


@pytest.mark.parametrize(
    "html",
    [
        message_page.page(
            SCRIPT,
            SCRIPT,
            buttons=[(SCRIPT, SCRIPT)],
            fine_print=SCRIPT,
            details=[(SCRIPT, SCRIPT)],
            source=SCRIPT,
            links=[(SCRIPT, SCRIPT)],
        ),
        report_list.page([RECORD], SCRIPT, SAO_PAULO, SCRIPT),
        unsubscribe_page.page(Subscription(SCRIPT, "report"), SCRIPT, ()),
        send_page.question(ReportRequest("1", Path("report.ipynb"), WINDOW, (SCRIPT,)), SCRIPT, SAO_PAULO),
        send_page.outcome({"msg": SCRIPT, "report": {"id": SCRIPT}}, SCRIPT),
    ],
    ids=["form", "list", "unsubscribe", "send", "sent"],
)
def test_no_value_is_markup(html: str) -> None:
    assert "alert(" in html
    assert "<script" not in html
    assert "'x'" not in html


@pytest.mark.parametrize(
    "template", sorted(path.name for path in FOLDER.glob("*.html") if "extends" in path.read_text())
)
def test_a_value_that_is_missing_is_an_error(template: str) -> None:
    with pytest.raises(UndefinedError):
        render(template)


def test_markup_is_escaped_once() -> None:
    assert markup("{whom} & co", whom=strong("a&b")) == "<strong>a&amp;b</strong> & co"
    assert markup("{whom}", whom="a&b") == "a&amp;b"
