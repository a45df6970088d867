"""Numbers and units as readers write them, and lists of words."""

import re
from collections.abc import Sequence

from babel.lists import format_list
from babel.numbers import format_decimal, format_percent, format_scientific, get_decimal_symbol

from pycemaker.i18n.language import N_, _, ngettext, spoken

NO_SAMPLES = N_("Sem amostras neste período")  # The text where an interval has no sample at all
NO_READINGS = N_("Nenhuma leitura válida neste período")
"""The text where samples came, but none with a finite reading."""

NOTHING = "—"  # The text where a number is undefined
_HUGE = 1e15
_LEAST_MOVE = 0.01
_UNITS = {"per_minute": N_("por minuto"), "per_second": N_("por segundo")}
_SAID_BY_READINGS = ("ratio", "seconds", "requests", "")
_MARKS = {"per_minute": N_("/min"), "per_second": N_("/s")}


def decimal(amount: float, digits: int) -> str:
    """A number with exactly `digits` decimals: `1.234,5`. From 1e15 on in powers of ten: `1,2E18`."""
    if abs(amount) >= _HUGE:
        return str(format_scientific(amount, "0.0E0", locale=spoken().locale))
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(amount, pattern, locale=spoken().locale))


def count(whole: int) -> str:
    """A whole number: `4.320`."""
    return decimal(whole, 0)


def percent(ratio: float, digits: int = 1) -> str:
    """A ratio as per cent: 0.421 gives `42,1%`."""
    if abs(ratio) >= _HUGE:
        return decimal(ratio * 100, 0) + "%"
    return str(format_percent(ratio, "#,##0" + ("." + "0" * digits if digits else "") + "%", locale=spoken().locale))


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
    """A reading with the unit that `reading` leaves out: `144 por minuto`, `12 conexões`."""
    return reading(amount, unit) if amount is None else f"{reading(amount, unit)} {unit_phrase(unit)}".strip()


def short_reading(amount: float, unit: str) -> str:
    """A reading without the zeros that end its decimals: `90%`, `92,5%`, `1,5 s`, `20`."""
    zeros = re.escape(decimal_symbol()) + r"(\d*?)0+(?!\d)"
    return re.sub(zeros, lambda kept: decimal_symbol() + kept[1] if kept[1] else "", reading(amount, unit))


def reading_with_mark(amount: float | None, unit: str) -> str:
    """A reading with the unit's symbol, where it has one and room is scarce: `144/min`."""
    if amount is None or unit not in _MARKS:
        return reading_with_unit(amount, unit)
    return reading(amount, unit) + _(_MARKS[unit])


def unit_phrase(unit: str) -> str:
    """The unit to write beside readings; empty where each says its own."""
    return "" if unit in _SAID_BY_READINGS else _(_UNITS.get(unit, unit))


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
    """A change of a mean: `▲ +5,5%`, `▼ -4,1%`; from twofold on `▲ 2,5×`; None a dash.

    Below 1% nothing moved, and no arrow says that it did: `+0,4%`, `igual`.
    """
    if ratio is None:
        return NOTHING
    if ratio >= 1:
        return f"▲ {fold(1 + ratio)}"
    return _moved(ratio, percent(abs(ratio)), percent(0))


def growth_in_points(difference: float | None) -> str:
    """A change of a share: `▲ +7,7 p.p.`, `▼ -12,0 p.p.`; below one point `+0,4 p.p.`, `igual`; None a dash."""
    if difference is None:
        return NOTHING
    return _moved(difference, points_of(abs(difference) * 100, 1), points_of(0, 1))


def _moved(change: float, size: str, none: str) -> str:
    if size == none:
        return _("igual")
    arrow = "" if abs(change) < _LEAST_MOVE else "▲ " if change > 0 else "▼ "
    return f"{arrow}{'+' if change > 0 else '-'}{size}"


def share(part: float) -> str:
    """A share of a whole: `62,5%`; never rounded to all or to nothing (`<0,1%`, `>99,9%`)."""
    if part in (0, 1):
        return percent(part, 0)
    if part < 0.0005:
        return f"<{percent(0.001)}"
    return f">{percent(0.999)}" if part > 0.9995 else percent(part)


def absence(received: int) -> str:
    """The reason why there is no number, where so many samples came."""
    return _(NO_READINGS if received else NO_SAMPLES)


def coverage(received: int, expected: int) -> str:
    """Samples received of those expected: `4.080 de 4.320 amostras esperadas (94,4%)`, `1 amostra` where none are."""
    if not expected:
        some = ngettext("{count} amostra", "{count} amostras", received, count=count(received))
        return some if received else _("nenhuma amostra")
    part = percent(received / expected) if received > expected else share(received / expected)
    facts = {"received": count(received), "expected": count(expected), "share": part}
    return _("{received} de {expected} amostras esperadas ({share})", **facts)


def fold(ratio: float) -> str:
    """A multiple: `12×`, `2,4×`."""
    return decimal(ratio, 0 if ratio >= 10 else 1).removesuffix(decimal_symbol() + "0") + "×"


def points(difference: float) -> str:
    """A difference of two ratios: 0.304 gives `30 p.p.`, 0.0177 `1,8 p.p.`."""
    size = abs(difference) * 100
    return points_of(size, 0 if size >= 10 else 1)


def points_of(amount: float, digits: int) -> str:
    """Percentage points, with exactly `digits` decimals: `44,0 p.p.`."""
    return _("{amount} p.p.", amount=decimal(amount, digits))


def decimal_symbol() -> str:
    """The decimal separator: `,`."""
    return str(get_decimal_symbol(spoken().locale))


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence: `a, b e c`."""
    return str(format_list(parts, locale=spoken().locale))
