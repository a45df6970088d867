"""Composes the mail: one MIME message from a page, with the standard library."""

import html
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from typing import cast

from pycemaker.errors import NothingToSend
from pycemaker.i18n.language import spoken
from pycemaker.parsing.addresses import parse_address
from pycemaker.parsing.route_paths import LEAVE_TOKEN
from pycemaker.reports.attachments.kinds import Attachment
from pycemaker.reports.plain_text import encodable, one_line
from pycemaker.reports.report_model import Figure, Page

_LEAVE_TOKEN = re.compile("(?:=\r\n)?".join(map(re.escape, LEAVE_TOKEN)).encode())
"""The token's place, wherever quoted-printable breaks the line."""

POLICY = SMTP.clone(cte_type="7bit")  # 8-bit bodies need a server that announces 8BITMIME
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
    """One message: text and HTML as alternatives, figures related to the HTML, attachments last.

    Args:
        urls: the URL of each figure, by name; None puts the figures into the message (Content-ID).

    Raises:
        InvalidAddress: `email_to` or `sender` is no address; NothingToSend: the HTML shows a figure that is neither in
            `urls` nor on the page.
    """
    domain = parse_address(sender, single_label=True).rpartition("@")[2]
    content_ids = {figure.name: f"figure.{secrets.token_hex(8)}@{domain}" for figure in page.figures}
    sources = {name: f"cid:{content_id}" for name, content_id in content_ids.items()} if urls is None else urls
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(one_line(sender_name), addr_spec=sender)
    message["To"] = Address(addr_spec=parse_address(email_to, single_label=True))
    message["Subject"] = one_line(page.subject)
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    # Always quoted-printable, so that `readdress` finds the token of the unsubscribe link.
    message.set_content(encodable(page.text), cte="quoted-printable")
    html_body = encodable(_point_figures(page.html, sources))
    message.add_alternative(html_body, subtype="html", cte="quoted-printable")
    if urls is None:
        _add_related(cast("list[EmailMessage]", message.get_payload())[1], page.figures, content_ids)
    for attachment in attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(attachment.content, main, sub, filename=attachment.name)
    # Last: set_content and add_alternative above move the Content- headers that are there already.
    message["Content-Language"] = spoken().tag
    return message


def _point_figures(page_html: str, sources: Mapping[str, str]) -> str:
    def point(match: re.Match[str]) -> str:
        source = sources.get(html.unescape(match[3]))
        return f"{match[1]}{match[2]}{html.escape(source)}{match[2]}" if source else match[0]

    pointed = _SOURCE.sub(point, page_html)
    if left := _SOURCE_LEFT.search(pointed):
        raise NothingToSend(reason=f"the page shows a picture that is not there: {left[1][:80]!r}")
    return pointed


def _add_related(part: EmailMessage, figures: tuple[Figure, ...], content_ids: Mapping[str, str]) -> None:
    """Add the figures that the HTML shows as related parts; mail programs list any other as an attachment."""
    shown = part.get_content()
    for figure in {figure.name: figure for figure in figures}.values():
        content_id = content_ids[figure.name]
        if content_id in shown:
            part.add_related(
                figure.png, "image", "png", cid=f"<{content_id}>", disposition="inline", filename=figure.name
            )
    if part.is_multipart():
        part.set_param("type", "text/html")  # required by RFC 2387


def readdress(content: bytes, headers: Mapping[str, str]) -> bytes:
    """The message with these headers in place of its own of the same names.

    The foot's unsubscribe link becomes that of `List-Unsubscribe` where there is one. All else is the same to the byte.

    Args:
        content: a whole message, lines ending in CR LF.
        headers: ASCII values of one line each. They are not folded: `EmailMessage` folds a line of over 78 characters
            by encoding it (RFC 2047), and mail programs do not recognize a link in that.

    Raises:
        ValueError: a header's name or value could end its line.
    """
    if not all(re.fullmatch(r"[\x21-\x39\x3b-\x7e]+: [\x20-\x7e]*", f"{n}: {v}") for n, v in headers.items()):
        raise ValueError("a header is one line of ASCII")
    head, blank, body = content.partition(b"\r\n\r\n")
    names = {name.lower().encode() for name in headers}
    fields = re.split(rb"\r\n(?![ \t])", head)  # a line that begins with a blank continues a header
    kept = [field for field in fields if field.partition(b":")[0].lower() not in names]
    own = [f"{name}: {value}".encode("ascii") for name, value in headers.items()]
    token = headers.get("List-Unsubscribe", "").rpartition("/")[2].rstrip(">")
    return b"\r\n".join([*own, *kept]) + blank + (_with_token(body, token) if token else body)


def _with_token(body: bytes, token: str) -> bytes:
    """The quoted-printable body with the token in its place, on lines of its own that the decoder joins."""
    lines = [token[start : start + 72] for start in range(0, len(token), 72)]
    own = "".join(f"=\r\n{line}" for line in lines) + "=\r\n"
    return _LEAVE_TOKEN.sub(own.encode("ascii"), body)
