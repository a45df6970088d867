"""Readings and times as readers write them, for tables and figures of a notebook's own."""

import math
from datetime import UTC, datetime

from pycemaker import i18n


def reading(amount: float | None, unit: str = "") -> str:
    """A reading: 0.785 in `ratio` gives `78,5%`, 0.183 in `seconds` `183 ms`; NaN and None give a dash.

    Without a unit it is a bare number; one that is a word of its own stands behind it.
    """
    number = None if amount is None or math.isnan(amount) else float(amount)
    return i18n.reading_with_unit(number, unit)


def clock(moment: datetime | None, pattern: str = "HH:mm") -> str:
    """A time (`datetime`, pandas `Timestamp`) on the clock of its own zone: `19:56`; NaT and None give a dash.

    `pattern` is CLDR's: `clock(moment, "dd/MM HH:mm")` gives `28/11 19:56`.
    """
    if moment is None or moment != moment:
        return i18n.NOTHING
    return i18n.clock(moment, moment.tzinfo or UTC, pattern)
