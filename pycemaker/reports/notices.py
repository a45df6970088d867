"""Sentences that stand for what readers are not shown, with the way to where more of it is."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from pycemaker.i18n.language import _

_NOTICE = '<p class="pm-left-out"><em>'


@dataclass(frozen=True)
class Link:
    """Where more of something is: an address, and the words that lead there."""

    url: str
    label: str


def too_long() -> str:
    """What stands for text that is too long for a mail, without markup."""
    return _("Este conteúdo é grande demais para um e-mail e ficou de fora.")


def notice(text: str, link: Link | None = None) -> str:
    """A sentence in the place of something, as HTML."""
    more = f' <a href="{escape(link.url)}">{escape(link.label)}</a>' if link else ""
    return f"{_NOTICE}{escape(text, quote=False)}</em>{more}</p>"


def is_notice(text: str) -> bool:
    """Whether a piece of HTML is such a sentence."""
    return text.startswith(_NOTICE)
