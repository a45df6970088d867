"""Several metrics over the same hours, a small course each: those without a finding."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.rates import in_rates
from pycemaker.presentation.figures import alt_text
from pycemaker.presentation.figures.axes import Tick, reading_scale, time_ticks
from pycemaker.presentation.figures.canvas import WIDTH, Picture, Sheet, theme, tint
from pycemaker.presentation.figures.curve import Curve, curves
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pycemaker.series.period import MetricPeriod

ROW = 54  # The height of a metric's row, in CSS pixels

_BETWEEN, _RIGHT, _BOTTOM = 10, 28, 30
_NAME_GAP, _LABEL_GAP = 18, 14


def small_courses(parts: Sequence[MetricPeriod]) -> Picture:
    """A row a metric: its name, its reading over time, in grey the previous interval; the hours stand below the last.

    Each row has a scale of its own, from 0 on, ratios to 100%, as in a metric's own figure.

    Args:
        parts: of one window, one or more.
    """
    parts = [in_rates(part) for part in parts]
    height = ROW * len(parts) + _BOTTOM
    with theme():
        scratch = Sheet(height, {"left": 0, "right": 0, "top": 0, "bottom": 0})
        left = max(scratch.width_of(part.label) for part in parts) + _NAME_GAP
        sheet = Sheet(height, {"left": round(left), "right": _RIGHT, "top": 0, "bottom": _BOTTOM})
        window = parts[0].window
        start_ms, end_ms = to_epoch_ms(window.start_utc), to_epoch_ms(window.end_utc)
        sheet.set_ends((start_ms, end_ms), (0, len(parts)))
        ticks = _apart(sheet, time_ticks(window, parts[0].zone))
        sheet.axes.vlines([tick.position for tick in ticks], 0, len(parts), color=tint("rule"), linewidth=0.75)
        for tick in ticks:
            sheet.write_centred(sheet.to_pixels(tick.position, 0)[0], height - 13, tick.label, color=tint("muted"))
        for row, part in enumerate(parts):
            _draw_row(sheet, part, floor=len(parts) - 1 - row)
        return sheet.finish("courses", alt_text.small_sentence(parts))


def _apart(sheet: Sheet, ticks: Sequence[Tick]) -> Sequence[Tick]:
    """Each, every second, ... of the ticks: as many as have room for their labels."""
    for step in range(1, len(ticks)):
        kept = ticks[step - 1 :: step]
        positions = [sheet.to_pixels(tick.position, 0)[0] for tick in kept]
        widest = max(sheet.width_of(tick.label) for tick in kept)
        if all(right - left > widest + _LABEL_GAP for left, right in pairwise(positions)):
            return kept
    return ticks[:1]


def _draw_row(sheet: Sheet, part: MetricPeriod, floor: int) -> None:
    """The name and the lines of one metric, between `floor` and the row above."""
    middle = sheet.to_pixels(0, floor + 0.5)[1]
    sheet.write(0, middle, part.label)
    now, before = curves(part)
    if not len(now):
        x = sheet.to_pixels(sum(sheet.axes.get_xlim()) / 2, 0)[0]
        sheet.write(
            min(x, WIDTH - 150), middle, i18n.absence(summarize_metric(part).received), ha="center", color=tint("muted")
        )
        return
    shown = [*now.mean, *before.mean]
    scale = reading_scale(min(shown), max(shown), part.metric.unit)
    for line, color, width in ((before, tint("before"), 1.0), (now, part.metric.color, 1.5)):
        time_ms, mean = _broken(line)
        share = (mean - scale.bottom) / (scale.top - scale.bottom)
        height = _BETWEEN / ROW
        sheet.axes.plot(time_ms, floor + height / 2 + share * (1 - height), color=color, linewidth=width)


def _broken(line: Curve) -> tuple[np.ndarray, np.ndarray]:
    """The line's points, with a NaN at each gap, over which nothing is drawn."""
    ends = np.flatnonzero(np.diff(line.stretch)) + 1
    return np.insert(line.time_ms, ends, np.nan), np.insert(line.mean, ends, np.nan)
