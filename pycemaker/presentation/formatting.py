"""Readings and times as readers write them, for tables and figures of a notebook's own."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from pycemaker import i18n


def reading(amount: float | None, unit: str = "") -> str:
    """A reading as readers write it: `reading(0.785, "ratio")` gives `78,5%`, `reading(0.183, "seconds")` `183 ms`.

    Args:
        amount: in `unit`; NaN and None give a dash.
        unit: a metric's (`period["cpu"].metric.unit`), which stands behind the number where it is a word of its own;
            without one the bare number.
    """
    if amount is None or math.isnan(amount):
        return i18n.NOTHING
    return i18n.reading_with_unit(float(amount), unit) if unit else i18n.reading(float(amount), unit)


def clock(moment: datetime | None, pattern: str = "HH:mm") -> str:
    """A time as readers write it: `19:56`; `clock(moment, "dd/MM HH:mm")` gives `28/11 19:56`.

    Args:
        moment: a `datetime` or pandas `Timestamp`, written on the clock of its own zone, as `frame()` has it in the
            readers'; None and NaT give a dash.
        pattern: CLDR's (unicode.org/reports/tr35/tr35-dates.html).
    """
    if moment is None or moment != moment:
        return i18n.NOTHING
    return i18n.clock(moment, moment.tzinfo or UTC, pattern)
