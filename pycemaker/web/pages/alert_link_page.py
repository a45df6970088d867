"""The page of the link in an alert's mail, in the readers' language: the alerts as they are now, and a form. No script.

Mail scanners and previews follow every link in a mail, so opening the page changes nothing: only the form does.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.i18n.language import _, pgettext
from pycemaker.monitor.alert_history import Alert
from pycemaker.presentation import alert_wording
from pycemaker.web.pages import message_page

ACKNOWLEDGE, UNMUTE = "reconhecer", "reativar"
MUTES = {"silenciar-1": 1, "silenciar-8": 8, "silenciar-24": 24}
"""The values of the form's buttons; of those that mute, the hours."""


def page(alerts: Sequence[Alert], muted_until: datetime | None, zone: ZoneInfo) -> str:
    """The page of the alerts of one mail.

    Args:
        alerts: one or more.
        muted_until: until when nothing is mailed of them; None where they are not muted.
        zone: the readers'.
    """
    details = [("", alert_wording.headline(alert, zone)) for alert in alerts]
    is_open = any(alert.is_open for alert in alerts)
    acknowledged = [alert.acknowledged_at for alert in alerts if alert.is_open and alert.acknowledged_at]
    if not is_open:
        return message_page.page(_("Alerta terminado"), _("Não há nada a reconhecer."), details=details)
    buttons = [] if acknowledged else [(ACKNOWLEDGE, _("Reconhecer: alguém já cuida disso"))]
    if muted_until:
        buttons.append((UNMUTE, _("Voltar a receber avisos")))
    else:
        buttons += [(name, _("Silenciar por {hours} h", hours=hours)) for name, hours in MUTES.items()]
    sentences = []
    if acknowledged:
        sentences.append(_("Reconhecido: não será repetido; o fim será avisado."))
    if muted_until:
        until = i18n.clock(muted_until, zone, pgettext("date", "dd/MM/yyyy HH:mm"))
        sentences.append(_("Silenciado até {until}.", until=until))
    return message_page.page(
        _("Alerta"),
        " ".join(sentences) or _("O que fazer com este alerta?"),
        is_status=bool(sentences),
        details=details,
        buttons=buttons,
        fine_print=_("Abrir esta página não muda nada; vale o botão."),
    )


def unknown_link() -> str:
    """The page for a link that is not valid: what to do instead."""
    return message_page.page(_("Link inválido"), _("Este link não é válido. Use o de um e-mail mais recente."))
