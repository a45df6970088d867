"""Dates, times of day and durations as readers write them, and the phrases made of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from pycemaker.language import _, ngettext, pgettext, spoken
from pycemaker.window import Window, from_epoch_ms
from pycemaker.words.numbers import count


def length(hours: int) -> str:
    """An interval's length: `6 h`, `3 dias`, `4 dias e 4 h`. Up to two days are told in hours."""
    days, rest = divmod(hours, 24)
    if hours <= 48:
        return f"{hours} h"
    return _("{days} e {hours} h", days=days_of(days), hours=rest) if rest else days_of(days)


def days_of(how_many: int) -> str:
    """A number of days: `1 dia`, `3 dias`."""
    return ngettext("{days} dia", "{days} dias", how_many, days=count(how_many))


def clock(instant_utc: datetime, zone: ZoneInfo, pattern: str) -> str:
    """An aware instant on the wall of `zone`, in a CLDR pattern such as `dd/MM HH:mm`."""
    return str(format_datetime(instant_utc, pattern, tzinfo=zone, locale=spoken().locale))


def period(window: Window, zone: ZoneInfo) -> str:
    """The interval's two ends: `10/04/2022, 03:43 a 09:43`; with both dates where they differ."""
    start, end = _local_ends(window, zone)
    pattern = pgettext("date", "dd/MM/yyyy, HH:mm")
    last = "HH:mm" if start.date() == end.date() else pattern
    return _("{start} a {end}", start=clock(start, zone, pattern), end=clock(end, zone, last))


def period_in_sentence(window: Window, zone: ZoneInfo) -> str:
    """The same inside a sentence: `de 03:43 a 09:43 de 10/04/2022`."""
    start, end = _local_ends(window, zone)
    if start.date() != end.date():
        return _("de {period}", period=period(window, zone))
    times = {"start": clock(start, zone, "HH:mm"), "end": clock(end, zone, "HH:mm")}
    return _("de {start} a {end} de {day}", **times, day=day(end, zone))


def day(instant_utc: datetime, zone: ZoneInfo) -> str:
    """The day of an aware instant in `zone`: `10/04/2022`."""
    return clock(instant_utc, zone, pgettext("date", "dd/MM/yyyy"))


def moment(epoch_ms: int, window: Window, zone: ZoneInfo) -> str:
    """An instant of the window, to the second: `04:10:05`, with its date (`09/04`) where the window has several."""
    start, end = _local_ends(window, zone)
    pattern = "HH:mm:ss" if start.date() == end.date() else pgettext("date", "dd/MM HH:mm:ss")
    return clock(from_epoch_ms(epoch_ms), zone, pattern)


def moment_in_sentence(epoch_ms: int, window: Window, zone: ZoneInfo) -> str:
    """The same inside a sentence: `às 04:10:05`, or `em 09/04 às 04:10:05`."""
    return _at(moment(epoch_ms, window, zone))


def minute(epoch_ms: float, window: Window, zone: ZoneInfo) -> str:
    """An instant of the window to the minute: `04:10`, with its date (`09/04`) where the window has several."""
    start, end = _local_ends(window, zone)
    pattern = "HH:mm" if start.date() == end.date() else pgettext("date", "dd/MM HH:mm")
    return clock(from_epoch_ms(round(epoch_ms)), zone, pattern)


def minute_in_sentence(epoch_ms: float, window: Window, zone: ZoneInfo) -> str:
    """The same inside a sentence: `às 04:10`, or `em 09/04 às 04:10`."""
    return _at(minute(epoch_ms, window, zone))


def _at(moment: str) -> str:
    day, blank, time = moment.rpartition(" ")
    return _("em {day} às {time}", day=day, time=time) if blank else _("às {time}", time=time)


def span_in_sentence(start_ms: float, end_ms: float, window: Window, zone: ZoneInfo) -> str:
    """From when to when: `das 04:10 às 04:25`, or `de 09/04 04:10 a 09/04 04:25`."""
    start, end = minute(start_ms, window, zone), minute(end_ms, window, zone)
    if " " in start:
        return _("de {start} a {end}", start=start, end=end)
    return _("das {start} às {end}", start=start, end=end)


def duration(seconds: float) -> str:
    """How long: `45 s`, `24 min`, `2 h 5 min`, `3 dias`; seconds are told below two minutes."""
    if round(seconds) < 120:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return days_of(round(minutes / 1440))


def zone_phrase(window: Window, zone: ZoneInfo) -> str:
    """The readers' zone: `America/Sao_Paulo, UTC-3`; both offsets where a clock change lies within the window."""
    start, end = (_offset(end.utcoffset()) for end in _local_ends(window, zone))
    if start == end:
        return f"{zone.key}, {end}"
    return _("{zone}, {start} no início e {end} no fim", zone=zone.key, start=start, end=end)


def subject(window: Window, zone: ZoneInfo, headline: str = "", *, name: str = "Pycemaker") -> str:
    """The mail's subject: `Relatório Pycemaker: 10/04/2022, 03:43 a 09:43 (6 h)`; with a headline that comes first.

    So `Coleta parada desde 09:02 — Pycemaker, 10/04/2022 09:43, 6 h`: the end says which report of the day it is, since
    mail programs fold messages of one subject into one conversation.
    """
    if not headline:
        told = {"period": period(window, zone), "length": length(window.hours)}
        return _("Relatório {name}: {period} ({length})", name=name, **told)
    end = clock(window.end_utc, zone, pgettext("date", "dd/MM/yyyy HH:mm"))
    return f"{headline} — {name}, {end}, {length(window.hours)}"


def _local_ends(window: Window, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return window.start_utc.astimezone(zone), window.end_utc.astimezone(zone)


def _offset(offset: timedelta | None) -> str:
    minutes = (offset or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")
