"""The lint of mails: good messages, and a bad one for each rule."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage

import pytest

from pycemaker.errors import ReportUnfit
from pycemaker.mail.compose import compose
from pycemaker.reports import message_lint
from pycemaker.reports.message_lint import ForbiddenTexts
from pycemaker.reports.report_model import Figure, Page

PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)
IMAGE = '<img src="figure:cpu.png" width="600" alt="CPU de 03:43 a 09:43">'
WITHHELD = ForbiddenTexts(
    ["hunter-2-hunter", "abc", "271828", "-----BEGIN KEY-----\nMIIE\nvQIB\n-----END KEY-----"],
    ["/srv/pycemaker", "/app", "/"],
)


def message(
    body: str = "<p>bom dia, 10/04/2022</p>",
    *,
    image: str = IMAGE,
    text: str = "bom dia <0,1% das amostras\n",
    subject: str = "Nada fora do normal — Pycemaker, 10/04/2022 09:43, 6 h",
    urls: dict[str, str] | None = None,
) -> EmailMessage:
    html = f"<!DOCTYPE html><html><head><style>p {{ color: #123456 }}</style></head><body>{body}{image}</body></html>"
    page = Page(subject, html, text, (Figure("cpu.png", PNG, "CPU"),))
    return compose(page, "ana@example.com", urls, sender="reports@example.com")


def rules(sent: EmailMessage, full_html: str = "") -> list[str]:
    return [flaw.rule for flaw in message_lint.flaws(sent, full_html, WITHHELD)]


@pytest.mark.parametrize("urls", [None, {"cpu.png": "https://host.example/o/cpu.png?token=1"}])
def test_a_good_message_passes(urls: dict[str, str] | None) -> None:
    assert rules(message(urls=urls)) == []
    message_lint.check(message(urls=urls), "<p>bom dia</p>", WITHHELD)


@pytest.mark.parametrize(
    "body",
    [
        "<p>position: quarta na fila; data: 10/04; url (sem link)</p>",
        '<p style="background-position: 0 0">GET /app e GET /apps 200, abc</p>',
        "<table><tr><td>27</td><td>1828</td></tr></table>",
        "<p>/srv/pycemaker-outro e x/srv/pycemaker</p>",
        "<p>o date_now = agora e o time_range do pedido</p>",
        '<a href="https://example.com/app">painel</a> <a href="mailto:a@b.com">b</a>',
    ],
)
def test_what_only_looks_forbidden_passes(body: str) -> None:
    assert rules(message(body)) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<script>a()</script>", "forbidden-tag"),
        ("<iframe src='https://x.y'></iframe>", "forbidden-tag"),
        ("<form action='https://x.y'><input></form>", "forbidden-tag"),
        ("<link rel=stylesheet href='https://x.y/z.css'>", "forbidden-tag"),
        ("<meta http-equiv=Refresh content=0>", "forbidden-tag"),
        ("<p onClick='a()'>a</p>", "event-handler"),
        ("<a href=' JavaScript:a()'>a</a>", "forbidden-url"),
        ("<style>@import 'x.css';</style>", "css-import"),
        ("<p style='background: URL(https://x.y/z)'>a</p>", "css-url"),
        ("<p style='color: var(--ink)'>a</p>", "css-variable"),
        ("<style>:root { --ink: red }</style>", "css-variable"),
        ("<p style='Position: fixed'>a</p>", "css-position"),
        ("<p style='width: expression(1)'>a</p>", "css-expression"),
        ("<style>p { color: red }" + "/* */" * 2000 + "</style>", "style-size"),
        ("<p>" + "x" * 95_000 + "</p>", "html-size"),
        ("<p>hunter-2-hunter</p>", "secret"),
        ("<p>hunter-2&#45;hunter</p>", "secret"),
        ("<p>hunter-2</p>\n<div style='color: red'>-hun<b>ter</b></div>", "secret"),
        ("<p>271 828</p>", "secret"),
        ("<pre>-----BEGIN KEY-----\n  MIIE\n  vQIB\n-----END KEY-----</pre>", "secret"),
        ('<pre>File "/srv/pycemaker/server.py", line 3</pre>', "path"),
        ("<pre>/app/server.py</pre>", "path"),
        ('<pre># Parameters\ndate_now = "now"</pre>', "parameters"),
        ("<div class='injected-parameters'>a</div>", "parameters"),
    ],
)
def test_each_forbidden_thing_in_the_html_is_named(body: str, rule: str) -> None:
    assert set(rules(message(body))) == {rule}


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        ('<img src="cid:nobody@example.com" width="600" alt="a">', "picture-source"),
        ('<img src="http://x.y/a.png" width="600" alt="a">', "picture-source"),
        ('<img width="600" alt="a">', "picture-source"),
        ('<img src="data:image/png;base64,AA" width="600" alt="a">', "picture-source"),
        (IMAGE.replace("CPU de 03:43 a 09:43", " "), "picture-alt"),
        (IMAGE.replace(' width="600"', ""), "picture-width"),
        (IMAGE.replace("600", "1200"), "picture-width"),
        (IMAGE.replace("600", "²"), "picture-width"),
        (IMAGE.replace("600", "6" * 5000), "picture-width"),
    ],
)
def test_each_picture_can_be_fetched_and_has_a_sentence_and_a_width(image: str, rule: str) -> None:
    assert rule in rules(message(image=image))


def test_the_subject_has_a_date_and_the_text_is_text() -> None:
    assert rules(message(subject="Nada fora do normal")) == ["subject"]
    assert rules(message(text="<html><p>bom dia</p></html>")) == ["text-markup"]
    assert rules(message(text=" \n")) == ["text-missing"]


def test_each_header_is_there_once() -> None:
    other = message()
    twice = message_from_bytes(b"To: eva@example.com\n" + other.as_bytes(), policy=other.policy)
    del other["Message-ID"]
    assert rules(twice) == ["header"]
    assert rules(other) == ["header", "message-id"]


def test_a_message_of_20_mb_does_not_leave() -> None:
    sent = message()
    sent.add_attachment(bytes(15_000_000), "application", "zip", filename="pycemaker-csv.zip")
    assert rules(sent) == ["message-size"]


@pytest.mark.parametrize(
    ("content", "media_type", "name", "rule"),
    [
        (b"PK", "application/octet-stream", "samples.zip", "attachment-type"),
        (b"PK", "text/html", "samples.zip", "attachment-type"),
        (b"PK", "application/zip", "samples.exe", "attachment-name"),
        (b"PK", "application/zip", "../samples.zip", "attachment-name"),
        (b"PK", "application/zip", "relatório.zip", "attachment-name"),
        (b"", "application/zip", "samples.zip", "attachment-empty"),
        (b"PK", "application/zip", "samples.zip", None),
    ],
)
def test_what_travels_along_is_of_a_kind_that_is_made_here_and_named_plainly(
    content: bytes, media_type: str, name: str, rule: str | None
) -> None:
    main, _, sub = media_type.partition("/")
    sent = message()
    sent.add_attachment(content, main, sub, filename=name)
    assert rules(sent) == ([rule] if rule else [])


def test_the_page_that_is_served_is_looked_at_too() -> None:
    assert rules(message(), "<p>hunter-2-hunter</p><script></script>") == ["secret", "page-script"]


def test_a_message_that_may_not_leave_says_all_that_is_wrong_and_tells_no_secret() -> None:
    with pytest.raises(ReportUnfit) as caught:
        message_lint.check(message("<script>hunter-2-hunter</script>"), "", WITHHELD)
    assert caught.value.facts["findings"] == [
        "forbidden-tag: <script>",
        "secret: a secret stands in the HTML: do not print or show it; what cells show is kept and mailed",
    ]
    assert "hunter" not in str(caught.value)


def test_a_cell_may_print_its_own_parameter() -> None:
    assert rules(message("<pre>limit = 0.8\ntime_range = 6</pre>")) == []


def test_a_path_is_named_with_its_cell_its_line_and_a_remedy() -> None:
    cells = [(1, "<h1>A</h1>"), (4, "saved\nto /srv/pycemaker/out/cpu.csv (3 rows)")]
    sent = message("<pre>saved\nto /srv/pycemaker/out/cpu.csv (3 rows)</pre>")
    assert [flaw.message for flaw in message_lint.flaws(sent, "", WITHHELD, cells)] == [
        "a path of this machine stands in the HTML, from cell 4 ('to ***/out/cpu.csv (3 rows)'):"
        " show the file's name alone (Path(...).name)"
    ]


def test_a_secret_is_named_by_its_cell_and_never_shown() -> None:
    (flaw,) = message_lint.flaws(message("<p>hunter-2-hunter</p>"), "", WITHHELD, [(3, "<p>hunter-2-hunter</p>")])
    assert flaw.message == (
        "a secret stands in the HTML, from cell 3: do not print or show it; what cells show is kept and mailed"
    )
