"""Fleet of a notebook: the applications that changed most or are worst over an interval. Pure containers."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from pycemaker.window import Window

FULL = 0.9
"""The mean of a ratio from which on an application counts as worst, whatever it was before."""


@dataclass(frozen=True)
class FleetRow:
    """The metric of one application that stands out most.

    Attributes:
        application: its name; the empty text is the default application.
        now: the mean of the interval, in the metric's unit; None without a sample.
        before: the mean of the previous interval; None without a sample.
    """

    application: str
    metric: str
    now: float | None
    before: float | None


@dataclass(frozen=True)
class Fleet:
    """The applications that stand out, the first first. `own_url`: the beginning of links to this API."""

    window: Window
    zone: ZoneInfo
    own_url: str
    rows: tuple[FleetRow, ...]
