"""HTML fragments of a notebook: pictures replaced by placeholders, and the kinds of content that no mail shows.

`put_pictures` turns a placeholder into an image once the HTML around it is sanitized. Placeholders consist of
characters that are removed from every fragment before, so that no fragment can forge one.
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pycemaker.reports import fast_nbformat  # noqa: F401 - before nbconvert, which imports nbformat whole

# isort: split
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from pycemaker.i18n.language import _
from pycemaker.reports.markup_facts import MarkupReader

_OPEN, _BETWEEN, _CLOSE = "\U0010ff00", "\U0010ff01", "\U0010ff02"
_PLACEHOLDER = re.compile(f"{_OPEN}([^{_BETWEEN}]*){_BETWEEN}(\\d+){_BETWEEN}([^{_CLOSE}]*){_CLOSE}")
_PLACEHOLDER_CHARACTERS = re.compile(f"[{_OPEN}{_BETWEEN}{_CLOSE}]")
_UNSEEN = re.compile(r"<(script|template|noscript)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.S | re.I)
_FALLBACK = re.compile(r"(<(video|audio)\b[^>]*>).*?(?=</\2\s*>|\Z)", re.S | re.I)
"""A player's fallback text, which the report's own notice replaces."""

_PICTURE = re.compile(r"<(img|svg)(?=[\s/>])", re.I)
_TAG = re.compile(r"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_SVG_END = re.compile(r"</svg\s*>", re.I)
_LOST = re.compile(r"<(iframe|video|audio|object|embed|canvas)\b", re.I)
_SCRIPT = re.compile(r"<script\b", re.I)
_EMPTY_FRAME = re.compile(r"<div\b[^>]*\bid\s*=", re.I)
_ATTACHMENT = re.compile(r"(?<![\w-])attachment:")
_LEAST_PIXELS = 33  # The least width of an SVG that is drawn; smaller ones are icons of buttons

TakePicture = Callable[[str, str, float | None], str]
"""Takes a picture by address or SVG, alternative text and width; returns its placeholder, or text in its place."""


@dataclass(frozen=True)
class Fragment:
    """A fragment without content that no mail shows.

    Attributes:
        html: with placeholders for its pictures; not sanitized yet.
        lost: kinds of visible content that it loses, such as `iframe` or `script`.
    """

    html: str
    lost: tuple[str, ...] = field(default=())


def placeholder(name: str, width: int, sentence: str) -> str:
    """A picture's placeholder until the HTML around it is sanitized."""
    return f"{_OPEN}{name}{_BETWEEN}{width}{_BETWEEN}{without_placeholders(sentence)}{_CLOSE}"


def without_placeholders(text: str) -> str:
    """The text without the characters of placeholders."""
    return _PLACEHOLDER_CHARACTERS.sub("", text)


def put_pictures(clean: str) -> str:
    """Sanitized HTML with an image for each placeholder."""

    def image(match: re.Match[str]) -> str:
        alt = html.escape(html.unescape(match[3]), quote=True)
        return f'<img src="figure:{match[1]}" width="{match[2]}" style="max-width: {match[2]}px" alt="{alt}">'

    return _PLACEHOLDER.sub(image, clean)


def split_html(source: str, take: TakePicture) -> Fragment:
    """The HTML with placeholders for its pictures, and what else it loses."""
    source = without_placeholders(source)
    seen = _FALLBACK.sub(r"\1", _UNSEEN.sub("", source))
    text = "".join(_without_pictures(seen, take))
    lost = [match[1].lower() for match in _LOST.finditer(text)]
    if _SCRIPT.search(source) and _EMPTY_FRAME.search(seen) and not _has_text(text):
        lost.append("script")
    return Fragment(text, tuple(dict.fromkeys(lost)))


def markdown_html(source: str) -> str:
    """Markdown as Jupyter renders it, not sanitized; `attachment:` addresses stay as they are."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    guarded = _ATTACHMENT.sub("pm-attachment:", source)  # the renderer raises where one is missing
    return str(MarkdownWithMath(renderer=renderer).render(guarded)).replace("pm-attachment:", "attachment:")


def _without_pictures(source: str, take: TakePicture) -> Iterator[str]:
    """The HTML in pieces, pictures replaced. A tag that does not end is left to the sanitizer."""
    start = 0
    for match in _PICTURE.finditer(source):
        if match.start() < start:
            continue
        end = (_TAG.match if match[1].lower() == "img" else _SVG_END.search)(source, match.start())
        if end is None:
            break
        yield source[start : match.start()]
        yield _replace_picture(source[match.start() : end.end()], take)
        start = end.end()
    yield source[start:]


def _has_text(source: str) -> bool:
    return bool(re.sub(r"<style\b.*?</style\s*>|<[^>]*>|&nbsp;|\s", "", source, flags=re.S | re.I))


def _replace_picture(tag: str, take: TakePicture) -> str:
    first = next(iter(MarkupReader.read(tag).attributes), {})
    attributes = {name: text or "" for name, text in first.items()}
    width = _pixels(attributes.get("width"))
    if tag[:4].lower() == "<svg":
        is_icon = "<use" in tag.lower() or (width is not None and width < _LEAST_PIXELS)
        title = re.search(r"<title[^>]*>([^<]*)</title", tag, re.I)
        return "" if is_icon else take(tag, html.unescape(title[1]).strip() if title else "", None)
    sentence = attributes.get("alt") or attributes.get("title") or ""
    return take(attributes.get("src", "").strip(), sentence.strip(), width)


def _pixels(text: str | None) -> float | None:
    match = re.match(r"\s*(\d{1,5}(?:\.\d+)?)\s*(?:px)?\s*$", text or "")
    return float(match[1]) if match and float(match[1]) >= 1 else None


def missing_picture(sentence: str, address: str) -> str:
    """The HTML in place of a picture that cannot be shown."""
    name = sentence or ("" if address.startswith(("data:", "<")) else re.split(r"[/\\]", address)[-1][:60])
    text = (
        _("[imagem que não pôde ser mostrada: {name}]", name=name) if name else _("[imagem que não pôde ser mostrada]")
    )
    return f"<em>{html.escape(text)}</em>"
