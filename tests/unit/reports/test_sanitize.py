"""CSS and classes of a notebook's HTML: what hides or covers does not stay, however it is written."""

from __future__ import annotations

import pytest

from pycemaker.reports.inline_styles import inline_page
from pycemaker.reports.sanitize import sanitize_html


def style_of(style: str) -> str:
    html = sanitize_html(f'<p style="{style}">x</p>')
    return html.removeprefix('<p style="').removesuffix('">x</p>')


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("color: rgb(1, 2, 3) !important; margin : 0 0 0 1em", "color: rgb(1, 2, 3) !important; margin: 0 0 0 1em;"),
        ("font-family:&quot;Segoe UI&quot;, Arial", "font-family:&quot;Segoe UI&quot;, Arial;"),
        ("width:calc(100% - 2px);color:#ff0;font-size:1.5em", "width:calc(100% - 2px);color:#ff0;font-size:1.5em;"),
        ("border:1px solid red;position:fixed", "border:1px solid red;"),
    ],
)
def test_listed_properties_stay_as_they_are(style: str, kept: str) -> None:
    assert style_of(style) == kept


@pytest.mark.parametrize(
    "style",
    [
        "font-family:'a;display:none;b'",
        "font-family:'a\\3b display:none'",
        "font-family:x\\3b display\\3a none",
        "color:a/*;display:none;*/;d:none",
        "color:rgb('a;display:none')",
        "width:calc(1px);font-family:rgb(';display:none;')",
        "color:{;display:none;}",
        "color:[;display:none;]",
        "color:(;display:none;)",
        "font-family:'</style>'",
        "font-family:'x",
        "color:url(x;display:none)",
    ],
)
def test_no_declaration_carries_another_one(style: str) -> None:
    kept = style_of(f"{style};text-align:left")
    assert "display" not in kept
    assert "style>" not in kept
    assert "display" not in inline_page(sanitize_html(f'<p style="{style}">x</p>'))


def test_a_class_that_the_mail_hides_does_not_stay() -> None:
    assert sanitize_html('<p class="own pm-preheader pm-finding">x</p>') == '<p class="own pm-finding">x</p>'
