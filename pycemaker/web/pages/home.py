"""The page at `/`: how the application is, and links to all there is; as JSON for programs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pycemaker import i18n
from pycemaker.cache.sample_store import Store
from pycemaker.i18n.language import N_, _, pgettext, spoken
from pycemaker.parsing.route_paths import (
    ALERTS_PATH,
    APPS_PATH,
    NOTEBOOKS_PATH,
    OVERVIEW_PATH,
    OVERVIEW_SCRIPT_PATH,
    REPORT_PREFIX,
    REPORT_RULE,
    REPORTS_PATH,
    SCHEDULES_PATH,
    application_path,
    template,
)
from pycemaker.settings import Settings
from pycemaker.web.overview_status import read_hours
from pycemaker.web.pages.overview import interval_link, tail_link
from pycemaker.web.pages.templating import as_markup, render
from pycemaker.window import from_epoch_ms, to_iso_text, to_wall_text

LINKS = (
    (NOTEBOOKS_PATH, N_("Pedir um relatório"), N_("os notebooks que há, cada um com um formulário")),
    (ALERTS_PATH, N_("Alertas"), N_("o que está errado agora, e as regras que vigiam")),
    (SCHEDULES_PATH, N_("Agendamentos"), N_("relatórios que vêm sozinhos: quando, para quem, como foram")),
    (REPORTS_PATH, N_("Relatórios"), N_("os que já foram pedidos, e como cada um vai")),
    (APPS_PATH, N_("Aplicações"), N_("as que têm amostras, e a mais nova de cada métrica")),
    ("/openapi.json", "OpenAPI", N_("todas as rotas, para gerar clientes")),
    ("/metrics", N_("Métricas deste serviço"), N_("no formato do Prometheus")),
    ("/ready", N_("Estado"), N_("o que está pronto para atender, e o que falta")),
)
"""Paths, labels and what is there."""


def index(store: Store, now_utc: datetime, settings: Settings) -> dict[str, Any]:
    """JSON-able data for programs: routes, and links that work on the data there is.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    until, zone, base_path = store.sample_history_end(), settings.timezone, _base_path(store.application, settings)
    rules = ("/{metric}/{date_now}/{time_range}", "/{metric}/{date_start}", template(REPORT_RULE))
    links = _links(store.application, settings)
    return {
        "name": "pycemaker",
        "routes": [*(base_path + rule for rule in rules), *(url for url, _label, _text in links)],
        "metrics": [
            {
                "id": hour.metric.id,
                "label": hour.metric.label,
                "unit": hour.metric.unit,
                "newest": to_iso_text(from_epoch_ms(hour.samples.time_ms[-1])) if len(hour.samples) else None,
                "interval": interval_link(hour, zone, base_path),
                "tail": tail_link(hour, zone, base_path),
            }
            for hour in read_hours(store, now_utc)
        ],
        "sample_until": to_iso_text(until) if until else None,
    }


def page(store: Store, now_utc: datetime, settings: Settings, overview: str, applications: Sequence[str] = ()) -> str:
    """The page, in the language spoken.

    Args:
        overview: the part that renews itself: `overview.fragment`.
        applications: those to choose from.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    until, zone, application = store.sample_history_end(), settings.timezone, store.application
    recipient, base_path = settings.email_from or "voce@exemplo.com", _base_path(application, settings)
    return render(
        "home.html",
        language=spoken().tag,
        now=i18n.clock(now_utc, zone, "HH:mm:ss"),
        zone=zone.key,
        sample_until=i18n.clock(until, zone, pgettext("date", "dd/MM/yyyy HH:mm")) if until else "",
        dashboard_url=settings.dashboard_url,
        application=application,
        applications=[(f"{_base_path(each, settings)}/", each) for each in applications],
        overview=as_markup(overview),
        overview_url=base_path + OVERVIEW_PATH,
        script_url=settings.base_path + OVERVIEW_SCRIPT_PATH,
        report_url=f"{settings.own_url}{application_path(application)}{REPORT_PREFIX}now/6/{recipient}",
        sender=settings.email_from if settings.mails else "",
        example=to_wall_text(now_utc, zone),
        links=_links(application, settings),
        base_path=base_path,
    )


def _base_path(application: str, settings: Settings) -> str:
    """The beginning of the links to an application's routes."""
    return settings.base_path + application_path(application)


def _links(application: str, settings: Settings) -> list[tuple[str, str, str]]:
    """LINKS with their URLs; of an application's routes there are only its reports and alerts."""
    own = dict.fromkeys((REPORTS_PATH, ALERTS_PATH), _base_path(application, settings))
    return [(own.get(path, settings.base_path) + path, _(label), _(text)) for path, label, text in LINKS]


def favicon() -> str:
    """The brand's initial on its colour, as SVG."""
    return render("favicon.svg")
