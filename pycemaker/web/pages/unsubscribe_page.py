"""The page of a link to leave a report, in the readers' language: what the address gets now, and a form. No script.

A form, since mail scanners and previews follow every link in a mail: to look at this page changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from pycemaker.i18n.language import _
from pycemaker.mail.suppressions import EVERY_REPORT, OPERATOR, Suppression, inbox
from pycemaker.mail.unsubscribe import Subscription
from pycemaker.web.pages import form_page

LEAVE, LEAVE_ALL, RETURN = "cancelar", "cancelar-todos", "voltar"
"""What the form's button may say."""


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
        return form_page.page(_("Envio bloqueado"), _said(told))
    if suppressions and not _own(subscription, suppressions):
        return _left_by_inbox(subscription, whom, what, notebooks)
    if EVERY_REPORT in notebooks:
        told = _("{whom} não recebe mais nenhum relatório.", whom=whom)
        return form_page.page(_("Recebimento cancelado"), _said(told) + form_page.form((RETURN, _("Voltar a receber"))))
    if notebooks:
        told = _("{whom} não recebe mais o relatório {what}.", whom=whom, what=what)
        more = (LEAVE_ALL, _("Cancelar todos os relatórios"))
        return form_page.page(
            _("Recebimento cancelado"), _said(told) + form_page.form((RETURN, _("Voltar a receber")), more)
        )
    told = _("{whom} recebe o relatório {what}. Deseja cancelar o recebimento?", whom=whom, what=what)
    buttons = form_page.form((LEAVE, _("Cancelar este relatório")), (LEAVE_ALL, _("Cancelar todos os relatórios")))
    fine = _("Abrir esta página não muda nada; o cancelamento vale assim que você confirmar.")
    return form_page.page(_("Cancelar o recebimento"), f'<p>{told}</p>{buttons}<p class="fine">{fine}</p>')


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
        buttons = form_page.form((LEAVE_ALL, _("Cancelar todos os relatórios")))
    more = _("Para voltar a receber, use o link de um e-mail enviado a {inbox}.", inbox=left)
    return form_page.page(_("Recebimento cancelado"), _said(f"{told} {more}") + buttons)


def unknown_link() -> str:
    """For a link that is none: what to do instead."""
    told = _(
        "Este link de cancelamento não é válido. Use o link de um e-mail mais recente ou responda a quem o enviou."
    )
    return form_page.page(_("Link inválido"), f"<p>{told}</p>")


def _said(sentence: str) -> str:
    return f'<p role="status">{sentence}</p>'
