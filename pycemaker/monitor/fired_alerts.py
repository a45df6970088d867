"""The alerts that a notebook tells of, and the hours around them."""

import math
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from pycemaker.monitor.alert_history import Alert
from pycemaker.window import Window, to_epoch_ms, to_iso_text

_HOUR = timedelta(hours=1)
_MOST_HOURS, _WITHOUT_HOURS = 24, 2
_QUARTERS = 4


@dataclass(frozen=True)
class FiredAlerts:
    """Alerts of one application.

    Attributes:
        alerts: the first one leads; empty where none fired.
        window: the interval for which they were read; its end is the instant of the telling.
        zone: of the times that readers see.
    """

    alerts: tuple[Alert, ...]
    window: Window
    zone: ZoneInfo

    @property
    def since_ms(self) -> int:
        """When the leading alert began, milliseconds since 1970 in UTC; without one the window's end."""
        return to_epoch_ms(self.alerts[0].since if self.alerts else self.window.end_utc)

    @property
    def around(self) -> tuple[str, float]:
        """The arguments of `read_period` for the leading alert: from an hour before it to an hour after its end.

        In quarters of an hour, a day at most; no later than the window's end.
        """
        if not self.alerts:
            return to_iso_text(self.window.end_utc), _WITHOUT_HOURS
        lead = self.alerts[0]
        start_utc = lead.since - _HOUR
        end_utc = min((lead.ended_at or self.window.end_utc) + _HOUR, self.window.end_utc)
        end_utc = min(end_utc, start_utc + _MOST_HOURS * _HOUR)
        return to_iso_text(end_utc), math.ceil(_QUARTERS * ((end_utc - start_utc) / _HOUR)) / _QUARTERS
