"""The page at `/`: each metric's last hour, and links that work on the data there is; as JSON for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker import i18n, stats
from pycemaker.analysis.rates import in_rates
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import METRICS, Metric
from pycemaker.parsing.route_paths import REPORT_PREFIX, REPORT_RULE, REPORTS_PATH, application_path, template
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.period import MetricPeriod
from pycemaker.settings import Settings
from pycemaker.web.pages import sparkline
from pycemaker.web.pages.templating import render
from pycemaker.window import Interval, Window, from_epoch_ms, to_iso_text, to_wall_text

LINKS = (
    ("/notebooks", "Pedir um relatório", "os notebooks que há, cada um com um formulário"),
    ("/schedules", "Agendamentos", "relatórios que vêm sozinhos: quando, para quem, como foram"),
    (REPORTS_PATH, "Relatórios", "os que já foram pedidos, e como cada um vai"),
    ("/apps", "Aplicações", "as que têm amostras, e a mais nova de cada métrica"),
    ("/openapi.json", "OpenAPI", "todas as rotas, para gerar clientes"),
    ("/metrics", "Métricas deste serviço", "no formato do Prometheus"),
    ("/ready", "Estado", "o que está pronto para atender, e o que falta"),
)
"""Paths, labels and what is there."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class LastHour:
    """A metric's samples of one hour, and the end of that hour; None where the metric has no sample at all."""

    metric: Metric
    end_utc: datetime | None
    samples: Columns


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
    hours: tuple[LastHour, ...]
    sample_until_utc: datetime | None
    base_path: str = ""
    application: str = ""


def read_overview(store: Store, now_utc: datetime, settings: Settings) -> Overview:
    """Each metric's hour until now or, where that has no sample, until its newest sample.

    Raises:
        DatabaseUnreachable: as the store.
    """
    hours = tuple(_last_hour(store, metric, now_utc) for metric in METRICS)
    base_path = settings.base_path + application_path(store.application)
    return Overview(now_utc, settings.timezone, hours, store.sample_history_end(), base_path, store.application)


def _last_hour(store: Store, metric: Metric, now_utc: datetime) -> LastHour:
    newest = store.newest(metric)
    end_utc = _whole_second(newest) if newest is not None and newest <= now_utc - _HOUR else now_utc
    samples = store.read_columns(metric, Interval(end_utc - _HOUR, end_utc))
    return LastHour(metric, end_utc if newest else None, samples)


def _whole_second(instant_utc: datetime) -> datetime:
    """The next whole second: a date in a path has no fractions, and the link has to take in the sample."""
    return instant_utc + timedelta(microseconds=-instant_utc.microsecond % 1_000_000)


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
                "interval": _interval_link(hour, overview),
                "tail": _tail_link(hour, overview),
            }
            for hour in overview.hours
        ],
        "sample_until": to_iso_text(overview.sample_until_utc) if overview.sample_until_utc else None,
    }


def page(overview: Overview, settings: Settings, health: dict[str, Any] | None = None) -> str:
    """The overview as a page, with the card of health where there is one."""
    until, recipient = overview.sample_until_utc, settings.email_from or "voce@exemplo.com"
    return render(
        "home.html",
        now=i18n.clock(overview.now_utc, overview.zone, "dd/MM/yyyy HH:mm:ss"),
        zone=overview.zone.key,
        sample_until=i18n.clock(until, overview.zone, "dd/MM/yyyy HH:mm") if until else "",
        dashboard_url=settings.dashboard_url,
        health=health,
        cards=[_card(hour, overview) for hour in overview.hours],
        sparkline=sparkline,
        nothing=i18n.NOTHING,
        no_readings=i18n.NO_READINGS,
        report_url=f"{settings.own_url}{application_path(overview.application)}{REPORT_PREFIX}now/6/{recipient}",
        sender=settings.email_from if settings.mails else "",
        example=to_wall_text(overview.now_utc, overview.zone),
        links=_links(overview),
        base_path=overview.base_path,
    )


def _links(overview: Overview) -> list[tuple[str, str, str]]:
    """LINKS with their URLs; of an application's routes there are only its reports."""
    root = overview.base_path.removesuffix(application_path(overview.application))
    return [((overview.base_path if path == REPORTS_PATH else root) + path, label, text) for path, label, text in LINKS]


def favicon() -> str:
    """The brand's initial on its colour, as SVG."""
    return render("favicon.svg")


def _interval_link(hour: LastHour, overview: Overview) -> str | None:
    if hour.end_utc is None:
        return None
    return f"{overview.base_path}/{hour.metric.id}/{to_wall_text(hour.end_utc, overview.zone)}/1"


def _tail_link(hour: LastHour, overview: Overview) -> str | None:
    if hour.end_utc is None:
        return None
    start_utc = hour.end_utc - timedelta(minutes=5)
    return f"{overview.base_path}/{hour.metric.id}/{to_wall_text(start_utc, overview.zone)}"


def _card(hour: LastHour, overview: Overview) -> dict[str, Any]:
    """A metric's card, for the template."""
    metric, has_samples = hour.metric, hour.end_utc is not None
    card: dict[str, Any] = {"label": metric.label, "collection": metric.collection, "has_samples": has_samples}
    if hour.end_utc is None:
        return card
    period = in_rates(MetricPeriod(hour.metric, Window(hour.end_utc, 1), overview.zone, hour.samples, no_columns()))
    return card | {
        "reading": _reading(period),
        "line": sparkline.path_of(period),
        "color": hour.metric.color,
        "interval_url": _interval_link(hour, overview),
        "tail_url": _tail_link(hour, overview),
    }


def _reading(period: MetricPeriod) -> dict[str, str] | None:
    """The newest reading, the mean and the highest, formatted; None where no reading is finite."""
    finite = period.current.reading[np.isfinite(period.current.reading)]
    if not len(finite):
        return None
    unit = period.metric.unit
    return {
        "newest": i18n.reading(float(finite[-1]), unit),
        "unit": i18n.unit_phrase(unit),
        "mean": i18n.reading(stats.mean(finite), unit),
        "highest": i18n.reading(float(finite.max()), unit),
        "time": i18n.clock(from_epoch_ms(period.current.time_ms[-1]), period.zone, "dd/MM, HH:mm:ss"),
    }
