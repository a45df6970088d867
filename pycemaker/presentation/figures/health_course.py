"""The health over a period, and behind the line of its end what is expected in the hours after it."""

from datetime import timedelta

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.forecast.bands import OUTSIDE
from pycemaker.analysis.forecast.metric_forecast import MetricForecast
from pycemaker.analysis.health import FAILING, MINUTE_MS, Health
from pycemaker.analysis.period_health import PeriodHealth
from pycemaker.i18n.language import _
from pycemaker.presentation.figures.axes import draw_ground_ahead, reading_scale
from pycemaker.presentation.figures.canvas import HEAD_Y, KEY_Y, Picture, Sheet, theme, tint
from pycemaker.presentation.figures.curve import MOST_POINTS
from pycemaker.presentation.health_sentences import health_line, lowest
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.period import Period
from pycemaker.window import Window, to_epoch_ms

_HEIGHT = 252
_MARGINS = {"left": 62, "right": 28, "top": 70, "bottom": 32}


def health_course(period: Period, known: PeriodHealth) -> Picture:
    """The score of the period, a line; dashed and in a band what is expected; red the score at which it fails.

    The line breaks where the health is unknown.
    """
    ahead = known.ahead
    hours_ahead = ahead.hours if ahead else 0
    axis = Window(period.window.end_utc + timedelta(hours=hours_ahead), period.window.hours + hours_ahead)
    with theme():
        sheet = Sheet(_HEIGHT, _MARGINS)
        scale = reading_scale(0, 1, "ratio")
        ends_ms = to_epoch_ms(axis.start_utc), to_epoch_ms(axis.end_utc)
        sheet.set_ends(ends_ms, (scale.bottom, scale.top))
        draw_ground_ahead(sheet, axis, period.zone, scale, to_epoch_ms(period.window.end_utc), FAILING)
        _draw_score(sheet, known.health)
        if ahead:
            _draw_ahead(sheet, ahead)
        _head(sheet, ahead)
        return sheet.finish(
            "health", f"{_('Saúde da aplicação')}: {health_line(period)} {lowest(known, period)}".strip()
        )


def _draw_score(sheet: Sheet, health: Health) -> None:
    """The means of as many minutes as the width has points for; a gap where none of them has a score."""
    each = -(-len(health.score) // MOST_POINTS)
    rows = np.concatenate([np.full(-len(health.score) % each, np.nan), health.score]).reshape(-1, each)
    known = np.isfinite(rows).sum(axis=1)
    means = np.where(known, np.nansum(rows, axis=1) / np.maximum(known, 1), np.nan)
    middles = health.time_ms[-1] - each * MINUTE_MS * (np.arange(len(rows))[::-1] + 0.5)
    sheet.axes.plot(middles, means, color=tint("ink"), linewidth=1.6, solid_capstyle="round")


def _draw_ahead(sheet: Sheet, ahead: MetricForecast) -> None:
    times = ahead.origin_ms + HOUR_MS // 4 * np.arange(4 * ahead.hours + 1, dtype=np.int64)
    middle, low, high = ahead.at(times)
    sheet.axes.plot(times, middle, color=tint("ink"), linewidth=1.4, linestyle=(0, (3, 2)))
    sheet.axes.fill_between(times, low, high, color=tint("ink"), alpha=0.14, linewidth=0)


def _head(sheet: Sheet, ahead: MetricForecast | None) -> None:
    sheet.write(0, HEAD_Y, _("Saúde da aplicação"), weight="bold")
    key = [(_("saúde"), tint("ink"), 2.5, 1.0)]
    if ahead is not None:
        has_band = np.isfinite(ahead.low).any()
        word = _("previsão, faixa de {share}", share=i18n.percent(1 - 2 * OUTSIDE, 0)) if has_band else _("previsão")
        key.append((word, tint("ahead"), 11.0, 1.0))
    sheet.key(KEY_Y, [*key, (_("falha"), tint("limit"), 1.6, 1.0)])
