"""What is told to be wrong with a message."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from pycemaker.report.checks import look_over
from pycemaker.report.mail import compose
from pycemaker.report.pipeline import Figure, Page

GOOD = '<html><head><style>p { color: #111 }</style></head><body><p>x</p><img src="figure:a.png" alt="A" width="600"></body></html>'


def message_of(html: str = GOOD, text: str = "Um texto.", subject: str = "Relatório: 10/04/2022") -> EmailMessage:
    page = Page(subject, html, text, (Figure("a.png", b"\x89PNG\r\n\x1a\n", "A"),))
    return compose(page, "a@b.com", None, sender="c@d.com")


def test_a_good_message_has_no_finding() -> None:
    assert look_over(message_of()) == []


@pytest.mark.parametrize(
    ("message", "rule", "told"),
    [
        (message_of(GOOD.replace("<p>x", "<p>" + "x" * 95_000)), "html-size", "more than 95,000"),
        (message_of(GOOD.replace("p { color", "p { color: red }" * 600 + "p { color")), "style-size", "8,192"),
        (message_of(GOOD.replace("<p>", "<script>1</script><p>")), "forbidden", "<script>"),
        (message_of(GOOD.replace("<p>", "<p style='background: url(x)'>")), "forbidden", "a CSS url"),
        (message_of(GOOD.replace("#111", "var(--ink)")), "forbidden", "a CSS variable"),
        (message_of(GOOD.replace("figure:a.png", "data:image/png;base64,AA")), "forbidden", "a data: address"),
        (message_of(GOOD.replace("figure:a.png", "http://x/a.png")), "picture", "nobody can load 'http://x/a.png'"),
        (message_of(GOOD.replace("figure:a.png", "cid:gone")), "picture", "nobody can load 'cid:gone'"),
        (message_of(GOOD.replace(' alt="A"', "")), "picture", "has no alt"),
        (message_of(GOOD.replace(' width="600"', "")), "picture", "has no width"),
        (message_of(text=" "), "text", "no text part"),
        (message_of(text="<table><tr><td>x</td></tr></table>"), "text", "markup"),
        (message_of(subject="Relatório"), "subject", "no date"),
    ],
)
def test_what_is_wrong_is_named(message: EmailMessage, rule: str, told: str) -> None:
    assert any(finding.rule == rule and told in finding.text for finding in look_over(message))


def test_words_that_readers_see_are_no_markup() -> None:
    assert look_over(message_of(GOOD.replace("<p>x", "<p>data: url(x) var(--y)"))) == []
