"""The way of a resource to its limit: its medians, the line through them, and the day on which that reaches it."""

import math
from datetime import timedelta

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.capacity import Resource
from pycemaker.analysis.full_date import DAY_MS, Verdict
from pycemaker.i18n.language import _
from pycemaker.presentation.capacity_tables import sentence
from pycemaker.presentation.figures.axes import draw_ground_ahead, reading_scale
from pycemaker.presentation.figures.canvas import HEAD_Y, KEY_Y, Picture, Sheet, theme, tint
from pycemaker.window import Window, from_epoch_ms, to_epoch_ms

_HEIGHT = 268
_MARGINS = {"left": 62, "right": 28, "top": 74, "bottom": 32}
_GROUND = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.8}
_SHOWN_TRENDS = (Verdict.DATED, Verdict.LATER, Verdict.FALLING)


def trend_to_limit(resource: Resource) -> Picture:
    """The medians, the trend where there is one, drawn on (dashed, with its 95% interval) to the limit or beyond.

    Without a trend the points stand alone, and a sentence says why.
    """
    with theme():
        sheet = Sheet(_HEIGHT, _MARGINS)
        axis = _axis(resource)
        scale = reading_scale(0, max([resource.limit, *resource.full_date.medians.reading]), "ratio")
        sheet.set_ends((to_epoch_ms(axis.start_utc), to_epoch_ms(axis.end_utc)), (scale.bottom, scale.top))
        now_ms = to_epoch_ms(resource.part.window.end_utc)
        draw_ground_ahead(sheet, axis, resource.part.zone, scale, now_ms, resource.limit)
        _draw_points(sheet, resource)
        _draw_trend(sheet, resource)
        _head(sheet, resource)
        return sheet.finish(f"{resource.part.metric.id}-outlook", trend_sentence(resource))


def _axis(resource: Resource) -> Window:
    """The axis from the first median to a little beyond the day it is full; without one, half as far ahead as back."""
    window, full_date = resource.part.window, resource.full_date
    start_utc = window.start_utc
    if len(full_date.medians):
        start_utc = from_epoch_ms(int(full_date.medians.time_ms[0] - full_date.medians.block_ms / 2))
    back = window.end_utc - start_utc
    ahead = back / 2
    if full_date.at_utc is not None:
        ahead = max(back / 8, (full_date.at_utc - window.end_utc) * 1.12)
    hours = math.ceil((back + ahead) / timedelta(hours=1))
    return Window(start_utc + timedelta(hours=hours), hours)


def _draw_points(sheet: Sheet, resource: Resource) -> None:
    import seaborn as sns

    medians = resource.full_date.medians
    if len(medians):
        size = 22 if len(medians) <= 62 else 9
        look = {"s": size, "color": resource.part.metric.color, "linewidth": 0, "legend": False}
        sns.scatterplot(x=medians.time_ms, y=medians.reading, ax=sheet.axes, **look)


def _draw_trend(sheet: Sheet, resource: Resource) -> None:
    full_date, color = resource.full_date, resource.part.metric.color
    if full_date.trend is None or full_date.verdict not in _SHOWN_TRENDS:
        is_low = bool(len(full_date.medians)) and float(np.median(full_date.medians.reading)) < resource.limit / 2
        middle_ms = (sheet.axes.get_xlim()[0] + to_epoch_ms(resource.part.window.end_utc)) / 2
        x, y = sheet.to_pixels(middle_ms, resource.limit * (0.75 if is_low else 0.15))
        text = _("Sem tendência significativa") if full_date.verdict is Verdict.NO_TREND else _absence(resource)
        if text:
            x = max(x, _MARGINS["left"] + 8 + sheet.width_of(text) / 2)
            sheet.write(x, y, text, ha="center", bbox=_GROUND, color=tint("muted"))
        return
    first_ms, now_ms = full_date.medians.time_ms[0], float(to_epoch_ms(resource.part.window.end_utc))
    last_ms = float(to_epoch_ms(full_date.at_utc)) if full_date.at_utc else sheet.axes.get_xlim()[1]
    past, ahead = np.array([first_ms, now_ms]), np.array([now_ms, last_ms])
    level = full_date.trend.at(now_ms / DAY_MS)
    sheet.axes.plot(past, full_date.trend.intercept + full_date.trend.slope * past / DAY_MS, color=color, linewidth=1.4)
    on = (ahead - now_ms) / DAY_MS
    sheet.axes.plot(ahead, level + full_date.trend.slope * on, color=color, linewidth=1.4, linestyle=(0, (3, 2)))
    if not full_date.is_preliminary:
        low, high = level + full_date.trend.low * on, level + full_date.trend.high * on
        sheet.axes.fill_between(ahead, low, np.minimum(high, 1.0), color=color, alpha=0.14, linewidth=0)
    _point_at_day(sheet, resource)


def _absence(resource: Resource) -> str:
    if not len(resource.full_date.medians):
        return i18n.absence(0)
    is_short = resource.full_date.verdict is Verdict.TOO_SHORT
    return _("Histórico curto demais para uma previsão") if is_short else ""


def _point_at_day(sheet: Sheet, resource: Resource) -> None:
    at_utc = resource.full_date.at_utc
    if at_utc is None:
        return
    x, y = sheet.to_pixels(to_epoch_ms(at_utc), resource.limit)
    sheet.axes.plot(to_epoch_ms(at_utc), resource.limit, "o", color=tint("limit"), markersize=5, clip_on=False)
    day = i18n.day(at_utc, resource.part.zone)
    sheet.write(
        x - 2, y + 18, day, ha="right", weight="bold", color=tint("limit"), bbox=_GROUND | {"facecolor": tint("ahead")}
    )


def _head(sheet: Sheet, resource: Resource) -> None:
    sheet.write(0, HEAD_Y, _("Para onde vai"), weight="bold")
    each = _("mediana de cada hora") if resource.full_date.is_hourly else _("mediana de cada dia")
    limit = _("limite {limit}", limit=i18n.percent(resource.limit, 0))
    color, ahead = resource.part.metric.color, tint("ahead")
    sheet.key(KEY_Y, [(each, color, 5.0, 1.0), (_("previsão"), ahead, 11.0, 1.0), (limit, tint("limit"), 1.6, 1.0)])


def trend_sentence(resource: Resource) -> str:
    """The sentence that stands for the figure."""
    medians = resource.full_date.medians
    title = _("{label}, medianas e tendência", label=resource.part.label)
    if not len(medians):
        return f"{title}: " + _("sem amostras") + "."
    first, last = (i18n.percent(float(medians.reading[index])) for index in (0, -1))
    ends = _("de {start} a {end}", start=first, end=last)
    return f"{title}: {ends}. {sentence(resource)}"
