"""The list of reports: each in brief, and the page of them for a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pycemaker import brand, errors, i18n
from pycemaker.jobs import states
from pycemaker.web.pages import home

STATE_WORDS = {
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
    states.FAILED: "falhou",
    states.EXPIRED: "desistimos",
}
"""A report's state in the words of its readers."""

_GOOD = (states.SENT, states.WRITTEN)
_BAD = (states.REFUSED, states.FAILED, states.EXPIRED)
_BRIEF = (
    *("id", "state", "notebook", "parameters", "start", "end", "hours", "asked_at", "ended_at", "subject", "stage"),
    *("progress", "seconds", "recipients", "request_id"),
)


def brief(record: Mapping[str, Any], base_path: str = "") -> dict[str, Any]:
    """What the list says of a report; `url` is where the whole record is, `reason` why it is not with everybody."""
    told = {name: record[name] for name in _BRIEF if name in record}
    reasons = [one["reason"] for one in record["recipients"] if "reason" in one]
    reason = errors.from_facts(record["error"]).in_portuguese() if "error" in record else next(iter(reasons), None)
    return told | {"url": f"{base_path}/reports/{record['id']}.json", "reason": reason}


def following(records: Sequence[Mapping[str, Any]], count: int, base_path: str = "") -> str | None:
    """Where the list goes on; None where it has ended."""
    if len(records) != count:
        return None
    return f"{base_path}/reports?limit={count}&before={quote(records[-1]['asked_at'])}"


def page(records: Sequence[Mapping[str, Any]], next_url: str | None, zone: ZoneInfo, base_path: str = "") -> str:
    """The list for a person, instants in `zone`, links below `base_path`."""
    own = brand.load()
    rows = "".join(_row(record, zone, base_path) for record in records)
    body = _TABLE.format(rows=rows) if rows else '<p class="none">Nenhum relatório foi pedido ainda.</p>'
    more = f'<p><a href="{escape(next_url)}">Mais antigos</a></p>' if next_url else ""
    style = home.palettes(own) + _STYLE
    return _PAGE.format(
        name=escape(own.name), style=style, zone=escape(zone.key), body=body + more, base=escape(base_path)
    )


def _row(record: Mapping[str, Any], zone: ZoneInfo, base_path: str) -> str:
    asked_at = i18n.clock(datetime.fromisoformat(record["asked_at"]), zone, "dd/MM/yyyy HH:mm:ss")
    state = record["state"]
    kind = "good" if state in _GOOD else "bad" if state in _BAD else "open"
    reason = f'<span class="fine">{escape(record["reason"])}</span>' if record["reason"] else ""
    subject = escape(record.get("subject") or record["notebook"])
    title = f'<a href="{escape(base_path)}/reports/{record["id"]}">{subject}</a>' if "subject" in record else subject
    people = "".join(
        f'<div>{escape(one["address"])} <span class="fine">{STATE_WORDS.get(one["state"], one["state"])}</span></div>'
        for one in record["recipients"]
    )
    seconds = i18n.decimal(record["seconds"], 1) + " s" if record["seconds"] else i18n.NOTHING
    return (
        f'<tr><th scope="row">{escape(asked_at)}</th><td>{title}{reason}</td><td>{people}</td>'
        f'<td><span class="state {kind}">{STATE_WORDS.get(state, escape(state))}</span></td>'
        f'<td class="num">{seconds}</td><td><a href="{escape(record["url"])}">registro</a></td></tr>'
    )


_TABLE = (
    '<div class="wide"><table><thead><tr><th scope="col">Pedido em</th><th scope="col">Relatório</th>'
    '<th scope="col">Para</th><th scope="col">Situação</th><th scope="col" class="num">Duração</th>'
    '<th scope="col">Detalhes</th></tr></thead><tbody>{rows}</tbody></table></div>'
)

_STYLE = """
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 56px}h1{margin:0;font-size:30px;letter-spacing:-.02em}
a{color:var(--link)}.fine{color:var(--muted);font-size:13.5px}td .fine{display:block}p{margin:6px 0}
.wide{overflow-x:auto;background:var(--sheet);border:1px solid var(--rule);border-radius:12px;margin-top:24px}
table{border-collapse:collapse;width:100%;font-size:15px}th,td{text-align:left;vertical-align:top;padding:10px 14px;
border-top:1px solid var(--rule)}thead th{border-top:0;color:var(--muted);font-size:13.5px;font-weight:600}
tbody th{font-weight:400;white-space:nowrap;font-variant-numeric:tabular-nums}
.num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.state{font-weight:600;white-space:nowrap}
.good{color:var(--quiet-edge)}.bad{color:var(--critical-edge)}.none{margin-top:24px}
@media(max-width:640px){thead{position:absolute;clip-path:inset(50%);height:1px;width:1px;overflow:hidden}
tbody tr{display:flex;flex-wrap:wrap;gap:2px 16px;padding:12px 14px;border-top:1px solid var(--rule)}
tbody tr:first-child{border-top:0}tbody th,tbody td{padding:0;border:0;overflow-wrap:anywhere}
tbody th,td:nth-child(2),td:nth-child(3){flex:0 0 100%}tbody th{color:var(--muted);font-size:13.5px}}
"""

_PAGE = """<!doctype html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Relatórios · {name}</title><style>{style}</style></head><body><main>
<h1>Relatórios</h1>
<p class="fine">Os mais recentes primeiro, na hora de {zone}. <a href="{base}/">Início</a></p>
{body}
</main></body></html>
"""
