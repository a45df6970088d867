"""The report's figures: pure functions from a metric's period to a picture. Here those of one metric over time."""

from zoneinfo import ZoneInfo

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.metric_summary import Extreme, MetricSummary, summarize_metric
from pycemaker.analysis.rates import in_rates
from pycemaker.i18n.language import _
from pycemaker.metrics import METRICS, Metric
from pycemaker.presentation.figures import alt_text, criticity_bar
from pycemaker.presentation.figures.axes import Scale, reading_scale, time_ticks, write_ticks
from pycemaker.presentation.figures.canvas import HEAD_Y, KEY_Y, WIDTH, Picture, Sheet, theme, tint
from pycemaker.presentation.figures.criticity_bar import criticity_shares
from pycemaker.presentation.figures.curve import DAY_MS, LARGEST, Curve, curves
from pycemaker.presentation.figures.small_courses import small_courses
from pycemaker.series.batches import Columns
from pycemaker.series.period import MetricPeriod
from pycemaker.window import Window, from_epoch_ms, to_epoch_ms

__all__ = ["COURSE_HEIGHT", "WHOLE_HEIGHT", "course", "criticity_shares", "small_courses", "warm", "whole"]

COURSE_HEIGHT = 284
WHOLE_HEIGHT = 256

_LEFT, _RIGHT, _BOTTOM = 80, 28, 32
_TOP, _TOP_WITHOUT_TITLE = 78, 46
_STRIP_TOP = 198
_BAND_ALPHA = 0.22
_MOST_MARKED = 3
_GROUND = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8}


def course(part: MetricPeriod) -> Picture:
    """The reading over time, and behind it, in grey, the previous interval moved onto the same hours.

    Where there are more samples than a figure can show, the line is a bin's mean, and a band its lowest to highest;
    from a day on its 5th to its 95th percentile. Lines break at gaps. Without a reading (no sample, or NaN alone) the
    axes stay and a sentence says so.
    """
    part = in_rates(part)
    summary = summarize_metric(part)
    with theme():
        sheet = Sheet(COURSE_HEIGHT, {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM})
        now = _draw_course(sheet, part, summary)
        title, unit = part.label, i18n.unit_phrase(part.metric.unit)
        sheet.write(0, HEAD_Y, title, weight="bold")
        sheet.write(sheet.width_of(title, weight="bold") + 8, HEAD_Y, unit, color=tint("muted"))
        sheet.key(KEY_Y, _key(part, now))
        return sheet.finish(f"{part.metric.id}-course", alt_text.course_sentence(part, summary))


def whole(part: MetricPeriod) -> Picture:
    """The course of a metric whose name stands above the figure, and below it the shares of its criticities."""
    part = in_rates(part)
    summary = summarize_metric(part)
    margins = {"left": _LEFT, "right": _RIGHT, "top": _TOP_WITHOUT_TITLE}
    with theme():
        scratch = Sheet(WHOLE_HEIGHT, margins | {"bottom": 0})
        rows = criticity_bar.strip_rows(scratch, summary.shares) if summary.shares else []
        height = WHOLE_HEIGHT + criticity_bar.ROW * (len(rows) - 1) if rows else _STRIP_TOP
        sheet = Sheet(height, margins | {"bottom": height - _STRIP_TOP + _BOTTOM})
        now = _draw_course(sheet, part, summary)
        sheet.key(HEAD_Y, _key(part, now))
        unit = i18n.unit_phrase(part.metric.unit)
        sheet.write(WIDTH, HEAD_Y, unit, ha="right", color=tint("muted"))
        if rows:
            criticity_bar.draw_strip(sheet, rows, _STRIP_TOP + 6)
        return sheet.finish(f"{part.metric.id}-course", alt_text.whole_sentence(part, summary))


def warm() -> None:
    """Draw figures of made-up samples and throw them away, so that fonts, locale, seaborn and encoder are loaded."""
    from pycemaker.series.period import MetricPeriod

    time_ms = np.arange(1, 721) * 5000
    codes = np.repeat(np.arange(2, dtype=np.int16), 360)
    samples = Columns(time_ms, np.linspace(0.1, 0.9, 720), codes, ("critical", "low"))
    window = Window(from_epoch_ms(3_600_000), hours=1)
    for metric in METRICS:
        part = MetricPeriod(metric, window, ZoneInfo("UTC"), samples, samples)
        course(part)
        whole(part)
    small_courses([part])


# --- the course


