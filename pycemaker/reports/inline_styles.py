"""Style sheets of a piece of HTML (a pandas Styler brings one) as style attributes, which is all a mail knows.

Sheets that it only names are left where they are, on the web or on this machine: what a notebook shows may come from
its data, and must not make this process ask for anything.
"""

from __future__ import annotations

import re

import css_inline

_OWN_STYLE = re.compile(r'<style data-pycemaker="">.*?</style>', re.DOTALL)


def inline_styles(html: str) -> str:
    """The piece with its styles inlined; the report's own sheet goes, since the page has it."""
    if "<style" in html:
        html = _OWN_STYLE.sub("", html)
        if "<style" in html:
            html = css_inline.inline_fragment(html, "", load_remote_stylesheets=False)
    return html


def inline_page(html: str) -> str:
    """Every rule of a page's style sheet as style attributes; only what the template marks `keep` stays in the head."""
    inliner = css_inline.CSSInliner(apply_width_attributes=True, load_remote_stylesheets=False)
    return str(inliner.inline(html))
