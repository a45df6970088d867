"""Small pages in the readers' language: a heading, a message, facts, a form, links. No script."""

import base64
import hashlib
from collections.abc import Sequence

from pycemaker.i18n.language import spoken
from pycemaker.web.pages.templating import render

ACTION = "acao"
"""The name of every button; its value is what the button asks for."""
CHECK, SAVE, REMOVE = "conferir", "salvar", "remover"
"""The values of buttons that several forms have."""
LONGEST_FORM_BYTES = 4096
"""The longest body of a form whose buttons are all that is read of it."""
TOKEN = "api_token"  # noqa: S105 - a field's name
"""The field of the token: a form cannot send it in a header."""


def headers(page_html: str, referrer: str = "no-referrer") -> dict[str, str]:
    """The headers of a page: no frame around it, no cache, no search engine.

    Args:
        page_html: of `page`.
        referrer: its Referrer-Policy. `no-referrer` is for pages whose URL is a secret; the browser then sends
            `Origin: null` with the form.
    """
    digest = hashlib.sha256(page_html.partition("<style>")[2].partition("</style>")[0].encode()).digest()
    policy = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'sha256-{}'"
    return {
        "Content-Security-Policy": policy.format(base64.b64encode(digest).decode()),
        "Cache-Control": "no-store",
        "Referrer-Policy": referrer,
        "X-Robots-Tag": "noindex, nofollow",
    }


def page(
    title: str,
    message: str,
    *,
    is_status: bool = False,
    buttons: Sequence[tuple[str, str]] = (),
    fine_print: str = "",
    details: Sequence[tuple[str, str]] = (),
    source: str = "",
    links: Sequence[tuple[str, str]] = (),
) -> str:
    """The page. Texts are escaped unless they are Markup.

    Args:
        title: heading and title.
        message: a sentence or two.
        is_status: whether the message is the outcome of what the reader did, which screen readers announce.
        buttons: of a form that posts to the page's own address: value of ACTION and label each, the main one first.
        fine_print: a remark below the form.
        details: a label and a text each, in a list below the message.
        source: code, shown as it stands.
        links: an address and its label each.
    """
    return render(
        "message_page.html",
        language=spoken().tag,
        title=title,
        message=message,
        is_status=is_status,
        action=ACTION,
        buttons=buttons,
        fine_print=fine_print,
        details=details,
        source=source,
        links=links,
    )
