"""The ground of a figure: rules, ticks and their labels, times in the readers' zone, readings in their unit."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.i18n.language import pgettext
from pycemaker.presentation.figures.canvas import Sheet, tint
from pycemaker.window import Window, to_epoch_ms

MOST_TIME_TICKS = 7

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TIME_STEPS_SECONDS = (
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 3, 5, 7, 10, 15, 30, 60, 90)),
)
_NICE = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Tick:
    """A position on an axis and its label."""

    position: float
    label: str


@dataclass(frozen=True)
class Scale:
    """A vertical axis: where it ends, and its ticks."""

    bottom: float
    top: float
    ticks: tuple[Tick, ...]


def draw_ground_ahead(sheet: Sheet, axis: Window, zone: ZoneInfo, scale: Scale, now_ms: int, limit: float) -> None:
    """Draw rules across, the time after `now_ms` on a tint of its own, the limit dashed, and the labels."""
    start_ms, end_ms = sheet.axes.get_xlim()
    heights = [tick.position for tick in scale.ticks]
    sheet.axes.axvspan(now_ms, end_ms, color=tint("ahead"), linewidth=0)
    sheet.axes.hlines(heights, start_ms, now_ms, color=tint("rule"), linewidth=0.75, clip_on=False)
    sheet.axes.hlines(heights, now_ms, end_ms, color="white", linewidth=0.75, clip_on=False)
    sheet.axes.hlines([limit], start_ms, end_ms, color=tint("limit"), linewidth=1.2, linestyle=(0, (4, 2)))
    write_ticks(sheet, time_ticks(axis, zone), scale)


def write_ticks(sheet: Sheet, times: tuple[Tick, ...], scale: Scale) -> None:
    """Write the labels of the readings on the left, and those of the times below."""
    for tick in scale.ticks:
        sheet.write(sheet.left - 8, sheet.to_pixels(0, tick.position)[1], tick.label, ha="right", color=tint("muted"))
    for tick in times:
        x = sheet.to_pixels(tick.position, 0)[0]
        sheet.write_centred(x, sheet.bottom + 19, tick.label, color=tint("muted"))


def time_ticks(window: Window, zone: ZoneInfo) -> tuple[Tick, ...]:
    """Ticks inside the interval, `MOST_TIME_TICKS` or fewer, at round wall times of `zone`; positions are epoch ms.

    Midnights show their date. Up to an hour apart they are evenly spaced even where the clock jumps; further apart
    they stay on the wall's round hours, so that on the day of a change two of them are closer or wider.
    """
    step = next(s for s in _TIME_STEPS_SECONDS if window.hours * _HOUR <= s * MOST_TIME_TICKS or s == 90 * _DAY)
    instants = _every(window, zone, step) if step <= _HOUR else _at_round_hours(window, zone, step)
    inside = sorted({t for t in instants if window.start_utc <= t <= window.end_utc})
    return tuple(Tick(float(to_epoch_ms(t)), _time_label(t, zone, step)) for t in inside)


def _every(window: Window, zone: ZoneInfo, step: int) -> list[datetime]:
    start = window.start_utc.astimezone(zone)
    seconds_past = (start.minute * _MINUTE + start.second) % step
    first = window.start_utc.replace(microsecond=0) - timedelta(seconds=seconds_past)
    return [first + timedelta(seconds=step * turn) for turn in range(MOST_TIME_TICKS + 2)]


def _at_round_hours(window: Window, zone: ZoneInfo, step: int) -> list[datetime]:
    """Local midnights, and the round hours between them. A skipped time is the first one after the change."""
    days_apart, hours_apart = max(1, step // _DAY), min(24, step // _HOUR)
    first = window.start_utc.astimezone(zone).date()
    days = (window.end_utc.astimezone(zone).date() - first).days
    walls = (
        datetime.combine(first + timedelta(days=day), datetime.min.time(), zone).replace(hour=hour)
        for day in range(0, days + 1, days_apart)
        for hour in range(0, 24, hours_apart)
    )
    return [wall.astimezone(window.end_utc.tzinfo) for wall in walls]


def _time_label(instant_utc: datetime, zone: ZoneInfo, step: int) -> str:
    """The date at the first instant of a day, which a clock change can put at 01:00; else the time."""
    local = instant_utc.astimezone(zone)
    is_new_day = (instant_utc - timedelta(seconds=1)).astimezone(zone).date() != local.date()
    return i18n.clock(local, zone, pgettext("date", "dd/MM") if is_new_day or step >= _DAY else "HH:mm")


def reading_scale(lowest: float, highest: float, unit: str) -> Scale:
    """A vertical axis that shows every reading from 0 on. Ratios always show 0 to 100%, so that figures compare.

    Args:
        lowest: lowest reading to show, finite, within 1e300.
        highest: highest reading to show, likewise; where both are 0 the axis still ends above it.
    """
    bottom, top = min(0.0, lowest), max(0.0, highest)
    if unit == "ratio":
        top = max(1.0, top)
    if top - bottom < 1e-9:
        top = bottom + 1
    step = _step(top - bottom, unit)
    first, last = math.floor(bottom / step + 1e-9), math.ceil(top / step - 1e-9)
    ticks = tuple(Tick(turn * step, _reading_label(turn * step, unit)) for turn in range(first, last + 1))
    return Scale(first * step, last * step, ticks)


def _step(span: float, unit: str) -> float:
    """A round distance that gives some four ticks."""
    if unit == "ratio" and span == 1:
        return 0.25
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in _NICE if nice * power >= rough * 0.999)
    return max(1.0, round(step)) if unit == "requests" and step < 100 else step


def _reading_label(reading: float, unit: str) -> str:
    """The label of a tick, as short as it can be: `50%`, `250 ms`, `1,5 s`, `20`."""
    if unit == "ratio":
        return i18n.percent(reading, 0 if abs(reading) >= 0.0999 or reading == 0 else 1)
    return i18n.short_reading(reading, unit)
