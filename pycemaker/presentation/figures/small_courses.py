"""Several metrics over the same hours, a small course each: those without a finding."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pycemaker import i18n
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.rates import in_rates
from pycemaker.i18n.language import _
from pycemaker.presentation.figures import alt_text
from pycemaker.presentation.figures.axes import Tick, reading_scale, time_ticks
from pycemaker.presentation.figures.canvas import HEAD_Y, WIDTH, Picture, Sheet, theme, tint
from pycemaker.presentation.figures.curve import curves
from pycemaker.series.period import MetricPeriod
from pycemaker.window import to_epoch_ms

ROW = 54  # The height of a metric's row, in CSS pixels

_BETWEEN, _RIGHT, _BOTTOM, _HEAD = 10, 28, 30, 32
_NAME_GAP, _LABEL_GAP = 18, 14


@dataclass(frozen=True)
class Mark:
    """An instant (milliseconds since 1970 in UTC), a limit of the first row in its unit or None, and their words."""

    at_ms: int
    instant: str
    limit: float | None
    limit_text: str


def small_courses(parts: Sequence[MetricPeriod], mark: Mark | None = None) -> Picture:
    """A row a metric: its name, its reading over time, in grey the previous interval; the hours stand below the last.

    Each row has a scale of its own, from 0 on, ratios to 100%, as in a metric's own figure.

    Args:
        parts: of one window, one or more.
        mark: what is marked across the rows, with a key above them.
    """
    parts = [in_rates(part) for part in parts]
    top = _HEAD if mark else 0
    height = top + ROW * len(parts) + _BOTTOM
    with theme():
        scratch = Sheet(height, {"left": 0, "right": 0, "top": 0, "bottom": 0})
        left = max(scratch.width_of(part.label) for part in parts) + _NAME_GAP
        sheet = Sheet(height, {"left": round(left), "right": _RIGHT, "top": top, "bottom": _BOTTOM})
        window = parts[0].window
        start_ms, end_ms = to_epoch_ms(window.start_utc), to_epoch_ms(window.end_utc)
        sheet.set_ends((start_ms, end_ms), (0, len(parts)))
        ticks = _apart(sheet, time_ticks(window, parts[0].zone))
        sheet.axes.vlines([tick.position for tick in ticks], 0, len(parts), color=tint("rule"), linewidth=0.75)
        for tick in ticks:
            sheet.write_centred(sheet.to_pixels(tick.position, 0)[0], height - 13, tick.label, color=tint("muted"))
        for row, part in enumerate(parts):
            _draw_row(sheet, part, len(parts) - 1 - row, mark.limit if mark and not row else None)
        if mark is None:
            return sheet.finish("courses", alt_text.small_sentence(parts))
        sheet.axes.vlines([mark.at_ms], 0, len(parts), color=tint("ink"), linewidth=1.2, linestyle=(0, (2, 2)))
        key = [(mark.instant, tint("ink"), 1.6, 1.0), (mark.limit_text, tint("limit"), 1.6, 1.0)]
        key = key if mark.limit is not None else key[:1]
        sheet.key(HEAD_Y, key)
        marked = _("Marcado: {marks}.", marks=i18n.listed([word for word, *_look in key]))
        return sheet.finish("courses", f"{alt_text.small_sentence(parts)} {marked}")


def _apart(sheet: Sheet, ticks: Sequence[Tick]) -> Sequence[Tick]:
    """Each, every second, ... of the ticks: as many as have room for their labels."""
    for step in range(1, len(ticks)):
        kept = ticks[step - 1 :: step]
        positions = [sheet.to_pixels(tick.position, 0)[0] for tick in kept]
        widest = max(sheet.width_of(tick.label) for tick in kept)
        if all(right - left > widest + _LABEL_GAP for left, right in pairwise(positions)):
            return kept
    return ticks[:1]


def _draw_row(sheet: Sheet, part: MetricPeriod, floor: int, limit: float | None) -> None:
    """The name and the lines of one metric, and its limit, between `floor` and the row above."""
    middle = sheet.to_pixels(0, floor + 0.5)[1]
    sheet.write(0, middle, part.label)
    now, before = curves(part)
    if not len(now):
        x = sheet.to_pixels(sum(sheet.axes.get_xlim()) / 2, 0)[0]
        sheet.write(
            min(x, WIDTH - 150), middle, i18n.absence(summarize_metric(part).received), ha="center", color=tint("muted")
        )
        return
    shown = [*now.mean, *before.mean, *([] if limit is None else [limit])]
    scale = reading_scale(min(shown), max(shown), part.metric.unit)
    height = _BETWEEN / ROW

    def place(reading: Any) -> Any:
        share = (reading - scale.bottom) / (scale.top - scale.bottom)
        return floor + height / 2 + share * (1 - height)

    if limit is not None:
        ends = sheet.axes.get_xlim()
        sheet.axes.plot(ends, [place(limit)] * 2, color=tint("limit"), linewidth=1.2, linestyle=(0, (4, 2)))
    for line, color, width in ((before, tint("before"), 1.0), (now, part.metric.color, 1.5)):
        sheet.axes.plot(line.broken(line.time_ms), place(line.broken(line.mean)), color=color, linewidth=width)
