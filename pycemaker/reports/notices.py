"""Notices: sentences in place of content that readers are not shown, with a link to more of it."""

from dataclasses import dataclass
from html import escape

from pycemaker.i18n.language import _

_NOTICE = '<p class="pm-left-out"><em>'


@dataclass(frozen=True)
class Link:
    """A link: its URL and its label."""

    url: str
    label: str


def too_long() -> str:
    """The notice for content that is too long for a mail, without markup."""
    return _("Este conteúdo é grande demais para um e-mail e ficou de fora.")


def notice(text: str, link: Link | None = None) -> str:
    """A notice as HTML."""
    more = f' <a href="{escape(link.url)}">{escape(link.label)}</a>' if link else ""
    return f"{_NOTICE}{escape(text, quote=False)}</em>{more}</p>"


def is_notice(text: str) -> bool:
    """True if a piece of HTML is a notice."""
    return text.startswith(_NOTICE)
