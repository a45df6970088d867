"""Facts about markup that the lint and the search for pictures need, parsed leniently as browsers do."""

import re
from html.parser import HTMLParser
from typing import Any, Self


class MarkupReader(HTMLParser):
    """Collects tags, each one's attributes, event handlers, URL schemes, pictures and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[dict[str, str | None]] = []
        self.handlers: set[str] = set()
        self.schemes: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.styles = ""
        self.refreshes = False
        self._in_style = False

    @classmethod
    def read(cls, markup: str) -> Self:
        """The facts about this markup."""
        reader = cls()
        reader.feed(markup)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and its attributes."""
        attributes: dict[str, Any] = dict(attrs)
        self.tags.add(tag)
        self.attributes.append(attributes)
        self._in_style = tag == "style"
        self.handlers |= {name for name in attributes if name.startswith("on")}
        self.refreshes |= tag == "meta" and (attributes.get("http-equiv") or "").lower() == "refresh"
        self.styles += f"\n{attributes.get('style') or ''}"
        if tag == "img":
            self.pictures.append(attributes)
        for name in ("src", "href", "background", "action"):
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", attributes.get(name) or "", re.IGNORECASE)
            self.schemes |= {scheme[1].lower()} if scheme else set()

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a style sheet."""
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        """Note a style sheet's text."""
        if self._in_style:
            self.styles += data
