"""The page of a report that has no page of its own: it is being made, or failed. Portuguese, without a script."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker import errors, i18n
from pycemaker.jobs import states
from pycemaker.parsing.route_paths import REPORTS_PATH
from pycemaker.web.pages import message_page
from pycemaker.web.pages.report_list import STATE_NAMES
from pycemaker.window import Window


def page(record: Mapping[str, Any], zone: ZoneInfo, base_path: str = "", *, is_whole: bool, source: str = "") -> str:
    """The report's state, its failed cell, the reason.

    Args:
        record: of the report, as this caller may see it.
        is_whole: whether the caller may see recipients and the words of exceptions; others see what happened.
        source: the failed cell's, for such callers; empty where no cell failed.
    """
    error = errors.from_facts(record["error"]) if "error" in record else None
    reasons = [each["reason"] for each in record["recipients"] if "reason" in each]
    if error is not None and is_whole:
        reasons.insert(0, str(error.facts.get("reason", "")))
    window = Window(datetime.fromisoformat(record["end"]), record["hours"])
    details = {
        "Período": f"{i18n.period(window, zone)} ({i18n.length(window.hours)})",
        "Aplicação": record.get("application", ""),
        "Notebook": record["notebook"],
        "Pedido em": i18n.clock(datetime.fromisoformat(record["asked_at"]), zone, "dd/MM/yyyy HH:mm:ss"),
        "Posição na fila": str(record.get("place", "")),
        "Pronto em": f"cerca de {i18n.duration(seconds)}" if (seconds := record.get("ready_in_seconds")) else "",
        "Para": "; ".join(each["address"] for each in record["recipients"]) if is_whole else "",
        "Célula": str(error.facts.get("cell") or "") if error is not None else "",
        "Motivo": next(filter(None, reasons), "") if is_whole else "",
    }
    is_open = record["state"] in states.OPEN
    links = [(f"{base_path}{REPORTS_PATH}/{record['id']}.json", "Registro completo")]
    links += [(f"{base_path}{REPORTS_PATH}/{record['id']}.ipynb", "Notebook até a falha")] if source else []
    return message_page.page(
        f"Relatório: {STATE_NAMES.get(record['state'], record['state'])}",
        error.in_portuguese() if error is not None else "Esta página se atualiza sozinha." if is_open else "",
        details=[(label, text) for label, text in details.items() if text],
        source=source,
        fine_print="" if is_whole or is_open else "O motivo inteiro é mostrado em Relatórios a quem tem o token.",
        links=[*links, (f"{base_path}{REPORTS_PATH}", "Relatórios")],
    )
