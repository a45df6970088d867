"""The page for a person who followed a link to a report from elsewhere: what would be sent to whom, and a button."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.i18n.language import _
from pycemaker.parsing.route_paths import REPORTS_PATH
from pycemaker.reports.report_model import ReportRequest
from pycemaker.web.pages import message_page
from pycemaker.web.pages.templating import markup, strong

SEND = "enviar"  # The value of the button


def question(report_request: ReportRequest, title: str, zone: ZoneInfo) -> str:
    """The page that says what would be sent, with the button that sends it."""
    message = markup(
        _("O relatório {report} {period} será feito agora e enviado para {whom}."),
        report=strong(" · ".join(filter(None, (_(title), report_request.application)))),
        period=i18n.period_in_sentence(report_request.window, zone),
        whom=markup("; ").join(strong(address) for address in report_request.recipients),
    )
    fine_print = _(
        "Um link trouxe você até aqui. Abrir esta página não envia nada: o relatório só sai se você confirmar."
    )
    buttons = [(SEND, _("Enviar o relatório"))]
    return message_page.page(_("Enviar este relatório?"), message, buttons=buttons, fine_print=fine_print)


def outcome(body: Mapping[str, Any], base_path: str) -> str:
    """The page after the button: the API's sentence, with a link to the report's page where there is one."""
    report_id = body.get("report_id") or body.get("report", {}).get("id")
    label = _("Abrir a página do relatório")
    links = [(f"{base_path}{REPORTS_PATH}/{quote(report_id)}", label)] if report_id else []
    return message_page.page(body["msg"], "", links=links)
