"""What can be told to be wrong with a message before anyone sees it. Pure: the message in, findings out.

This is the one place where `preview` and `check` ask; whatever else looks a message over is called from `look_over`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser

HTML_BYTES = 95_000
"""Gmail clips at some 102 KB."""

STYLE_CHARACTERS = 8192
"""Gmail leaves a longer style sheet out."""

MESSAGE_BYTES = 20_000_000

_FORBIDDEN_TAGS = {"script", "link", "iframe", "form", "object", "embed", "svg", "video"}
_FORBIDDEN_TEXT = {"data:": "a data: address", "var(--": "a CSS variable", "@import": "an import", "url(": "a CSS url"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the rule it breaks, one word; and what is wrong, in English."""

    rule: str
    text: str


def look_over(message: EmailMessage) -> list[Finding]:
    """Everything that is wrong with the message; nothing where it may go out."""
    html, text = _content(message, "html"), _content(message, "plain")
    page = _Page()
    page.feed(html)
    return [
        *_sizes(message, html, page),
        *(Finding("forbidden", f"<{tag}>") for tag in sorted(page.tags & _FORBIDDEN_TAGS)),
        *(Finding("forbidden", told) for part, told in _FORBIDDEN_TEXT.items() if part in page.marked_up.lower()),
        *_pictures(message, page),
        *_texts(message, text),
    ]


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


class _Page(HTMLParser):
    """The tags of a page, its pictures, its style sheets, and all of its markup without its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.pictures: list[dict[str, str]] = []
        self.style = ""
        self.marked_up = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.tags.add(tag)
        self.marked_up += " ".join(f"{name}={content}" for name, content in attrs if name != "alt")
        if tag == "img":
            self.pictures.append({name: content or "" for name, content in attrs})

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.style += data
            self.marked_up += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - as the parser calls it
        self._inside = ""


def _sizes(message: EmailMessage, html: str, page: _Page) -> list[Finding]:
    sizes = (
        ("html-size", len(html.encode()), HTML_BYTES),
        ("style-size", len(page.style), STYLE_CHARACTERS),
        ("message-size", len(message.as_bytes()), MESSAGE_BYTES),
    )
    return [Finding(rule, f"{size:,} bytes, more than {most:,}") for rule, size, most in sizes if size > most]


def _pictures(message: EmailMessage, page: _Page) -> list[Finding]:
    inside = {part["Content-ID"].strip("<>") for part in message.walk() if part["Content-ID"]}
    found = []
    for picture in page.pictures:
        source = picture.get("src", "")
        if not (source.startswith("https://") or source.removeprefix("cid:") in inside):
            found.append(Finding("picture", f"nobody can load {source[:60]!r}"))
        found.extend(Finding("picture", f"{source[:60]!r} has no {name}") for name in ("alt", "width")
                     if not picture.get(name))  # fmt: skip
    return found


def _texts(message: EmailMessage, text: str) -> list[Finding]:
    found = [] if text.strip() else [Finding("text", "there is no text part")]
    if re.search(r"</?(?:td|tr|div|table|html|p)\b", text):
        found.append(Finding("text", "the text part has markup"))
    if not re.search(r"\d", message["Subject"] or ""):
        found.append(Finding("subject", "the subject has no date"))
    return found
