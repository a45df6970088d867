"""The list of reports: a summary of each record, and the page at `/reports` for browsers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pycemaker import errors, i18n
from pycemaker.jobs import states
from pycemaker.parsing.route_paths import REPORTS_PATH
from pycemaker.web.pages.templating import render
from pycemaker.window import to_iso_text

STATE_NAMES = {
    states.QUEUED: "na fila",
    states.RUNNING: "sendo feito",
    states.RENDERED: "pronto para envio",
    states.SENDING: "sendo enviado",
    states.DEFERRED: "nova tentativa em breve",
    states.SENT: "enviado",
    states.WRITTEN: "na caixa de saída",
    states.PARTLY_SENT: "enviado em parte",
    states.POSSIBLY_SENT: "talvez enviado",
    states.REFUSED: "recusado",
    states.SUPPRESSED: "não enviado a pedido",
    states.QUIET: "sem novidades: não enviado",
    states.FAILED: "falhou",
    states.EXPIRED: "desistimos",
}
"""The states of reports and recipients in Portuguese."""

_GOOD = (states.SENT, states.WRITTEN)
_BAD = (states.REFUSED, states.FAILED, states.EXPIRED)
_SUMMARY_KEYS = (
    *("id", "state", "application", "notebook", "parameters", "start", "end", "hours", "asked_at", "ended_at"),
    *("subject", "stage", "progress", "seconds", "recipients", "request_id"),
)


def summary(record: Mapping[str, Any], base_path: str = "") -> dict[str, Any]:
    """A report in the list; `url` leads to the whole record, `reason` says why somebody does not have it."""
    named = {name: record[name] for name in _SUMMARY_KEYS if name in record}
    reasons = [recipient["reason"] for recipient in record["recipients"] if "reason" in recipient]
    reason = errors.from_facts(record["error"]).in_portuguese() if "error" in record else next(iter(reasons), None)
    return named | {"url": f"{base_path}{REPORTS_PATH}/{record['id']}.json", "reason": reason}


def next_page(jobs: Sequence[Mapping[str, Any]], count: int, base_path: str = "") -> str | None:
    """The URL of the page after the one of these jobs; None after the last one."""
    if len(jobs) != count:
        return None
    return f"{base_path}{REPORTS_PATH}?limit={count}&before={quote(to_iso_text(jobs[-1]['asked_at']))}"


def page(records: Sequence[Mapping[str, Any]], next_url: str | None, zone: ZoneInfo, base_path: str = "") -> str:
    """The list for a person, instants in `zone`, links below `base_path`."""
    return render(
        "report_list.html",
        zone=zone.key,
        rows=[row(record, zone, base_path) for record in records],
        next_url=next_url,
        base_path=base_path,
    )


def row(record: Mapping[str, Any], zone: ZoneInfo, base_path: str = "") -> dict[str, Any]:
    """A report's row, for the template."""
    state = record["state"]
    return {
        "asked_at": i18n.clock(datetime.fromisoformat(record["asked_at"]), zone, "dd/MM/yyyy HH:mm:ss"),
        "page_url": f"{base_path}{REPORTS_PATH}/{record['id']}",
        "title": record.get("subject") or record["notebook"],
        "reason": record["reason"],
        "recipients": [
            {"address": each["address"], "other_state": "" if each["state"] == state else _name(each["state"])}
            for each in record["recipients"]
        ],
        "state": _name(state),
        "kind": "good" if state in _GOOD else "bad" if state in _BAD else "open",
        "duration": i18n.decimal(record["seconds"], 1) + " s" if record["seconds"] else i18n.NOTHING,
        "record_url": record["url"],
    }


def _name(state: str) -> str:
    return STATE_NAMES.get(state, state)
