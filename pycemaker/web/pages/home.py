"""The page at `/`: what this is, each metric's last hour at a glance, and links that work on the data there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pycemaker import brand, i18n, stats
from pycemaker.analysis.rates import in_rates
from pycemaker.cache.store import Store
from pycemaker.metrics import METRICS, Metric
from pycemaker.parsing.route_paths import REPORT_PREFIX, REPORT_RULE, template
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.period import MetricPeriod
from pycemaker.settings import Settings
from pycemaker.window import Interval, Window, from_epoch_ms, to_epoch_ms, to_iso_text, to_wall_text

_HOUR = timedelta(hours=1)
_POINTS = 60
_WIDTH, _HEIGHT = 240, 56


@dataclass(frozen=True)
class MetricGlance:
    """One metric's last hour: its samples, and the last instant of that hour (None where there is no sample ever)."""

    metric: Metric
    end_utc: datetime | None
    samples: Columns


@dataclass(frozen=True)
class Glance:
    """Every metric's last hour.

    Attributes:
        sample_until_utc: where a made-up history ends, None where there is none.
        base_path: what links begin with.
    """

    now_utc: datetime
    zone: ZoneInfo
    metrics: tuple[MetricGlance, ...]
    sample_until_utc: datetime | None
    base_path: str = ""


def look(store: Store, now_utc: datetime, settings: Settings) -> Glance:
    """Each metric's last hour: the one that ends now or, where that has no sample, the one that ends with its newest.

    Raises:
        DatabaseUnreachable: as the store.
    """
    parts = tuple(_look_at(store, metric, now_utc) for metric in METRICS)
    return Glance(now_utc, settings.timezone, parts, store.sample_history_end(), settings.base_path)


def _look_at(store: Store, metric: Metric, now_utc: datetime) -> MetricGlance:
    newest = store.newest(metric)
    end_utc = _whole_second(newest) if newest is not None and newest <= now_utc - _HOUR else now_utc
    samples = store.read_columns(metric, Interval(end_utc - _HOUR, end_utc))
    return MetricGlance(metric, end_utc if newest else None, samples)


def _whole_second(instant_utc: datetime) -> datetime:
    """The next whole second: a path's date has no smaller ones, and has to take in the sample."""
    return instant_utc + timedelta(microseconds=-instant_utc.microsecond % 1_000_000)


def prefers_html(accept: str) -> bool:
    """Whether whoever asks is a browser: it names HTML; a program that takes anything gets JSON."""
    return "text/html" in accept.lower()


def index(glance: Glance) -> dict[str, Any]:
    """The same for a program: routes, and links that work on the data there is."""
    return {
        "name": "pycemaker",
        "routes": [
            glance.base_path + path
            for path in (
                "/{metric}/{date_now}/{time_range}",
                "/{metric}/{date_start}",
                template(REPORT_RULE),
            )
        ],
        "metrics": [
            {
                "id": part.metric.id,
                "label": part.metric.label,
                "unit": part.metric.unit,
                "newest": to_iso_text(from_epoch_ms(part.samples.time_ms[-1])) if len(part.samples) else None,
                "interval": _interval_link(part, glance),
                "tail": _tail_link(part, glance),
            }
            for part in glance.metrics
        ],
        "sample_until": to_iso_text(glance.sample_until_utc) if glance.sample_until_utc else None,
    }


def page(glance: Glance, settings: Settings) -> str:
    """The page for a person."""
    cards = "".join(_card(part, glance) for part in glance.metrics)
    recipient = settings.email_from or "voce@exemplo.com"
    own = brand.load()
    return _PAGE.format(
        name=escape(own.name),
        style=palettes(own) + _STYLE,
        when=escape(i18n.clock(glance.now_utc, glance.zone, "dd/MM/yyyy HH:mm:ss")),
        zone=escape(glance.zone.key),
        notice=_notice(glance),
        cards=cards,
        report=escape(f"{settings.own_url}{REPORT_PREFIX}now/6/{recipient}"),
        destination=_destination(settings),
        example=escape(to_wall_text(glance.now_utc, glance.zone)),
        dashboard=_dashboard(settings),
        base=escape(glance.base_path),
    )


