"""The fleet's table: a line an application, with its finding and links to its pages. A pure HTML fragment."""

from collections.abc import Sequence
from html import escape

from pycemaker import i18n
from pycemaker.i18n.language import _
from pycemaker.metrics import find_metric
from pycemaker.parsing.route_paths import REPORTS_PATH, application_path
from pycemaker.presentation.tables import listing
from pycemaker.series.fleet import FULL, Fleet, FleetRow


def table(fleet: Fleet) -> str:
    """Head and table; a sentence where no application stands out."""
    title, when = _("Todas as aplicações"), i18n.period(fleet.window, fleet.zone)
    head = f'<div class="pm-head"><h1>{title}</h1><p class="pm-sub">{when}</p></div>'
    if not fleet.rows:
        return f"{head}<p>{headline(())}.</p>"
    lines = "".join(_line(row, fleet.own_url) for row in fleet.rows)
    return head + listing("", (_("Aplicação"), _("O que mudou"), _("Relatórios")), lines)


def headline(rows: Sequence[FleetRow]) -> str:
    """The first words of the mail's subject."""
    return f"{name_of(rows[0])}: {sentence(rows[0])}" if rows else _("Nenhuma aplicação se destacou")


def name_of(row: FleetRow) -> str:
    """The application's name for readers."""
    return row.application or _("Aplicação padrão")


def sentence(row: FleetRow) -> str:
    """The finding: no samples any more, full, or changed."""
    metric = find_metric(row.metric)
    label, unit = _(metric.label), metric.unit
    if row.now is None:
        return _("{metric}: sem amostras no período", metric=label)
    now = i18n.reading(row.now, unit)
    if unit == "ratio" and row.now >= FULL:
        return _("{metric} em {now}", metric=label, now=now)
    return _("{metric} de {before} para {now}", metric=label, before=i18n.reading(row.before or 0.0, unit), now=now)


def _line(row: FleetRow, own_url: str) -> str:
    url = escape(f"{own_url}{application_path(row.application)}")
    name = f'<a href="{url}">{escape(name_of(row))}</a>'
    label = _("abrir")
    links = f'<a href="{url}{REPORTS_PATH}">{label}</a>'
    return f"<tr><td>{name}</td><td>{escape(sentence(row))}</td><td>{links}</td></tr>"
