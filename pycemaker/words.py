"""Numbers, dates, units and durations as Brazilians write them (pt-BR, through Babel), and the phrases made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent, format_scientific

from pycemaker.window import Window, from_epoch_ms

NO_SAMPLES = "Sem amostras neste período"
"""What stands where an interval has no sample at all."""

NO_READINGS = "Nenhuma leitura válida neste período"
"""What stands where samples came, but none with a finite reading."""

NOTHING = "—"
"""What stands where a number is undefined."""

_LOCALE = Locale.parse("pt_BR")
_HUGE = 1e15
_UNITS = {"requests": "por amostra"}


def decimal(amount: float, digits: int) -> str:
    """A number with exactly `digits` decimals: `1.234,5`. From 1e15 on in powers of ten: `1,2E18`."""
    if abs(amount) >= _HUGE:
        return str(format_scientific(amount, "0.0E0", locale=_LOCALE))
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(amount, pattern, locale=_LOCALE))


def count(whole: int) -> str:
    """A whole number: `4.320`."""
    return decimal(whole, 0)


def percent(ratio: float, digits: int = 1) -> str:
    """A ratio as per cent: 0.421 gives `42,1%`."""
    if abs(ratio) >= _HUGE:
        return decimal(ratio * 100, 0) + "%"
    return str(format_percent(ratio, "#,##0" + ("." + "0" * digits if digits else "") + "%", locale=_LOCALE))


def reading(amount: float | None, unit: str) -> str:
    """A reading in the way people say it: `42,1%`, `183 ms`, `1,25 s`, `2 min 5 s`, `12,4`.

    Args:
        amount: in `unit`; None (no reading) gives a dash.
        unit: a metric's: `ratio`, `seconds`, or anything else, which is a bare number.
    """
    if amount is None:
        return NOTHING
    if unit == "ratio":
        return percent(amount, 2 if 0 < abs(amount) < 0.001 else 1)
    if unit == "seconds":
        return _seconds(amount)
    return decimal(amount, _digits(amount))


def reading_with_unit(amount: float | None, unit: str) -> str:
    """The same with the unit where `reading` leaves it out: `12,4 por amostra`."""
    text = reading(amount, unit)
    return f"{text} {_UNITS[unit]}" if unit in _UNITS and amount is not None else text


def unit_phrase(unit: str) -> str:
    """What readings of that unit need said beside them; empty where each says its own unit."""
    return _UNITS.get(unit, "")


def _digits(amount: float) -> int:
    if float(amount).is_integer() or abs(amount) >= 1000:
        return 0
    return 1 if abs(amount) >= 10 else 2


def _seconds(seconds: float) -> str:
    size = abs(seconds)
    if round(size, 2) >= 60:
        return ("-" if seconds < 0 else "") + _minutes(round(size))
    if round(size * 1000) >= 1000 or size == 0:
        return decimal(seconds, 2 if size else 0) + " s"
    return decimal(seconds * 1000, 0 if size >= 0.01 else 1) + " ms"


def _minutes(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 100:
        return f"{count(hours)} h"
    if hours:
        return f"{count(hours)} h {minutes} min"
    return f"{minutes} min {rest} s"


def growth(ratio: float | None) -> str:
    """A change with its arrow and sign: `▲ +5,5%`, `▼ -4,1%`, `= 0,0%`; from elevenfold on `▲ ×13,3`; None a dash."""
    if ratio is None:
        return NOTHING
    if ratio >= 10:
        return f"▲ ×{decimal(1 + ratio, 1)}"
    text = percent(ratio)
    if text in ("0,0%", "-0,0%"):
        return "= 0,0%"
    return f"▲ +{text}" if ratio > 0 else f"▼ {text}"


def share(part: float) -> str:
    """A share of a whole: `62,5%`; never rounded to all or to nothing (`<0,1%`, `>99,9%`)."""
    if part in (0, 1):
        return percent(part, 0)
    if part < 0.0005:
        return "<0,1%"
    return ">99,9%" if part > 0.9995 else percent(part)


def coverage(received: int, expected: int) -> str:
    """How many of how many: `4.080 de 4.320 amostras esperadas (94,4%)`."""
    return f"{count(received)} de {count(expected)} amostras esperadas ({share_of(received, expected)})"


def share_of(part: int, whole: int) -> str:
    """`share` of two counts; more than the whole is said as it is."""
    if part > whole:
        return percent(part / whole) if whole else NOTHING
    return share(part / whole) if whole else NOTHING


def times(how_many: int) -> str:
    """`4.012 vezes`; once is nothing worth saying, and empty."""
    return f"{count(how_many)} vezes" if how_many > 1 else ""


def length(hours: int) -> str:
    """An interval's length: `6 h`, `3 dias`, `4 dias e 4 h`. Up to two days are told in hours."""
    days, rest = divmod(hours, 24)
    if hours <= 48:
        return f"{hours} h"
    return f"{days} dias" + (f" e {rest} h" if rest else "")


