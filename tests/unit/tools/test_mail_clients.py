"""The changes of each mail client, and the preview that shows them."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from pycemaker.reports.message_lint import Flaw
from pycemaker.reports.report_model import Figure, Page
from pycemaker.tools.mail_clients import CLIENTS, CLIPPED_BYTES, MailClient, show
from pycemaker.tools.preview_page import preview_page

BY_NAME = {client.name: client for client in CLIENTS}
HEAD = (
    "<style>@media (max-width: 480px) { .a { padding: 0 !important } .b { color: #000000 } }</style>"
    "<style>@media (prefers-color-scheme: dark) { .a { color: #ffffff !important } }</style>"
)


def page_of(body: str, head: str = HEAD) -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def shown(name: str, body: str, head: str = HEAD) -> str:
    return show(page_of(body, head), BY_NAME[name]).html


def test_gmail_takes_comments_and_the_colour_scheme_and_keeps_the_phone_s_rules() -> None:
    html = shown("Gmail", "<!--[if mso]><p>word</p><![endif]--><p>kept</p>")
    assert "word" not in html
    assert "prefers-color-scheme" not in html
    assert "@media (max-width: 480px) { .a { padding: 0 !important } .b { color: #000000 } }" in html
    assert "<p>kept</p>" in html


def test_gmail_takes_styles_in_the_body_positions_and_negative_margins() -> None:
    html = shown(
        "Gmail", '<style>p { color: red }</style><p style="position:absolute;top:0;margin:-4px 0;color:#111">x</p>'
    )
    assert "color: red" not in html
    assert '<p style="color:#111">x</p>' in html


def test_gmail_clips_a_mail_that_is_too_long() -> None:
    rows = "".join(f"<tr><td>{number:06} {'x' * 90}</td></tr>" for number in range(1200))
    html = shown("Gmail", f"<table>{rows}</table>", head="")
    assert "[Message clipped]" in html
    assert "000000 x" in html
    assert "001199 x" not in html
    assert len(html.encode()) <= CLIPPED_BYTES + 200
    assert "[Message clipped]" not in shown("Gmail", "<table><tr><td>x</td></tr></table>")


def test_word_reads_its_own_comments_and_no_media_query() -> None:
    html = shown("Outlook", "<!--[if mso]><xml><o:x/></xml><p>word</p><![endif]--><p>kept</p>")
    assert "<p>word</p>" in html
    assert "@media" not in html
    assert "o:x" not in html


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<div style="max-width: 600px; color: #111">x</div>', '<div style=" color: #111">x</div>'),
        ('<div style="padding: 8px">x</div>', '<div style="">x</div>'),
        ('<td style="padding: 8px">x</td>', '<td style="padding: 8px">x</td>'),
        ('<td style="width: 8px">x</td>', '<td style="width: 8px">x</td>'),
        ('<p style="width: 8px">x</p>', '<p style="">x</p>'),
        ('<p style="margin: 0 auto; border-radius:4px">x</p>', '<p style="">x</p>'),
        ('<p style="margin: 0 0 4px 0">x</p>', '<p style="margin: 0 0 4px 0">x</p>'),
        ('<img src="a" width="600" style="width:100%">', '<img src="a" width="600" style="">'),
        ('<img src="a">', '<img src="a" style="width:1200px;max-width:none">'),
    ],
)
def test_word_counts_attributes_and_table_cells(before: str, after: str) -> None:
    wrapped = f"<table><tr>{before}</tr></table>" if before.startswith("<td") else before
    assert after in shown("Outlook", wrapped)


def test_dark_mode_turns_the_template_s_own_rules_on() -> None:
    html = shown("Dark mode", "<p>x</p>")
    assert "@media all { .a { color: #ffffff !important } }" in html
    assert "@media (max-width: 480px)" in html


def test_forced_dark_turns_lightness_over_and_leaves_pictures() -> None:
    html = shown("Forced dark", '<p style="color:#000000;background-color:#ffffff" bgcolor="#fff">x</p><img src="a">')
    assert 'style="color:#ededed;background-color:#121212"' in html
    assert 'bgcolor="#121212"' in html
    assert '<img src="a">' in html


def test_images_off_leaves_the_words_that_stand_for_them() -> None:
    assert '<img alt="a course">' in shown("Images off", '<img src="cid:1" alt="a course">')


def test_what_was_done_is_counted_with_its_source() -> None:
    done = show(page_of("<!--a--><!--b--><p>x</p>"), BY_NAME["Gmail"]).done
    assert [(rule.url, times) for rule, times in done] == [
        ("https://www.caniemail.com/features/html-comments/", 2),
        ("https://www.caniemail.com/features/css-at-media-prefers-color-scheme/", 1),
    ]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_no_client_runs_anything(client: MailClient) -> None:
    html = show(page_of("<script>x()</script><iframe src='a'></iframe><p>kept</p>"), client).html
    assert "script" not in html
    assert "iframe" not in html
    assert "kept" in html


def test_the_preview_is_one_page_with_every_client_and_what_is_wrong() -> None:
    html = '<html><body><p>"x" &amp; $y</p><img src="figure:a.png" alt="A" width="600"></body></html>'
    page = Page("Relatório: 1 < 2", html, "text & more", (Figure("a.png", b"\x89PNG", "A"),))
    message = EmailMessage()
    message.set_content("x")
    html = preview_page(page, message, [Flaw("picture", "nobody can load <x>")], title="report")
    assert html.count("<iframe") == len(CLIENTS)
    assert "<strong>picture</strong> nobody can load &lt;x&gt;" in html
    assert "1 found" in html
    assert "Relatório: 1 &lt; 2" in html
    assert "data:image/png;base64,iVBORw==" in html
    assert "figure:" not in html
