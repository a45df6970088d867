"""The page for a person who followed a link to a report from elsewhere: what would be sent to whom, and a button."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.i18n.language import _
from pycemaker.reports.model import ReportRequest
from pycemaker.web.pages import form_page

SEND = "enviar"
"""What the button asks for."""


def question(wanted: ReportRequest, title: str, zone: ZoneInfo) -> str:
    """What would be sent, and the button that has it sent.

    Args:
        wanted: checked already.
        title: the report's, for readers.
        zone: of the readers.
    """
    whom = "; ".join(f"<strong>{escape(address)}</strong>" for address in wanted.recipients)
    report = f"<strong>{escape(_(title))}</strong>"
    period = escape(i18n.period_in_sentence(wanted.window, zone))
    told = _(
        "O relatório {report} {period} será feito agora e enviado para {whom}.", report=report, period=period, whom=whom
    )
    fine = _("Um link trouxe você até aqui. Abrir esta página não envia nada: o relatório só sai se você confirmar.")
    button = form_page.form((SEND, _("Enviar o relatório")))
    return form_page.page(_("Enviar este relatório?"), f'<p>{told}</p>{button}<p class="fine">{fine}</p>')


def outcome(body: Mapping[str, Any], base_path: str) -> str:
    """What became of it, in the sentence that a program gets, with a link to the report's page where there is one.

    Args:
        body: what a program gets.
        base_path: under which readers reach this API.
    """
    report_id = body.get("report", {}).get("id") if "error" not in body and "url" not in body else None
    label = _("Abrir a página do relatório")
    link = f'<p><a href="{escape(base_path)}/reports/{quote(report_id)}">{label}</a></p>' if report_id else ""
    return form_page.page(escape(body["msg"]), link)
