"""Dates, times of day and durations as readers write them, and the phrases made of them."""

import math
import re
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, get_timezone_name

from pycemaker.i18n.language import _, ngettext, pgettext, spoken
from pycemaker.i18n.numbers import count, decimal
from pycemaker.window import Window, from_epoch_ms

_SAME_SHARE = 0.03

FINE_HOURS = 6  # The longest window, in hours, whose clocks and durations have seconds


def length(hours: float) -> str:
    """An interval's length: `1 hora`, `6 horas`, `3 dias`, `4 dias e 4 horas`. Up to two days in hours."""
    days, rest = divmod(hours, 24)
    if hours <= 48:
        return hours_of(hours)
    return _("{days} e {hours}", days=days_of(int(days)), hours=hours_of(rest)) if rest else days_of(int(days))


def hours_of(how_many: float) -> str:
    """A number of hours: `1 hora`, `6 horas`, `24,5 horas`."""
    amount = count(int(how_many)) if how_many == int(how_many) else decimal(how_many, 1)
    return ngettext("{hours} hora", "{hours} horas", math.ceil(how_many), hours=amount)


def days_of(how_many: int) -> str:
    """A number of days: `1 dia`, `3 dias`."""
    return ngettext("{days} dia", "{days} dias", how_many, days=count(how_many))


def days_back(how_many: int) -> str:
    """A number of days before something: `1 dia`, `7 dias`; from two whole weeks on `4 semanas`."""
    weeks, rest = divmod(how_many, 7)
    if weeks >= 2 and not rest:
        return ngettext("{weeks} semana", "{weeks} semanas", weeks, weeks=count(weeks))
    return days_of(how_many)


def clock(instant_utc: datetime, zone: tzinfo, pattern: str) -> str:
    """An aware instant on the wall of `zone`, in a CLDR pattern such as `dd/MM HH:mm`."""
    return str(format_datetime(instant_utc, pattern, tzinfo=zone, locale=spoken().locale))


def period(window: Window, zone: ZoneInfo) -> str:
    """The interval's two ends: `10/04/2022, 03:43 a 09:43`; with both dates where they differ."""
    start, end = _local_ends(window, zone)
    pattern = pgettext("date", "dd/MM/yyyy, HH:mm")
    last = "HH:mm" if start.date() == end.date() else pattern
    return _("{start} a {end}", start=clock(start, zone, pattern), end=clock(end, zone, last))


def period_in_sentence(window: Window, zone: ZoneInfo) -> str:
    """The interval's two ends inside a sentence: `de 03:43 a 09:43 de 10/04/2022`."""
    start, end = _local_ends(window, zone)
    if start.date() != end.date():
        return _("de {period}", period=period(window, zone))
    times = {"start": clock(start, zone, "HH:mm"), "end": clock(end, zone, "HH:mm")}
    return _("de {start} a {end} de {day}", **times, day=day(end, zone))


def day(instant_utc: datetime, zone: ZoneInfo) -> str:
    """The day of an aware instant in `zone`: `10/04/2022`."""
    return clock(instant_utc, zone, pgettext("date", "dd/MM/yyyy"))


def day_and_minute(epoch_ms: int, zone: ZoneInfo) -> str:
    """An instant anywhere: `09/04/2022, 04:10`."""
    return clock(from_epoch_ms(epoch_ms), zone, pgettext("date", "dd/MM/yyyy, HH:mm"))


def moment(epoch_ms: int, window: Window, zone: ZoneInfo) -> str:
    """An instant of the window: `04:10:05`, with its date (`09/04`) where the window has several days.

    With seconds within a window of up to `FINE_HOURS`; in a longer one `04:10`, `09/04 04:10`.
    """
    if window.hours > FINE_HOURS:
        return minute(epoch_ms, window, zone)
    start, end = _local_ends(window, zone)
    pattern = "HH:mm:ss" if start.date() == end.date() else pgettext("date", "dd/MM HH:mm:ss")
    return clock(from_epoch_ms(epoch_ms), zone, pattern)


def moment_in_sentence(epoch_ms: int, window: Window, zone: ZoneInfo) -> str:
    """A moment inside a sentence: `às 04:10:05`, or `em 09/04 às 04:10:05`."""
    return _at(moment(epoch_ms, window, zone))


