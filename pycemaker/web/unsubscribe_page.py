"""The page of a link to leave a report, in the readers' language: what the address gets now, and a form. No script.

A form, since mail scanners and previews follow every link in a mail: to look at this page changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from html import escape

from pycemaker import brand
from pycemaker.data.suppressions import EVERY_REPORT, OPERATOR, Suppression, inbox
from pycemaker.language import _, spoken
from pycemaker.report.unsubscribe import Subscription

LEAVE, LEAVE_ALL, RETURN = "cancelar", "cancelar-todos", "voltar"
"""What the form's button `acao` may say."""

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


def headers(page_html: str) -> dict[str, str]:
    """What goes with a page. Its address is a key: it is kept out of caches, search engines and what sites are told."""
    digest = hashlib.sha256(page_html.partition("<style>")[2].partition("</style>")[0].encode()).digest()
    policy = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'sha256-{}'"
    return {
        "Content-Security-Policy": policy.format(base64.b64encode(digest).decode()),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
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


def page(subscription: Subscription, title: str, suppressions: Sequence[Suppression]) -> str:
    """What the address gets of this report, and the form.

    Args:
        subscription: whom and what the link is for.
        title: the report's title for readers.
        suppressions: those that keep this report from the address.
    """
    whom = f"<strong>{escape(subscription.address)}</strong>"
    what = f"<strong>{escape(_(title))}</strong>"
    notebooks = {suppression.notebook for suppression in suppressions}
    if any(suppression.by == OPERATOR for suppression in suppressions):
        told = _("Quem opera este serviço bloqueou o envio de relatórios para {whom}.", whom=whom)
        return _page(_("Envio bloqueado"), _said(told))
    if suppressions and not _own(subscription, suppressions):
        return _left_by_inbox(subscription, whom, what, notebooks)
    if EVERY_REPORT in notebooks:
        told = _("{whom} não recebe mais nenhum relatório.", whom=whom)
        return _page(_("Recebimento cancelado"), _said(told) + _form((RETURN, _("Voltar a receber"))))
    if notebooks:
        told = _("{whom} não recebe mais o relatório {what}.", whom=whom, what=what)
        more = (LEAVE_ALL, _("Cancelar todos os relatórios"))
        return _page(_("Recebimento cancelado"), _said(told) + _form((RETURN, _("Voltar a receber")), more))
    told = _("{whom} recebe o relatório {what}. Deseja cancelar o recebimento?", whom=whom, what=what)
    buttons = _form((LEAVE, _("Cancelar este relatório")), (LEAVE_ALL, _("Cancelar todos os relatórios")))
    fine = _("Abrir esta página não muda nada; o cancelamento vale assim que você confirmar.")
    return _page(_("Cancelar o recebimento"), f'<p>{told}</p>{buttons}<p class="fine">{fine}</p>')


def _own(subscription: Subscription, suppressions: Sequence[Suppression]) -> list[Suppression]:
    """Those that the link can lift: of the address itself."""
    return [each for each in suppressions if each.address == subscription.address.lower()]


def _left_by_inbox(subscription: Subscription, whom: str, what: str, notebooks: Collection[str]) -> str:
    """For a tag of an inbox that has left: nothing comes, and this link cannot change that."""
    left = f"<strong>{escape(inbox(subscription.address))}</strong>"
    if EVERY_REPORT in notebooks:
        told = _("{whom} não recebe nenhum relatório, porque {inbox} cancelou o recebimento.", whom=whom, inbox=left)
        buttons = ""
    else:
        told = _(
            "{whom} não recebe o relatório {what}, porque {inbox} cancelou o recebimento.",
            whom=whom,
            what=what,
            inbox=left,
        )
        buttons = _form((LEAVE_ALL, _("Cancelar todos os relatórios")))
    more = _("Para voltar a receber, use o link de um e-mail enviado a {inbox}.", inbox=left)
    return _page(_("Recebimento cancelado"), _said(f"{told} {more}") + buttons)


def unknown_link() -> str:
    """For a link that is none: what to do instead."""
    told = _(
        "Este link de cancelamento não é válido. Use o link de um e-mail mais recente ou responda a quem o enviou."
    )
    return _page(_("Link inválido"), f"<p>{told}</p>")


def _said(sentence: str) -> str:
    return f'<p role="status">{sentence}</p>'


def _form(*buttons: tuple[str, str]) -> str:
    """A form to the page's own address, which a proxy may have put elsewhere than here."""
    inputs = "".join(
        f'<button name="acao" value="{value}"{" class=second" if place else ""}>{label}</button>'
        for place, (value, label) in enumerate(buttons)
    )
    return f'<form method="post">{inputs}</form>'


def _page(title: str, content: str) -> str:
    own = brand.load()
    style = _STYLE.format(light=own.variables(own.light), dark=own.variables(own.dark))
    return _PAGE.format(language=spoken().tag, title=title, name=escape(own.name), style=style, content=content)
