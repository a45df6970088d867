"""The page of an unsubscribe link, in the readers' language: what the address receives now, and a form. No script.

Mail scanners and previews follow every link in a mail, so opening the page changes nothing: only the form does.
"""

from collections.abc import Collection, Sequence

from pycemaker.i18n.language import _
from pycemaker.mail.suppressions import EVERY_REPORT, OPERATOR, Suppression, inbox
from pycemaker.mail.unsubscribe import Subscription
from pycemaker.web.pages import message_page
from pycemaker.web.pages.templating import markup, strong

LEAVE, LEAVE_ALL, RETURN = "cancelar", "cancelar-todos", "voltar"
"""The values of the form's buttons."""


def page(subscription: Subscription, title: str, suppressions: Sequence[Suppression]) -> str:
    """The page for an address and a report. `suppressions`: those that keep this report from the address."""
    whom, what = strong(subscription.address), strong(_(title))
    notebooks = {suppression.notebook for suppression in suppressions}
    if any(suppression.by == OPERATOR for suppression in suppressions):
        message = markup(_("Quem opera este serviço bloqueou o envio de relatórios para {whom}."), whom=whom)
        return message_page.page(_("Envio bloqueado"), message, is_status=True)
    if suppressions and not _own(subscription, suppressions):
        return _left_by_inbox(subscription, whom, what, notebooks)
    come_back, leave_all = (RETURN, _("Voltar a receber")), (LEAVE_ALL, _("Cancelar todos os relatórios"))
    if EVERY_REPORT in notebooks:
        message = markup(_("{whom} não recebe mais nenhum relatório."), whom=whom)
        return message_page.page(_("Recebimento cancelado"), message, is_status=True, buttons=[come_back])
    if notebooks:
        message = markup(_("{whom} não recebe mais o relatório {what}."), whom=whom, what=what)
        return message_page.page(_("Recebimento cancelado"), message, is_status=True, buttons=[come_back, leave_all])
    return message_page.page(
        _("Cancelar o recebimento"),
        markup(_("{whom} recebe o relatório {what}. Deseja cancelar o recebimento?"), whom=whom, what=what),
        buttons=[(LEAVE, _("Cancelar este relatório")), leave_all],
        fine_print=_("Abrir esta página não muda nada; o cancelamento vale assim que você confirmar."),
    )


def _own(subscription: Subscription, suppressions: Sequence[Suppression]) -> list[Suppression]:
    """The suppressions of the address itself, which its link can lift."""
    return [each for each in suppressions if each.address == subscription.address.lower()]


def _left_by_inbox(subscription: Subscription, whom: str, what: str, notebooks: Collection[str]) -> str:
    """The page for a tagged address (`ana+x@`) whose inbox has left: this link cannot lift that."""
    left = strong(inbox(subscription.address))
    if EVERY_REPORT in notebooks:
        message = _("{whom} não recebe nenhum relatório, porque {inbox} cancelou o recebimento.")
        buttons = []
    else:
        message = _("{whom} não recebe o relatório {what}, porque {inbox} cancelou o recebimento.")
        buttons = [(LEAVE_ALL, _("Cancelar todos os relatórios"))]
    more = _("Para voltar a receber, use o link de um e-mail enviado a {inbox}.")
    sentences = markup(f"{message} {more}", whom=whom, what=what, inbox=left)
    return message_page.page(_("Recebimento cancelado"), sentences, is_status=True, buttons=buttons)


def unknown_link() -> str:
    """The page for a link that is not valid: what to do instead."""
    message = _(
        "Este link de cancelamento não é válido. Use o link de um e-mail mais recente ou responda a quem o enviou."
    )
    return message_page.page(_("Link inválido"), message)