def minute(epoch_ms: float, window: Window, zone: ZoneInfo) -> str:
    """An instant of the window to the minute: `04:10`, with its date (`09/04`) where the window has several."""
    start, end = _local_ends(window, zone)
    pattern = "HH:mm" if start.date() == end.date() else pgettext("date", "dd/MM HH:mm")
    return clock(from_epoch_ms(round(epoch_ms)), zone, pattern)


def minute_in_sentence(epoch_ms: float, window: Window, zone: ZoneInfo) -> str:
    """A minute inside a sentence: `às 04:10`, or `em 09/04 às 04:10`."""
    return _at(minute(epoch_ms, window, zone))


def _at(moment: str) -> str:
    day, blank, time = moment.rpartition(" ")
    return _("em {day} às {time}", day=day, time=time) if blank else _("às {time}", time=time)


def span_in_sentence(start_ms: float, end_ms: float, window: Window, zone: ZoneInfo) -> str:
    """A span of time: `das 04:10 às 04:25`; where the window has several days, their dates, one day once.

    So `em 09/04, das 04:10 às 04:25`, and `das 23:50 de 09/04 às 00:10 de 10/04`.
    """
    day, _blank, start = minute(start_ms, window, zone).rpartition(" ")
    last_day, _blank, end = minute(end_ms, window, zone).rpartition(" ")
    if day != last_day:
        return _("das {start} de {day} às {end} de {last_day}", start=start, day=day, end=end, last_day=last_day)
    span = _("das {start} às {end}", start=start, end=end)
    return _("em {day}, {span}", day=day, span=span) if day else span


def clocks_in_sentence(start_ms: float, end_ms: float, window: Window, zone: ZoneInfo) -> str:
    """A span of time where the day was named already: `das 04:10 às 04:25`; with both days where they differ."""
    day, _blank, start = minute(start_ms, window, zone).rpartition(" ")
    last_day, _blank, end = minute(end_ms, window, zone).rpartition(" ")
    if day != last_day:
        return span_in_sentence(start_ms, end_ms, window, zone)
    return _("das {start} às {end}", start=start, end=end)


def duration(seconds: float, window: Window | None = None) -> str:
    """A duration: `45 s`, `24 min`, `1 hora`, `2 h 5 min`, `3 dias`.

    Seconds below two minutes; in a window longer than `FINE_HOURS`, in whole minutes, at least one.
    """
    is_fine = window is None or window.hours <= FINE_HOURS
    if round(seconds) < 120 and is_fine:
        return f"{round(seconds)} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest else hours_of(hours)
    return days_of(round(minutes / 1440))


def distance(seconds: float) -> str:
    """The distance of samples: `5 s`, `2,5 s`, `60 s`, `5 min`; decimals only where they say something."""
    whole = round(seconds)
    if whole >= 10 or (whole and abs(seconds - whole) <= _SAME_SHARE * seconds):
        return duration(whole)
    return f"{decimal(seconds, 1 if seconds >= 1 else 2)} s"


def zone_phrase(window: Window, zone: ZoneInfo) -> str:
    """The readers' zone by its own name: `horário de Brasília (UTC-3)`; by its key where it has none: `UTC`.

    With both offsets where a clock change lies within the window.
    """
    name = _zone_name(zone)
    start, end = (_offset(end.utcoffset()) for end in _local_ends(window, zone))
    if start == end:
        return name if name == end else f"{name} ({end})"
    return _("{zone} ({start} no início, {end} no fim)", zone=name, start=start, end=end)


def _zone_name(zone: ZoneInfo) -> str:
    """`horário de Brasília`; the key (`Africa/Accra`) where there is no such name, or it is no good Portuguese."""
    locale = spoken().locale
    name = str(get_timezone_name(zone, width="long", zone_variant="generic", locale=locale))
    if "/" not in zone.key or zone.key.startswith("Etc/"):
        return zone.key
    if locale.language == "pt":  # CLDR has `da Argentina` and, where a country has no name of its own, `Gana`
        return name[:1].lower() + name[1:] if re.match(r"\w+ d[aeo]s? ", name) else zone.key
    return name


def _local_ends(window: Window, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return window.start_utc.astimezone(zone), window.end_utc.astimezone(zone)


def _offset(offset: timedelta | None) -> str:
    minutes = (offset or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")
