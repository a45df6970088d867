"""The mail clients of a preview: what each takes away from a mail, as a table with its sources.

Sources are caniemail.com's data (the repository hteumeuleu/caniemail, as it stood in 2024) unless another is given. Of
what clients do to a mail this is the part that has hurt a report, not all of it: no replacement for a real inbox.
"""

import colorsys
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lxml.html

Tree = Any  # lxml has no types of its own

CANIEMAIL = "https://www.caniemail.com/features/"
CLIPPED_BYTES = 102 * 1024
_CLIPPED = "<p><em>[Message clipped]</em> <u>View entire message</u></p>"
_MEDIA = re.compile(r"@media([^{]*)\{((?:[^{}]*\{[^{}]*\})*[^{}]*)\}")
_MSO = re.compile(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", re.DOTALL)
_OFFICE_XML = re.compile(r"<xml>.*?</xml>", re.DOTALL)
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_NATURAL_SIZE = "width:1200px;max-width:none"  # of a picture's file: twice what was meant
_COLOR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b")


@dataclass(frozen=True)
class Removal:
    """One change that a client makes.

    Attributes:
        source: where that is known from; a caniemail feature, or a whole address.
        apply: changes the tree; returns the number of changes.
    """

    change: str
    source: str
    apply: Callable[[Tree], int]

    @property
    def url(self) -> str:
        """The source's address."""
        return self.source if "://" in self.source else f"{CANIEMAIL}{self.source}/"


@dataclass(frozen=True)
class MailClient:
    """One way of reading the mail.

    Attributes:
        note: what to look for in it.
        runs_mso: whether it reads what is between `<!--[if mso]>` and `<![endif]-->`, as Word's engine does.
        is_dark: whether what is around the mail is dark.
    """

    name: str
    note: str
    width: int
    rules: tuple[Removal, ...] = ()
    runs_mso: bool = False
    is_dark: bool = False


@dataclass(frozen=True)
class ClientView:
    """A mail as one client shows it: its HTML, and each rule that had something to do, with how often."""

    html: str
    done: tuple[tuple[Removal, int], ...]


def show(html: str, client: MailClient) -> ClientView:
    """The mail as that client shows it."""
    if client.runs_mso:
        html = _OFFICE_XML.sub("", _MSO.sub(r"\1", html))
    tree = lxml.html.document_fromstring(html)
    done = tuple((rule, times) for rule in client.rules if (times := rule.apply(tree)))
    return ClientView(lxml.html.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>"), done)


# --- what rules are made of


def _each(path: str, change: Callable[[Tree], object]) -> Callable[[Tree], int]:
    """A change of every node at the path."""

    def apply(tree: Tree) -> int:
        nodes = tree.xpath(path)
        for node in nodes:
            change(node)
        return len(nodes)

    return apply


def _drop(path: str) -> Callable[[Tree], int]:
    """A change that removes nodes, their text with them; what stands outside of the root element stays."""
    return _each(path, lambda node: node.getparent() is not None and node.drop_tree())


def _drop_property(
    *names: str, except_on: tuple[str, ...] = (), only_on: tuple[str, ...] = (), values: str = ""
) -> Callable[[Tree], int]:
    """A change that removes CSS properties from style attributes: on some elements, with some values."""
    wanted = re.compile(values)

    def goes(node: Tree, name: str, value: str) -> bool:
        is_named = any(name == wanted_name or name.startswith(f"{wanted_name}-") for wanted_name in names)
        is_here = node.tag not in except_on and (not only_on or node.tag in only_on)
        return is_named and is_here and bool(wanted.search(value))

    def apply(tree: Tree) -> int:
        times = 0
        for node in tree.xpath("//*[@style]"):
            declared = [part.partition(":") for part in node.get("style").split(";") if part.strip()]
            kept = [p for p in declared if not goes(node, p[0].strip().lower(), p[2].strip().lower())]
            times += len(declared) - len(kept)
            node.set("style", ";".join("".join(part) for part in kept))
        return times

    return apply


def _change_media(change: Callable[[re.Match[str]], str]) -> Callable[[Tree], int]:
    """Rewrite media queries in style sheets; those that stay as they are do not count."""

    def apply(tree: Tree) -> int:
        times = 0
        for style in tree.xpath("//style"):
            before = style.text or ""
            style.text = _MEDIA.sub(change, before)
            times += sum(change(match) != match[0] for match in _MEDIA.finditer(before))
        return times

    return apply


def _clip(tree: Tree) -> int:
    """Cut a body that is too long at the row where it would be."""
    rows = tree.xpath("//tr[not(.//tr)]")
    size = len(lxml.html.tostring(tree))
    times = 0
    for row in reversed(rows):
        if size <= CLIPPED_BYTES:
            break
        size -= len(lxml.html.tostring(row))
        row.drop_tree()
        times += 1
    if times:
        tree.body.append(lxml.html.fragment_fromstring(_CLIPPED))
    return times


def _invert(tree: Tree) -> int:
    """Turn the lightness of every literal colour over, as apps do that force a dark mode; pictures stay."""
    nodes = tree.xpath("//*[@style or @bgcolor]")
    for node in nodes:
        for name in ("style", "bgcolor"):
            if node.get(name):
                node.set(name, _COLOR.sub(_turned, node.get(name)))
    tree.body.set("style", f"{tree.body.get('style', '')};background-color:#121212;color:#e8e8e8")
    return len(nodes)


def _turned(match: re.Match[str]) -> str:
    digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
    hue, lightness, saturation = colorsys.rgb_to_hls(*(int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)))
    turned = colorsys.hls_to_rgb(hue, 0.07 + 0.86 * (1 - lightness), saturation)
    return "#" + "".join(f"{round(level * 255):02x}" for level in turned)


# --- the table

_EVERYWHERE = (
    Removal("scripts, frames and forms are removed", "html-form", _drop("//script|//iframe|//form|//object|//embed")),
    Removal("linked style sheets are removed", "html-link", _drop("//link")),
)
_GMAIL = (
    *_EVERYWHERE,
    Removal("comments are removed, conditional ones too", "html-comments", _drop("//comment()")),
    Removal("<style> in the body is removed", "html-style", _drop("//body//style")),
    Removal(
        "@media (prefers-color-scheme) is removed",
        "css-at-media-prefers-color-scheme",
        _change_media(lambda media: "" if "prefers-color-scheme" in media[1] else media[0]),
    ),
    Removal("position is removed", "css-position", _drop_property("position", "top", "left", "right", "bottom")),
    Removal("negative margins are removed", "css-margin", _drop_property("margin", values=r"(^|\s)-\d")),
    Removal("what comes after 102 KB is clipped", "https://github.com/hteumeuleu/email-bugs/issues/41", _clip),
)
_WORD = (
    *_EVERYWHERE,
    Removal("@media is ignored", "css-at-media", _change_media(lambda _media: "")),
    Removal("max-width is ignored", "css-max-width", _drop_property("max-width")),
    Removal(
        "width is ignored on div, p, span, img and body",
        "css-width",
        _drop_property("width", only_on=("div", "p", "span", "img", "body")),
    ),
    Removal(
        "a picture without a width attribute has its file's size",
        "css-width",
        _each("//img[not(@width)]", lambda image: image.set("style", _NATURAL_SIZE)),
    ),
    Removal("padding counts on table cells alone", "css-padding", _drop_property("padding", except_on=("td", "th"))),
    Removal("border-radius is ignored", "css-border-radius", _drop_property("border-radius")),
    Removal("box-sizing is ignored", "css-box-sizing", _drop_property("box-sizing")),
    Removal("position is ignored", "css-position", _drop_property("position", "top", "left", "right", "bottom")),
    Removal(
        "negative and automatic margins are ignored", "css-margin", _drop_property("margin", values=r"auto|(^|\s)-\d")
    ),
)
_DARK_ON = Removal(
    "@media (prefers-color-scheme: dark) applies",
    "css-at-media-prefers-color-scheme",
    _change_media(lambda media: _DARK.sub("all", media[0])),
)
_FORCED = Removal(
    "colours are turned over, pictures stay (how far differs by app: this is the most of it)",
    "https://mailpeek.pages.dev/blog/dark-mode-email-rendering.html",
    _invert,
)
_NO_IMAGES = Removal(
    "pictures wait for a click", "html-img", _each("//img[@src]", lambda picture: picture.attrib.pop("src"))
)

CLIENTS = (
    MailClient("Gmail", "in a browser: comments and colour schemes gone", 680, _GMAIL),
    MailClient("Outlook", "Windows, Word's engine: tables and attributes alone count", 680, _WORD, runs_mso=True),
    MailClient("Phone", "the Gmail app, 360 px wide", 360, _GMAIL),
    MailClient("Forced dark", "an app that turns colours over", 360, (*_GMAIL, _FORCED), is_dark=True),
    MailClient("Dark mode", "Apple Mail: the template's own dark colours", 680, (*_EVERYWHERE, _DARK_ON), is_dark=True),
    MailClient("Images off", "as mail is often first opened: alt text tells the story", 680, (*_GMAIL, _NO_IMAGES)),
)
"""The ways of reading that a preview shows."""
