from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from pycemaker.errors import InvalidAddress, NothingToSend
from pycemaker.mail.compose import compose, readdress
from pycemaker.parsing.route_paths import LEAVE_TOKEN
from pycemaker.reports.attachments.kinds import Attachment
from pycemaker.reports.report_model import Figure, Page

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
CPU = Figure("cpu_course.png", PNG, "CPU ao longo do tempo")
RAM = Figure("ram_course.png", PNG[::-1], "RAM ao longo do tempo")
HTML = (
    '<html><body><h1>Relatório — período</h1><img alt="a" src="figure:cpu_course.png" width="600">'
    "<p>ação</p><img src='figure:ram_course.png'></body></html>"
)
TEXT = "Relatório de 6 horas\n\n.uma linha com ponto\nação, não — 53,7 %\n"


def make(html: str = HTML, urls: dict[str, str] | None = None, **changes: object) -> EmailMessage:
    page = Page(**{"subject": "Relatório", "html": html, "text": TEXT, "figures": (CPU, RAM)} | changes)
    return compose(page, "ana@example.com", urls, sender="reports@example.com")


def sent(message: EmailMessage) -> EmailMessage:
    """The message as whoever gets it reads it."""
    parsed = message_from_bytes(message.as_bytes(policy=SMTP), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not [defect for part in parsed.walk() for defect in part.defects]
    return parsed


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def sources(message: EmailMessage) -> list[str]:
    return re.findall(r"""src=["']([^"']+)["']""", body(message, "html"))


def test_the_text_part_is_the_page_s_text() -> None:
    assert body(sent(make()), "plain") == TEXT


def test_every_figure_travels_inside_and_its_source_names_it() -> None:
    message = sent(make())
    images = {part["Content-ID"]: part for part in message.walk() if part.get_content_type() == "image/png"}
    shown = [images[f"<{source.removeprefix('cid:')}>"] for source in sources(message)]
    assert [part.get_content() for part in shown] == [CPU.png, RAM.png]
    assert [part.get_filename() for part in shown] == ["cpu_course.png", "ram_course.png"]
    assert {part.get_content_disposition() for part in shown} == {"inline"}


def test_the_parts_are_nested_as_mail_clients_expect() -> None:
    message = sent(make())
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png", "image/png",
    ]  # fmt: skip
    related = list(message.walk())[2]
    assert related.get_param("type") == "text/html"


def test_nothing_but_the_sources_is_changed() -> None:
    message = sent(make())
    cpu, ram = sources(message)
    expected = HTML.replace("figure:cpu_course.png", cpu).replace("figure:ram_course.png", ram)
    assert body(message, "html").rstrip("\n") == expected


def test_figures_with_urls_stay_outside() -> None:
    urls = {"cpu_course.png": "https://host/o/a?alt=media&token=1", "ram_course.png": "https://host/o/b"}
    message = sent(make(urls=urls))
    assert sources(message) == ["https://host/o/a?alt=media&amp;token=1", "https://host/o/b"]
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_a_figure_shown_twice_travels_once() -> None:
    message = sent(make(HTML + HTML, figures=(CPU, RAM, CPU)))
    assert len(sources(message)) == 4
    assert len([part for part in message.walk() if part.get_content_type() == "image/png"]) == 2


def test_a_figure_that_is_not_shown_is_not_attached() -> None:
    message = sent(make('<img src="figure:cpu_course.png">'))
    assert [part.get_filename() for part in message.walk() if part.get_filename()] == ["cpu_course.png"]


def test_attachments_stand_beside_the_body_with_their_names() -> None:
    page = Page("Relatório", HTML, TEXT, (CPU, RAM))
    archive = Attachment("csv", "pycemaker-6h-csv.zip", "application/zip", b"PK" + bytes(range(256)))
    message = sent(compose(page, "ana@example.com", None, (archive,), sender="reports@example.com"))
    assert [part.get_content_type() for part in message.walk()] == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html"),
        *("image/png", "image/png", "application/zip"),
    ]
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_disposition()) == ("pycemaker-6h-csv.zip", "attachment")
    assert attached.get_content() == archive.content
    assert body(message, "plain") == TEXT
    assert message["Content-Language"] == "pt-BR"


def test_a_page_without_figures_is_text_and_html() -> None:
    message = sent(make("<p>nada</p>", figures=()))
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize(
    "html",
    [
        '<img src="figure:disk.png">',
        '<img src="figure:">',
        "<img src=figure:cpu_course.png>",
        '<img srcset="figure:cpu_course.png 2x">',
        '<a href="figure:cpu_course.png">CPU</a>',
    ],
)
@pytest.mark.parametrize("urls", [None, {"cpu_course.png": "https://host/a"}])
def test_a_picture_that_would_be_broken_is_refused(html: str, urls: dict[str, str] | None) -> None:
    with pytest.raises(NothingToSend, match="figure:"):
        make(html, urls)


def test_a_figure_without_a_url_is_refused() -> None:
    with pytest.raises(NothingToSend, match=r"ram_course\.png"):
        make(urls={"cpu_course.png": "https://host/a"})


def test_text_that_only_speaks_of_figures_is_left_alone() -> None:
    assert "see figure:cpu_course.png" in body(sent(make("<p>see figure:cpu_course.png</p>")), "html")