def palettes(own: brand.Brand) -> str:
    """The brand's colours as CSS variables, light and dark."""
    dark = f"@media(prefers-color-scheme:dark){{:root{{{own.variables(own.dark)}}}}}"
    return f":root{{color-scheme:light dark;{own.variables(own.light)}}}{dark}"


def _interval_link(part: MetricGlance, glance: Glance) -> str | None:
    if part.end_utc is None:
        return None
    return f"{glance.base_path}/{part.metric.id}/{to_wall_text(part.end_utc, glance.zone)}/1"


def _tail_link(part: MetricGlance, glance: Glance) -> str | None:
    if part.end_utc is None:
        return None
    start_utc = part.end_utc - timedelta(minutes=5)
    return f"{glance.base_path}/{part.metric.id}/{to_wall_text(start_utc, glance.zone)}"


def _notice(glance: Glance) -> str:
    if glance.sample_until_utc is None:
        return ""
    until = i18n.clock(glance.sample_until_utc, glance.zone, "dd/MM/yyyy HH:mm")
    return (
        f'<p class="notice"><strong>Dados de exemplo:</strong> o histórico até {escape(until)} foi inventado; '
        "o que vem depois são medidas reais.</p>"
    )


def _destination(settings: Settings) -> str:
    if settings.mails:
        return f"O relatório chega por e-mail, enviado por {escape(settings.email_from or '')}."
    return "Nenhuma conta de e-mail está configurada: o relatório é gravado na caixa de saída, em um arquivo .eml."


def _dashboard(settings: Settings) -> str:
    if settings.dashboard_url is None:
        return ""
    return f'<p><a href="{escape(settings.dashboard_url)}">Abrir o painel</a></p>'


def _card(part: MetricGlance, glance: Glance) -> str:
    title = f"<h2>{escape(part.metric.label)}</h2>"
    if part.end_utc is None:
        return f'<article>{title}<p class="now">{i18n.NOTHING}</p><p class="fine">Nenhuma amostra ainda.</p></article>'
    hour = in_rates(MetricPeriod(part.metric, Window(part.end_utc, 1), glance.zone, part.samples, no_columns()))
    links = (
        f'<p class="links"><a href="{_interval_link(part, glance)}">última hora</a> '
        f'<a href="{_tail_link(part, glance)}">últimos 5 min</a></p>'
    )
    return f"<article>{title}{_reading(hour)}{_sparkline(hour)}{links}</article>"


def _reading(hour: MetricPeriod) -> str:
    finite = hour.current.reading[np.isfinite(hour.current.reading)]
    if not len(finite):
        return f'<p class="now">{i18n.NOTHING}</p><p class="fine">{i18n.NO_READINGS}</p>'
    unit = hour.metric.unit
    newest = i18n.clock(from_epoch_ms(hour.current.time_ms[-1]), hour.zone, "dd/MM, HH:mm:ss")
    return (
        f'<p class="now">{escape(i18n.reading(float(finite[-1]), unit))} <small>{i18n.unit_phrase(unit)}</small></p>'
        f'<p class="fine">média {escape(i18n.reading(stats.mean(finite), unit))} · '
        f"máximo {escape(i18n.reading(float(finite.max()), unit))} </p>"
        f'<p class="fine">última amostra: {escape(newest)}</p>'
    )


