"""What a mail's or a page's markup has in it, read as a browser would read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any


class MarkupReader(HTMLParser):
    """Collects what the rules ask about, from tags as a browser would read them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.schemes: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.styles = ""
        self.refreshes = False
        self._in_style = False

    @classmethod
    def read(cls, markup: str) -> MarkupReader:
        """What there is in this markup."""
        reader = cls()
        reader.feed(markup)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what it names."""
        told: dict[str, Any] = dict(attrs)
        self.tags.add(tag)
        self._in_style = tag == "style"
        self.handlers |= {name for name in told if name.startswith("on")}
        self.refreshes |= tag == "meta" and (told.get("http-equiv") or "").lower() == "refresh"
        self.styles += f"\n{told.get('style') or ''}"
        if tag == "img":
            self.pictures.append(told)
        for name in ("src", "href", "background", "action"):
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", told.get(name) or "", re.IGNORECASE)
            self.schemes |= {scheme[1].lower()} if scheme else set()

    def handle_endtag(self, tag: str) -> None:
        """A style sheet ends."""
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        """Note what stands in a style sheet."""
        if self._in_style:
            self.styles += data
