"""Pages of one question or one answer, in the readers' language: a heading, a sentence or two, a form. No script."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from pycemaker import brand
from pycemaker.i18n.language import spoken

ACTION = "acao"
"""The name of every button; its value says what it asks for."""

_STYLE = """
:root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}
*{{box-sizing:border-box}}body{{margin:0;background:var(--ground);color:var(--ink);
font:17px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}}
main{{max-width:560px;margin:8vh auto;padding:28px 24px;background:var(--sheet);border-radius:12px}}
h1{{margin:0 0 12px;font-size:24px;line-height:1.25}}p{{margin:0 0 16px}}strong{{overflow-wrap:anywhere}}
.fine{{color:var(--muted);font-size:14.5px;margin:20px 0 0}}form{{display:flex;flex-wrap:wrap;gap:12px}}
button{{font:inherit;font-weight:600;min-height:44px;padding:8px 20px;border-radius:8px;border:2px solid var(--link);
background:var(--brand);color:var(--on-brand);cursor:pointer}}button.second{{background:none;color:var(--link)}}
button:focus-visible{{outline:3px solid var(--ink);outline-offset:2px}}
"""


def headers(page_html: str, referrer: str = "no-referrer") -> dict[str, str]:
    """What goes with a page: it is framed by nobody, and kept out of caches and search engines.

    Args:
        page_html: of `page`.
        referrer: its Referrer-Policy. With `no-referrer`, for a page whose address is a key, its form's POST has no
            origin either.
    """
    digest = hashlib.sha256(page_html.partition("<style>")[2].partition("</style>")[0].encode()).digest()
    policy = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'sha256-{}'"
    return {
        "Content-Security-Policy": policy.format(base64.b64encode(digest).decode()),
        "Cache-Control": "no-store",
        "Referrer-Policy": referrer,
        "X-Robots-Tag": "noindex, nofollow",
    }


_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} — {name}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def page(title: str, content: str) -> str:
    """The page; `title` and `content` are HTML."""
    own = brand.load()
    style = _STYLE.format(light=own.variables(own.light), dark=own.variables(own.dark))
    return _PAGE.format(language=spoken().tag, title=title, name=escape(own.name), style=style, content=content)


def form(*buttons: tuple[str, str]) -> str:
    """A form to the page's own address, which a proxy may have put elsewhere than here.

    Args:
        buttons: the value of ACTION and a label (HTML) each, the main one first.
    """
    inputs = "".join(
        f'<button name="{ACTION}" value="{value}"{" class=second" if number else ""}>{label}</button>'
        for number, (value, label) in enumerate(buttons)
    )
    return f'<form method="post">{inputs}</form>'
