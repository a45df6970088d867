"""Style sheets as style attributes, the only CSS that all mail programs read. A pandas Styler brings a sheet, too.

Linked sheets are not fetched: a notebook's HTML may come from its data, and must not make this process send requests.
"""

import re

import css_inline

_OWN_STYLE = re.compile(r'<style data-pycemaker="">.*?</style>', re.DOTALL)


def inline_styles(html: str) -> str:
    """A fragment with its styles inlined; the report's own sheet is removed, since the page has it."""
    if "<style" in html:
        html = _OWN_STYLE.sub("", html)
        if "<style" in html:
            html = css_inline.inline_fragment(html, "", load_remote_stylesheets=False)
    return html


def inline_page(html: str) -> str:
    """A page with its styles inlined; only sheets that the template marks `keep` stay in the head."""
    inliner = css_inline.CSSInliner(apply_width_attributes=True, load_remote_stylesheets=False)
    return str(inliner.inline(html))
