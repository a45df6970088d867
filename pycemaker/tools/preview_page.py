"""The preview: one page, opened from the disk, that shows a mail in every client of the table beside what is wrong."""

import re
from base64 import b64encode
from email.message import EmailMessage
from html import escape
from pathlib import Path
from string import Template

from pycemaker import brand
from pycemaker.reports.mail_size import MESSAGE_BYTES, STYLE_CHARACTERS
from pycemaker.reports.message_lint import Flaw
from pycemaker.reports.report_model import Page
from pycemaker.tools.mail_clients import CLIENTS, CLIPPED_BYTES, ClientView, MailClient, show

_FIGURE = re.compile(r'"figure:([^"]+)"')
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_TEMPLATE = Path(__file__).with_name("preview.html")


def preview_page(page: Page, message: EmailMessage, flaws: list[Flaw], *, title: str) -> str:
    """The whole preview as HTML that needs nothing else; figures are inside it once for each client."""
    own = brand.load()
    cards = [_card(client, show(page.html, client), page) for client in CLIENTS]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        palette=own.variables(own.light) + " " + own.variables({"ground": own.dark["ground"]}, "dark-"),
        title=escape(title),
        subject=escape(page.subject),
        text=escape(page.text),
        verdict="passes" if not flaws else f"{len(flaws)} found",
        state="good" if not flaws else "bad",
        findings="".join(f"<li><strong>{escape(flaw.rule)}</strong> {escape(flaw.message)}</li>" for flaw in flaws)
        or "<li>Nothing is wrong with this mail.</li>",
        meters="".join(_meters(page, message)),
        cards="".join(cards),
    )


def _meters(page: Page, message: EmailMessage) -> list[str]:
    style = sum(map(len, _STYLE.findall(page.html)))
    return [
        _meter("HTML", len(page.html.encode()), CLIPPED_BYTES, "Gmail clips beyond"),
        _meter("Style sheets", style, STYLE_CHARACTERS, "Gmail drops beyond"),
        _meter("Message", len(message.as_bytes()), MESSAGE_BYTES, "servers refuse beyond"),
    ]


def _meter(name: str, size: int, most: int, why: str) -> str:
    share = min(100.0, 100 * size / most)
    return (
        f"<div class='meter'><span>{name}</span><b>{_kilobytes(size)}</b>"
        f"<i><u style='width:{share:.1f}%'></u></i><small>{why} {_kilobytes(most)}</small></div>"
    )


def _kilobytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} KB"


def _card(client: MailClient, shown: ClientView, page: Page) -> str:
    rules = "".join(
        f"<li><a href='{escape(rule.url)}' rel='noreferrer'>{escape(rule.change)}</a> <b>×{times}</b></li>"
        for rule, times in shown.done
    )
    shade = " dark" if client.is_dark else ""
    frame = escape(_with_figures(shown.html, page), quote=True)
    return (
        f"<article class='card{shade}' style='--width:{client.width}px'><header>"
        f"<h2><button type='button'>{escape(client.name)}</button></h2><p>{escape(client.note)}</p></header>"
        f"<div class='screen'><iframe title='{escape(client.name)}' sandbox='allow-same-origin'"
        f' srcdoc="{frame}"></iframe></div>'
        f"<ul class='done'>{rules or '<li>nothing to take away</li>'}</ul></article>"
    )


def _with_figures(html: str, page: Page) -> str:
    """Figures as data: addresses, which a frame without an origin may show; a real mail has none."""
    encoded = {figure.name: b64encode(figure.png).decode() for figure in page.figures}
    return _FIGURE.sub(lambda match: f'"data:image/png;base64,{encoded.get(match[1], "")}"', html)
