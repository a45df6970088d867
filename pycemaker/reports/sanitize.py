"""HTML from a notebook, cut down to what is safe and works in a mail."""

from __future__ import annotations

import re
from functools import cache

from bleach import Cleaner
from bleach.css_sanitizer import CSSSanitizer

_TABLE_TAGS = {"table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"}
_BLOCK_TAGS = {"blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre"}
_LIST_TAGS = {"li", "ol", "ul"}
_TEXT_TAGS = {
    "a",
    "abbr",
    "b",
    "code",
    "del",
    "em",
    "i",
    "ins",
    "kbd",
    "mark",
    "q",
    "s",
    "small",
    "span",
    "strong",
    "u",
}
_ELSEWHERE = re.compile(r"\s*(?:https?://|mailto:)", re.IGNORECASE)
"""Where a link may lead; one without a scheme leads nowhere from a mail, and from the page to what acts here."""
_CELL_ATTRIBUTES = ["colspan", "rowspan", "width", "valign", "bgcolor"]
_ATTRIBUTES = {
    "*": ["class", "style", "title", "align", "lang"],
    "a": lambda _tag, name, text: name == "href" and _ELSEWHERE.match(text) is not None,
    "col": ["span", "width"],
    "ol": ["start", "type"],
    "table": ["border", "cellpadding", "cellspacing", "width", "role"],
    "td": _CELL_ATTRIBUTES,
    "th": [*_CELL_ATTRIBUTES, "scope", "abbr"],
}
# No `background` (it takes a url), no position, no display: nothing that fetches, covers or hides.
_SIDES = ("top", "bottom", "left", "right")
_STYLES = {
    *("color", "background-color", "width", "max-width", "height", "line-height", "letter-spacing", "white-space"),
    *("text-align", "text-decoration", "text-transform", "vertical-align"),
    *("font-family", "font-size", "font-style", "font-variant", "font-weight"),
    *(
        "border",
        "border-collapse",
        "border-color",
        "border-spacing",
        "border-style",
        "border-width",
        "margin",
        "padding",
    ),
    *(f"{box}-{side}" for box in ("border", "margin", "padding") for side in _SIDES),
}
_WITH_CONTENT = re.compile(
    r"<(script|style|title|template|iframe|object|svg|math|noscript)\b[^>]*>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)


_FUNCTIONS = {"rgb", "rgba", "hsl", "hsla", "calc"}


class _Styles(CSSSanitizer):  # type: ignore[misc]
    """Of the properties that may stay, only values that neither fetch nor run: no `url()`, no `expression()`."""

    def sanitize_css(self, style: str) -> str:
        kept = str(super().sanitize_css(style)).split(";")
        return ";".join(declaration for declaration in kept if _is_plain(declaration))


def _is_plain(declaration: str) -> bool:
    return "\\" not in declaration and set(re.findall(r"([\w-]*)\(", declaration.lower())) <= _FUNCTIONS


def sanitize_html(html: str) -> str:
    """The HTML without scripts, frames, forms, pictures, event handlers, and links other than to the web or a mailbox.

    Tags that are not allowed go and their text stays; scripts and style sheets go with their content. Unbalanced
    markup is closed, so that no cell's HTML can break out of its place.
    """
    return str(_cleaner().clean(_WITH_CONTENT.sub("", html)))


@cache
def _cleaner() -> Cleaner:
    return Cleaner(
        tags=_TABLE_TAGS | _BLOCK_TAGS | _LIST_TAGS | _TEXT_TAGS,
        attributes=_ATTRIBUTES,
        protocols={"http", "https", "mailto"},
        strip=True,
        strip_comments=True,
        css_sanitizer=_Styles(allowed_css_properties=_STYLES, allowed_svg_properties=[]),
    )
