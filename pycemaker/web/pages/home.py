"""The page at `/`: how the application is, and links to all there is; as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.cache.sample_store import Store
from pycemaker.i18n.language import N_, _, pgettext, spoken
from pycemaker.parsing.route_paths import (
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
from pycemaker.web.live_status import LastHour, read_hours
from pycemaker.web.pages.live_page import interval_link, tail_link
from pycemaker.web.pages.templating import as_markup, render
from pycemaker.window import from_epoch_ms, to_iso_text, to_wall_text

LINKS = (
    (NOTEBOOKS_PATH, N_("Pedir um relatório"), N_("os notebooks que há, cada um com um formulário")),
    (SCHEDULES_PATH, N_("Agendamentos"), N_("relatórios que vêm sozinhos: quando, para quem, como foram")),
    (REPORTS_PATH, N_("Relatórios"), N_("os que já foram pedidos, e como cada um vai")),
    (APPS_PATH, N_("Aplicações"), N_("as que têm amostras, e a mais nova de cada métrica")),
    ("/openapi.json", "OpenAPI", N_("todas as rotas, para gerar clientes")),
    ("/metrics", N_("Métricas deste serviço"), N_("no formato do Prometheus")),
    ("/ready", N_("Estado"), N_("o que está pronto para atender, e o que falta")),
)
"""Paths, labels and what is there."""


@dataclass(frozen=True)
class Overview:
    """Every metric's last hour.

    Attributes:
        sample_until_utc: the end of the demo history; None where there is none.
        base_path: the beginning of every link, that of an application's routes included.
        application: whose samples they are; the empty text is the default application.
    """

    now_utc: datetime
    zone: ZoneInfo
    hours: Sequence[LastHour]
    sample_until_utc: datetime | None
    base_path: str = ""
    application: str = ""

    @property
    def root_path(self) -> str:
        """The beginning of the links that are of all applications."""
        return self.base_path.removesuffix(application_path(self.application))


def read_overview(store: Store, now_utc: datetime, settings: Settings) -> Overview:
    """Each metric's hour until now or, where that has no sample, until its newest sample.

    Raises:
        DatabaseUnreachable: as the store.
    """
    return overview_of(store, read_hours(store, now_utc), now_utc, settings)


def overview_of(store: Store, hours: Sequence[LastHour], now_utc: datetime, settings: Settings) -> Overview:
    """The overview with these hours. Raises DatabaseUnreachable: as the store."""
    base_path = settings.base_path + application_path(store.application)
    return Overview(now_utc, settings.timezone, hours, store.sample_history_end(), base_path, store.application)


def prefers_html(accept: str) -> bool:
    """True where `Accept` names HTML, as a browser's does; a program that takes anything gets JSON."""
    return "text/html" in accept.lower()


def index(overview: Overview) -> dict[str, Any]:
    """The overview as JSON-able data: routes, and links that work on the data there is."""
    return {
        "name": "pycemaker",
        "routes": [
            overview.base_path + path
            for path in (
                "/{metric}/{date_now}/{time_range}",
                "/{metric}/{date_start}",
                template(REPORT_RULE),
            )
        ]
        + [url for url, _, _ in _links(overview)],
        "metrics": [
            {
                "id": hour.metric.id,
                "label": hour.metric.label,
                "unit": hour.metric.unit,
                "newest": to_iso_text(from_epoch_ms(hour.samples.time_ms[-1])) if len(hour.samples) else None,
                "interval": interval_link(hour, overview.zone, overview.base_path),
                "tail": tail_link(hour, overview.zone, overview.base_path),
            }
            for hour in overview.hours
        ],
        "sample_until": to_iso_text(overview.sample_until_utc) if overview.sample_until_utc else None,
    }


def page(overview: Overview, settings: Settings, live: str, applications: Sequence[str] = ()) -> str:
    """The page, in the language spoken.

    Args:
        live: the part that renews itself: `live_page.fragment`.
        applications: those to choose from.
    """
    until, recipient = overview.sample_until_utc, settings.email_from or "voce@exemplo.com"
    pattern = pgettext("date", "dd/MM/yyyy HH:mm")
    return render(
        "home.html",
        language=spoken().tag,
        now=i18n.clock(overview.now_utc, overview.zone, "HH:mm:ss"),
        zone=overview.zone.key,
        sample_until=i18n.clock(until, overview.zone, pattern) if until else "",
        dashboard_url=settings.dashboard_url,
        application=overview.application,
        applications=[(f"{overview.root_path}{application_path(each)}/", each) for each in applications],
        live=as_markup(live),
        live_url=overview.base_path + OVERVIEW_PATH,
        script_url=overview.root_path + OVERVIEW_SCRIPT_PATH,
        report_url=f"{settings.own_url}{application_path(overview.application)}{REPORT_PREFIX}now/6/{recipient}",
        sender=settings.email_from if settings.mails else "",
        example=to_wall_text(overview.now_utc, overview.zone),
        links=_links(overview),
        base_path=overview.base_path,
    )


def _links(overview: Overview) -> list[tuple[str, str, str]]:
    """LINKS with their URLs; of an application's routes there are only its reports."""
    own = (overview.base_path, overview.root_path)
    return [(own[path != REPORTS_PATH] + path, _(label), _(text)) for path, label, text in LINKS]


def favicon() -> str:
    """The brand's initial on its colour, as SVG."""
    return render("favicon.svg")
