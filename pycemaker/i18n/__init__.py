"""Numbers, dates, units and durations as readers write them (through Babel), and the phrases made of them.

The examples are those of Brazilian Portuguese; `language.spoken()` says which language it is. Times are on a clock of
24 hours and units are symbols (`h`, `min`, `s`, `ms`, `%`), the same in each.
"""

# ruff: noqa: F403 - a list of names here would be a second place to edit for a new phrase

from pycemaker.i18n.dates import *
from pycemaker.i18n.numbers import *