def _sparkline(hour: MetricPeriod) -> str:
    """The hour as a line of minute means, broken where samples are missing by their own cadence."""
    minutes, means, breaks = _minute_means(hour)
    top = max(float(means.max(initial=0)), 1e-9)
    xs = 2 + minutes / (_POINTS - 1) * (_WIDTH - 4)
    ys = _HEIGHT - 4 - means / top * (_HEIGHT - 8)
    runs = np.split(np.arange(len(minutes)), breaks) if len(minutes) else []
    paths = "".join(
        "M"
        + " L".join(f"{xs[i]:.1f} {ys[i]:.1f}" for i in run)
        + ("" if len(run) > 1 else f" L{xs[run[0]] + 0.5:.1f} {ys[run[0]]:.1f}")
        for run in runs
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(hour.metric.label)}: última hora">'
        f'<path d="M0 {_HEIGHT - 3.5}H{_WIDTH}" class="ground"/>'
        f'<path d="{paths}" fill="none" stroke="{hour.metric.color}" stroke-width="2" stroke-linejoin="round" '
        'stroke-linecap="round"/></svg>'
    )


def _minute_means(hour: MetricPeriod) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """The minutes that have readings, their means, and before which of them samples are missing.

    A cadence that nothing tells joins no two minutes.
    """
    finite = np.isfinite(hour.current.reading)
    times, readings = hour.current.time_ms[finite], hour.current.reading[finite]
    minute = (times - to_epoch_ms(hour.window.start_utc) - 1) // 60_000
    minutes, first = np.unique(minute, return_index=True)
    means = np.add.reduceat(readings, first) / np.diff(first, append=len(readings)) if len(first) else np.empty(0)
    since_ms = times[first[1:]] - times[first[1:] - 1]
    is_missing = (np.diff(minutes) > 1) & (since_ms > hour.cadence.gaps_ms(times[first[1:]]))
    return minutes, means, np.flatnonzero(is_missing) + 1


_STYLE = """
@media(prefers-color-scheme:dark){article svg{filter:brightness(1.6)}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:920px;margin:0 auto;padding:32px 20px 56px}h1{margin:0;font-size:30px;letter-spacing:-.02em}
h2{margin:0;font-size:15px;font-weight:600;color:var(--muted)}h3{margin:36px 0 8px;font-size:19px}
p{margin:6px 0}a{color:var(--link)}code{font:14px/1.6 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.fine{color:var(--muted);font-size:13.5px}.grid{display:grid;gap:16px;margin-top:24px;
grid-template-columns:repeat(auto-fill,minmax(260px,1fr))}
article{background:var(--sheet);border:1px solid var(--rule);border-radius:12px;padding:16px 18px}
.now{font-size:28px;font-weight:650;margin:2px 0 0;font-variant-numeric:tabular-nums}
.now small{font-size:14px;font-weight:400;color:var(--muted)}svg{display:block;width:100%;height:auto;margin:8px 0 4px}
.ground{stroke:var(--rule);stroke-width:1;fill:none}.links a{margin-right:14px;font-size:14px}
.notice{background:var(--notice);border-left:5px solid var(--notice-edge);padding:10px 14px;margin-top:16px}
dl{margin:0}dt{margin-top:10px}dd{margin:0;color:var(--muted);font-size:14.5px}
"""

_PAGE = """<!doctype html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{name}</title><style>{style}</style></head><body><main>
<h1>{name}</h1>
<p>Diz à equipe como vai a aplicação: métricas em JSON para painéis, e um relatório por e-mail.</p>
<p class="fine">Última hora de cada métrica, em {when} ({zone}).</p>
{notice}{dashboard}
<section class="grid" aria-label="Métricas">{cards}</section>
<h3>Pedir um relatório</h3>
<p><code>curl -X POST {report}</code></p>
<p class="fine">Seis horas até agora, para o endereço no fim do caminho. {destination}</p>
<h3>Rotas</h3>
<dl>
<dt><code>{base}/cpu/{example}/6</code></dt>
<dd>Um intervalo de 6 horas até esse instante, o anterior, e as estatísticas.</dd>
<dt><code>{base}/cpu/{example}</code></dt><dd>Tudo a partir desse instante.</dd>
</dl>
<p class="fine">Datas: dd-mm-aaaa-HH-MM-SS na hora de {zone}, <code>now</code>, ou ISO 8601 com fuso.</p>
</main></body></html>
"""