def clock(instant_utc: datetime, zone: ZoneInfo, pattern: str) -> str:
    """An aware instant on the wall of `zone`, in a CLDR pattern such as `dd/MM HH:mm`."""
    return str(format_datetime(instant_utc, pattern, tzinfo=zone, locale=_LOCALE))


def period(window: Window, zone: ZoneInfo) -> str:
    """The interval's two ends: `10/04/2022, 03:43 a 09:43`; with both dates where they differ."""
    start, end = _local_ends(window, zone)
    last = "HH:mm" if start.date() == end.date() else "dd/MM/yyyy, HH:mm"
    return f"{clock(start, zone, 'dd/MM/yyyy, HH:mm')} a {clock(end, zone, last)}"


def period_in_sentence(window: Window, zone: ZoneInfo) -> str:
    """The same inside a sentence: `de 03:43 a 09:43 de 10/04/2022`."""
    start, end = _local_ends(window, zone)
    if start.date() != end.date():
        return "de " + period(window, zone)
    return f"de {clock(start, zone, 'HH:mm')} a {clock(end, zone, 'HH:mm')} de {clock(end, zone, 'dd/MM/yyyy')}"


def moment(epoch_ms: int, window: Window, zone: ZoneInfo) -> str:
    """An instant of the window, to the second: `04:10:05`, with its date (`09/04`) where the window has several."""
    start, end = _local_ends(window, zone)
    pattern = "HH:mm:ss" if start.date() == end.date() else "dd/MM HH:mm:ss"
    return clock(from_epoch_ms(epoch_ms), zone, pattern)


def moment_in_sentence(epoch_ms: int, window: Window, zone: ZoneInfo) -> str:
    """The same inside a sentence: `às 04:10:05`, or `em 09/04 às 04:10:05`."""
    day, _, time = moment(epoch_ms, window, zone).rpartition(" ")
    return f"em {day} às {time}" if day else f"às {time}"


def minute(epoch_ms: float, window: Window, zone: ZoneInfo) -> str:
    """An instant of the window to the minute: `04:10`, with its date (`09/04`) where the window has several."""
    start, end = _local_ends(window, zone)
    pattern = "HH:mm" if start.date() == end.date() else "dd/MM HH:mm"
    return clock(from_epoch_ms(round(epoch_ms)), zone, pattern)


def minute_in_sentence(epoch_ms: float, window: Window, zone: ZoneInfo) -> str:
    """The same inside a sentence: `às 04:10`, or `em 09/04 às 04:10`."""
    day, _, time = minute(epoch_ms, window, zone).rpartition(" ")
    return f"em {day} às {time}" if day else f"às {time}"


def span_in_sentence(start_ms: float, end_ms: float, window: Window, zone: ZoneInfo) -> str:
    """From when to when: `das 04:10 às 04:25`, or `de 09/04 04:10 a 09/04 04:25`."""
    start, end = minute(start_ms, window, zone), minute(end_ms, window, zone)
    return f"de {start} a {end}" if " " in start else f"das {start} às {end}"


def duration(seconds: float) -> str:
    """How long: `45 s`, `24 min`, `2 h 5 min`, `3 dias`; seconds are told below two minutes."""
    if round(seconds) < 120:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{round(minutes / 1440)} dias"


def fold(ratio: float) -> str:
    """A multiple: `12×`, `2,4×`."""
    return decimal(ratio, 0 if ratio >= 10 else 1).removesuffix(",0") + "×"


def points(difference: float) -> str:
    """A difference of two ratios: 0.304 gives `30 p.p.`, 0.0177 `1,8 p.p.`."""
    size = abs(difference) * 100
    return f"{decimal(size, 0 if size >= 10 else 1)} p.p."


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence: `a, b e c`."""
    return " e ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def zone_phrase(window: Window, zone: ZoneInfo) -> str:
    """The readers' zone: `America/Sao_Paulo, UTC-3`; both offsets where a clock change lies within the window."""
    start, end = (_offset(end.utcoffset()) for end in _local_ends(window, zone))
    if start == end:
        return f"{zone.key}, {end}"
    return f"{zone.key}, {start} no início e {end} no fim"


def subject(window: Window, zone: ZoneInfo, headline: str = "", *, name: str = "Pycemaker") -> str:
    """The mail's subject: `Relatório Pycemaker: 10/04/2022, 03:43 a 09:43 (6 h)`; with a headline that comes first.

    So `Coleta parada desde 09:02 — Pycemaker, 10/04/2022 09:43, 6 h`: the end says which report of the day it is, since
    mail programs fold messages of one subject into one conversation.
    """
    if not headline:
        return f"Relatório {name}: {period(window, zone)} ({length(window.hours)})"
    return f"{headline} — {name}, {clock(window.end_utc, zone, 'dd/MM/yyyy HH:mm')}, {length(window.hours)}"


def _local_ends(window: Window, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return window.start_utc.astimezone(zone), window.end_utc.astimezone(zone)


def _offset(offset: timedelta | None) -> str:
    minutes = (offset or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")