def test_the_headers_say_what_the_mail_is() -> None:
    message = sent(make())
    assert message["From"] == "Pycemaker <reports@example.com>"
    assert message["To"] == "ana@example.com"
    assert message["Subject"] == "Relatório"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Content-Language"] == "pt-BR"
    assert message["Date"].datetime.utcoffset() is not None
    assert re.fullmatch(r"<[^<>@\s]+@example\.com>", message["Message-ID"])


@pytest.mark.parametrize("name", ["Farol — Operação", 'Ops "A", B <c@d>', "a\r\nBcc: eve@example.com"])
def test_the_sender_s_name_is_a_name_and_nothing_else(name: str) -> None:
    message = sent(
        compose(Page("s", "<p></p>", "t", ()), "ana@example.com", None, sender="r@example.com", sender_name=name)
    )
    (address,) = message["From"].addresses
    assert (address.display_name, address.addr_spec) == (" ".join(name.split()), "r@example.com")
    assert message["Bcc"] is None


def test_no_two_messages_have_one_message_id() -> None:
    assert len({make()["Message-ID"] for _ in range(50)}) == 50


@pytest.mark.parametrize("subject", ["a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\x00\x0b\u2028Bcc: e"])
def test_a_subject_brings_in_no_header(subject: str) -> None:
    message = sent(make(subject=subject))
    assert message["Bcc"] is None
    assert message["Subject"].startswith("a Bcc: e")


def test_a_long_subject_comes_through_whole() -> None:
    subject = "Relatório de operação — " + "ção " * 60 + "fim"
    assert sent(make(subject=subject))["Subject"] == subject


@pytest.mark.parametrize("address", ["a@b.c\nBcc: eve@example.com", "a@b.c, d@e.f", "nobody", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    page = Page("s", "<p></p>", "t", ())
    with pytest.raises(InvalidAddress):
        compose(page, address, None, sender="reports@example.com")
    with pytest.raises(InvalidAddress):
        compose(page, "ana@example.com", None, sender=address)


def test_what_goes_out_is_seven_bit_and_in_short_lines() -> None:
    wide = "<p>" + "ção " * 5_000 + "</p>" + "x" * 20_000
    wire = make(wide, text="linha " * 3_000).as_bytes(policy=SMTP)
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert b"\n" not in wire.replace(b"\r\n", b"")


def test_html_of_many_bytes_grows_by_a_third_at_most() -> None:
    page = "<p>" + "plain words of a report, and now and then ação " * 2_000 + "</p>"
    assert len(make(page, figures=()).as_bytes(policy=SMTP)) < 4 / 3 * len(page.encode()) + 5_000


def test_half_a_surrogate_pair_stops_no_mail() -> None:
    message = sent(make("<p>a\ud800b</p>", text="a\udfffb\n"))
    assert body(message, "html") == "<p>a?b</p>\n"
    assert body(message, "plain") == "a?b\n"


@pytest.mark.parametrize("pad", range(0, 90, 7))
def test_each_recipient_s_foot_has_their_own_link_to_leave_wherever_a_line_breaks(pad: int) -> None:
    place = f"https://ops.example.com/unsubscribe/{LEAVE_TOKEN}"
    html = f'{HTML}<p>{"x" * pad}ç<a href="{place}">Deixar</a></p>'
    content = make(html, text=f"{'y' * pad} ([Deixar]({place}))\n").as_bytes(policy=SMTP)
    token = "A-b_9" * 40
    link = f"https://ops.example.com/unsubscribe/{token}"
    readdressed = readdress(content, {"List-Unsubscribe": f"<{link}>"})
    own = message_from_bytes(readdressed, policy=policy.default)
    assert isinstance(own, EmailMessage)
    assert f'href="{link}"' in body(own, "html")
    assert f"({link})" in body(own, "plain")
    lines = [line for line in readdressed.split(b"\r\n")[1:] if b"unsubscribe/" in line or b"A-b_9" in line]
    assert max(map(len, lines)) <= 78  # what the standard library writes, too
    assert LEAVE_TOKEN in body(sent(make(html)), "html")


def test_a_message_is_readdressed_and_otherwise_the_same_to_the_byte() -> None:
    content = make(subject="Relatório de operação " * 8).as_bytes(policy=SMTP)
    other = readdress(content, {"To": "bia@example.com", "message-id": "<x.1@example.com>", "List-Unsubscribe": "<u>"})
    read = message_from_bytes(other, policy=policy.default)
    assert (read["To"], read["Message-ID"], read["List-Unsubscribe"]) == ("bia@example.com", "<x.1@example.com>", "<u>")
    assert [len(read.get_all(name)) for name in ("To", "Message-ID", "Subject", "From", "Date")] == [1] * 5
    assert read["Subject"] == message_from_bytes(content, policy=policy.default)["Subject"]
    assert other.partition(b"\r\n\r\n")[2] == content.partition(b"\r\n\r\n")[2]


def test_a_header_that_is_folded_is_replaced_whole() -> None:
    content = b"To: a@b.com,\r\n c@d.com\r\nX: 1\r\n\r\nTo: body"
    assert readdress(content, {"To": "e@f.com"}) == b"To: e@f.com\r\nX: 1\r\n\r\nTo: body"


@pytest.mark.parametrize(
    "headers", [{"To": "a@b.com\r\nBcc: c@d.com"}, {"To": "é"}, {"T o": "a"}, {"": "a"}, {"A:": "b"}, {"A\n": "b"}]
)
def test_a_header_cannot_end_its_line(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one line"):
        readdress(b"To: x\r\n\r\n", headers)
