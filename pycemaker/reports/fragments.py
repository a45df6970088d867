"""A piece of HTML or markdown from a notebook: its pictures taken out as figures, and what of it no mail shows, named.

A picture leaves a mark in its place, which `put_pictures` makes an image of once the HTML around it is clean. A mark is
made of characters that are taken out of every piece beforehand, so that no piece can write one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from pycemaker.i18n.language import _

_OPEN, _BETWEEN, _CLOSE = "\U0010ff00", "\U0010ff01", "\U0010ff02"
_MARK = re.compile(f"{_OPEN}([^{_BETWEEN}]*){_BETWEEN}(\\d+){_BETWEEN}([^{_CLOSE}]*){_CLOSE}")
_MARK_CHARACTERS = re.compile(f"[{_OPEN}{_BETWEEN}{_CLOSE}]")
_UNSEEN = re.compile(r"<(script|template|noscript)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.S | re.I)
_FALLBACK = re.compile(r"(<(video|audio)\b[^>]*>).*?(?=</\2\s*>|\Z)", re.S | re.I)
"""What stands in a player for programs that have none: that it is not shown is said in the report's own words."""

_PICTURE = re.compile(r"<(img|svg)(?=[\s/>])", re.I)
_TAG = re.compile(r"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_SVG_END = re.compile(r"</svg\s*>", re.I)
_LOST = re.compile(r"<(iframe|video|audio|object|embed|canvas)\b", re.I)
_SCRIPT = re.compile(r"<script\b", re.I)
_EMPTY_FRAME = re.compile(r"<div\b[^>]*\bid\s*=", re.I)
_ATTACHMENT = re.compile(r"(?<![\w-])attachment:")
_LEAST_PIXELS = 33
"""Of an SVG that is drawn: what is smaller is an icon of a button."""

Take = Callable[[str, str, float | None], str]
"""Takes a picture: its address or its SVG, its sentence, its width. Gives the mark or the sentence in its place."""


@dataclass(frozen=True)
class Fragment:
    """A piece of HTML without what no mail shows.

    Attributes:
        html: with marks for its pictures; not clean yet.
        lost: kinds of what it loses and a reader would have seen, such as `iframe` or `script`.
    """

    html: str
    lost: tuple[str, ...] = field(default=())


def placeholder(name: str, width: int, sentence: str) -> str:
    """What stands for a picture until the HTML around it is clean."""
    return f"{_OPEN}{name}{_BETWEEN}{width}{_BETWEEN}{without_placeholders(sentence)}{_CLOSE}"


def without_placeholders(text: str) -> str:
    """The text without the characters that marks are made of."""
    return _MARK_CHARACTERS.sub("", text)


def put_pictures(clean: str) -> str:
    """Clean HTML with an image for each mark."""

    def image(found: re.Match[str]) -> str:
        sentence = html.escape(html.unescape(found[3]), quote=True)
        return f'<img src="figure:{found[1]}" width="{found[2]}" style="max-width: {found[2]}px" alt="{sentence}">'

    return _MARK.sub(image, clean)


def split_html(source: str, take: Take) -> Fragment:
    """The HTML with its pictures taken out, and what else it loses."""
    source = without_placeholders(source)
    seen = _FALLBACK.sub(r"\1", _UNSEEN.sub("", source))
    text = "".join(_without_pictures(seen, take))
    lost = [found[1].lower() for found in _LOST.finditer(text)]
    if _SCRIPT.search(source) and _EMPTY_FRAME.search(seen) and not _says_something(text):
        lost.append("script")
    return Fragment(text, tuple(dict.fromkeys(lost)))


def markdown_html(source: str) -> str:
    """Markdown as Jupyter shows it, in HTML that is not clean; `attachment:` addresses stay as they are."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    guarded = _ATTACHMENT.sub("pm-attachment:", source)  # the renderer raises where one is missing
    return str(MarkdownWithMath(renderer=renderer).render(guarded)).replace("pm-attachment:", "attachment:")


def _without_pictures(source: str, take: Take) -> Iterator[str]:
    """The HTML in pieces, what stands for each picture in its place. One that does not end is left for the cleaning."""
    start = 0
    for found in _PICTURE.finditer(source):
        if found.start() < start:
            continue
        end = (_TAG.match if found[1].lower() == "img" else _SVG_END.search)(source, found.start())
        if end is None:
            break
        yield source[start : found.start()]
        yield _taken(source[found.start() : end.end()], take)
        start = end.end()
    yield source[start:]


def _says_something(source: str) -> bool:
    return bool(re.sub(r"<style\b.*?</style\s*>|<[^>]*>|&nbsp;|\s", "", source, flags=re.S | re.I))


def _taken(tag: str, take: Take) -> str:
    attributes = _Attributes.read(tag)
    width = _pixels(attributes.get("width"))
    if tag[:4].lower() == "<svg":
        is_icon = "<use" in tag.lower() or (width is not None and width < _LEAST_PIXELS)
        title = re.search(r"<title[^>]*>([^<]*)</title", tag, re.I)
        return "" if is_icon else take(tag, html.unescape(title[1]).strip() if title else "", None)
    sentence = attributes.get("alt") or attributes.get("title") or ""
    return take(attributes.get("src", "").strip(), sentence.strip(), width)


def _pixels(text: str | None) -> float | None:
    found = re.match(r"\s*(\d{1,5}(?:\.\d+)?)\s*(?:px)?\s*$", text or "")
    return float(found[1]) if found and float(found[1]) >= 1 else None


class _Attributes(HTMLParser):
    """The attributes of the first tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.attributes: dict[str, str] | None = None

    @classmethod
    def read(cls, tag: str) -> dict[str, str]:
        reader = cls()
        reader.feed(tag)
        return reader.attributes or {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as it is called
        if self.attributes is None:
            self.attributes = {name: text or "" for name, text in attrs}


def missing_picture(sentence: str, address: str) -> str:
    """What stands for a picture that is not shown, in HTML."""
    name = sentence or ("" if address.startswith(("data:", "<")) else re.split(r"[/\\]", address)[-1][:60])
    said = (
        _("[imagem que não pôde ser mostrada: {name}]", name=name) if name else _("[imagem que não pôde ser mostrada]")
    )
    return f"<em>{html.escape(said)}</em>"