def _draw_course(sheet: Sheet, part: MetricPeriod, summary: MetricSummary) -> Curve:
    now, before = curves(part)
    scale = _scale((now, before), summary, part.metric.unit)
    ends_ms = to_epoch_ms(part.window.start_utc), to_epoch_ms(part.window.end_utc)
    sheet.set_ends(ends_ms, (scale.bottom, scale.top))
    # matplotlib's own ticks take 1 ms each
    heights = [tick.position for tick in scale.ticks]
    sheet.axes.hlines(heights, *ends_ms, color=tint("rule"), linewidth=0.75, clip_on=False)
    write_ticks(sheet, time_ticks(part.window, part.zone), scale)
    _plot_lines(sheet, {tint("before"): before, part.metric.color: now})
    _plot_band(sheet, now, part.metric.color)
    if summary.lowest is None or summary.highest is None:
        sheet.write(
            WIDTH / 2, (sheet.top + sheet.bottom) / 2, i18n.absence(summary.received), ha="center", bbox=_GROUND
        )
        return now
    _point_out(sheet, summary.highest, summary, part.metric)
    if summary.lowest.reading < summary.highest.reading:
        _point_out(sheet, summary.lowest, summary, part.metric)
    return now


def _scale(curves: tuple[Curve, Curve], summary: MetricSummary, unit: str) -> Scale:
    """The axis that shows all of this interval, and the means of the one before."""
    now, before = curves
    ends = [_drawn(extreme.reading) for extreme in (summary.lowest, summary.highest) if extreme is not None]
    shown = [*ends, *now.low, *now.high, *before.mean]
    return reading_scale(min(shown, default=0.0), max(shown, default=0.0), unit)


def _drawn(reading: float) -> float:
    return min(LARGEST, max(-LARGEST, reading))


def _plot_lines(sheet: Sheet, curves: dict[str, Curve]) -> None:
    """One seaborn line for each stretch of each curve, by colour; a stretch of one point is a dot."""
    import seaborn as sns

    lengths = [len(line) for line in curves.values()]
    if not any(lengths):
        return
    sns.lineplot(
        x=np.concatenate([line.time_ms for line in curves.values()]),
        y=np.concatenate([line.mean for line in curves.values()]),
        hue=np.repeat(list(curves), lengths),
        units=np.concatenate([line.stretch for line in curves.values()]),
        palette={color: color for color in curves},
        hue_order=list(curves),
        estimator=None,
        errorbar=None,
        sort=False,
        legend=False,
        linewidth=1.3,
        ax=sheet.axes,
    )
    for line in sheet.axes.lines:
        if len(line.get_xdata()) == 1:  # type: ignore[arg-type]
            line.set(marker="o", markersize=3)


def _plot_band(sheet: Sheet, now: Curve, color: str) -> None:
    """Each bin's lowest to highest."""
    if now.bin_seconds:
        time_ms, low, high = map(now.broken, (now.time_ms, now.low, now.high))
        sheet.axes.fill_between(time_ms, low, high, color=color, alpha=_BAND_ALPHA, linewidth=0)


def _point_out(sheet: Sheet, extreme: Extreme, summary: MetricSummary, metric: Metric) -> None:
    """A dot and the reading at the highest or the lowest, unless it is too common to be a place."""
    if extreme.times > _MOST_MARKED:
        return
    height = _drawn(extreme.reading)
    sheet.axes.plot(extreme.first_ms, height, "o", color=metric.color, markersize=3.6, clip_on=False)
    x, y = sheet.to_pixels(extreme.first_ms, height)
    ha = "left" if x < 120 else "right" if x > WIDTH - 46 else "center"
    down = -16 if extreme is summary.highest else 16
    if y + down > sheet.bottom - 9:  # on the times: above the line then, or beside the dot
        down = -16 if y - sheet.to_pixels(0, summary.mean or 0)[1] < 28 else 0
        ha, x = (ha, x) if down else ("right", x - 8) if x > WIDTH - 120 else ("left", x + 8)
    sheet.write(x, y + down, i18n.reading(extreme.reading, metric.unit), ha=ha, bbox=_GROUND)


def _key(part: MetricPeriod, now: Curve) -> list[tuple[str, str, float, float]]:
    """The words, colours, widths and opacities of the key."""
    key = [(_("atual"), part.metric.color, 2.5, 1.0), (_("anterior"), tint("before"), 2.5, 1.0)]
    if now.bin_seconds:
        band = _("p5 a p95") if part.window.hours * 3_600_000 >= DAY_MS else _("mín. a máx.")
        key.append((band, part.metric.color, 11, _BAND_ALPHA + 0.06))
    return key
