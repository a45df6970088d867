"""Composes the mail: one MIME message out of a page, by the standard library."""

from __future__ import annotations

import html
import re
import secrets
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from typing import TYPE_CHECKING, cast

from pycemaker.errors import NothingToSend
from pycemaker.i18n.language import spoken
from pycemaker.parsing.addresses import parse_address
from pycemaker.reports.plain_text import encodable, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pycemaker.reports.attachments.kinds import Attachment
    from pycemaker.reports.model import Figure, Page

OUTBOX_SENDER = "pycemaker@localhost.localdomain"
"""Who a message in the outbox is from, where no account is set up."""

POLICY = SMTP.clone(cte_type="7bit")  # 8-bit bodies need a server that says 8BITMIME
_SOURCE = re.compile(r"""(?<![\w-])(src\s*=\s*)(["'])figure:(.*?)\2""", re.IGNORECASE)
_SOURCE_LEFT = re.compile(r"""<[^>]*=\s*["']?\s*(figure:[^\s"'>]*)""", re.IGNORECASE)


def compose(
    page: Page,
    email_to: str,
    urls: Mapping[str, str] | None,
    attachments: Sequence[Attachment] = (),
    *,
    sender: str,
    sender_name: str = "Pycemaker",
) -> EmailMessage:
    """One message: the text, beside it the HTML with its figures, and after both the attachments.

    Args:
        page: what to say.
        email_to: whom to mail.
        urls: where each figure is, by name; None puts the figures into the message (Content-ID).
        attachments: files that travel with it.
        sender: the address it is from.
        sender_name: the name beside it.

    Raises:
        InvalidAddress: `email_to` or `sender` is none.
        NothingToSend: the HTML shows a figure that is neither in `urls` nor on the page.
    """
    domain = parse_address(sender, single_label=True).rpartition("@")[2]
    inside = {figure.name: f"figure.{secrets.token_hex(8)}@{domain}" for figure in page.figures}
    sources = {name: f"cid:{content_id}" for name, content_id in inside.items()} if urls is None else urls
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(one_line(sender_name), addr_spec=sender)
    message["To"] = Address(addr_spec=parse_address(email_to, single_label=True))
    message["Subject"] = one_line(page.subject)
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(encodable(page.text))
    message.add_alternative(encodable(_point_figures(page.html, sources)), subtype="html")
    if urls is None:
        _put_inside(cast("list[EmailMessage]", message.get_payload())[1], page.figures, inside)
    for attachment in attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(attachment.content, main, sub, filename=attachment.name)
    message["Content-Language"] = (
        spoken().tag
    )  # last: each content set above takes the Content- headers before it along
    return message


def _point_figures(page_html: str, sources: Mapping[str, str]) -> str:
    def point(match: re.Match[str]) -> str:
        source = sources.get(html.unescape(match[3]))
        return f"{match[1]}{match[2]}{html.escape(source)}{match[2]}" if source else match[0]

    pointed = _SOURCE.sub(point, page_html)
    if left := _SOURCE_LEFT.search(pointed):
        raise NothingToSend(reason=f"the page shows a picture that is not there: {left[1][:80]!r}")
    return pointed


def _put_inside(part: EmailMessage, figures: tuple[Figure, ...], inside: Mapping[str, str]) -> None:
    """The figures as parts related to the HTML, those left out that it does not show: they would be attachments."""
    shown = part.get_content()
    for figure in {figure.name: figure for figure in figures}.values():
        content_id = inside[figure.name]
        if content_id in shown:
            part.add_related(
                figure.png, "image", "png", cid=f"<{content_id}>", disposition="inline", filename=figure.name
            )
    if part.is_multipart():
        part.set_param("type", "text/html")  # RFC 2387 wants it said


def readdress(content: bytes, headers: Mapping[str, str]) -> bytes:
    """The message with these headers instead of its own of the same names; all else is the same to the byte.

    Args:
        content: a whole message, lines ending in CR LF.
        headers: ASCII values of one line each. They are not folded: `EmailMessage` folds what is longer than 78
            characters by encoding it (RFC 2047), and a mail program takes a link so folded for none.

    Raises:
        ValueError: a header's name or value could end its line.
    """
    if not all(re.fullmatch(r"[\x21-\x39\x3b-\x7e]+: [\x20-\x7e]*", f"{n}: {v}") for n, v in headers.items()):
        raise ValueError("a header is one line of ASCII")
    head, blank, body = content.partition(b"\r\n\r\n")
    names = {name.lower().encode() for name in headers}
    fields = re.split(rb"\r\n(?![ \t])", head)  # a header goes on where a line begins with a blank
    kept = [field for field in fields if field.partition(b":")[0].lower() not in names]
    own = [f"{name}: {value}".encode("ascii") for name, value in headers.items()]
    return b"\r\n".join([*own, *kept]) + blank + body
