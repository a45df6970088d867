"""A rule: one metric of one application, and when that is wrong. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pycemaker.monitor.alert_history import FORECAST, Alert
from pycemaker.window import to_epoch_ms


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        id: of a default rule `<kind>-<metric>`, or `health`; the same in every application.
        kind: THRESHOLD (the median of a minute), NO_DATA (no sample comes), FORECAST (the late edge of the band reaches
            a limit), HEALTH (the score of a minute).
        metric: a metric's id; `health` of HEALTH.
        enter: the reading at which something is wrong, in the metric's unit, of requests a second; of FORECAST the
            limit. Of NO_DATA None.
        leave: the reading at which all is well again: below `enter` where more is worse, above it where less is. None
            of NO_DATA and FORECAST.
        for_seconds: for how long it must be wrong before the alert fires; of NO_DATA the time without a sample.
        clear_seconds: for how long it must be well before the alert ends.
        within_hours: of FORECAST, how soon the limit is reached; None of others.
        enabled: False for a rule that watches nothing.
    """

    id: str
    kind: str
    metric: str
    enter: float | None = None
    leave: float | None = None
    for_seconds: int = 300
    clear_seconds: int = 300
    within_hours: int | None = None
    enabled: bool = True

    @property
    def is_above(self) -> bool:
        """True where more is worse."""
        return self.enter is None or self.leave is None or self.enter > self.leave

    def is_wrong(self, reading: float) -> bool:
        """True for a reading at or beyond `enter`; of FORECAST, for hours until the limit."""
        if self.kind == FORECAST:
            return reading <= (self.within_hours or 0)
        if self.enter is None:
            return False
        return reading >= self.enter if self.is_above else reading <= self.enter

    def is_well(self, reading: float) -> bool:
        """True for a reading at `leave` or on its good side; of FORECAST, for a quarter more hours than it watches."""
        if self.kind == FORECAST:
            return reading > 1.25 * (self.within_hours or 0)
        if self.leave is None:
            return True
        return reading <= self.leave if self.is_above else reading >= self.leave

    def alert(
        self,
        application: str,
        since: datetime,
        fired_at: datetime,
        ended_at: datetime | None = None,
        worst: float | None = None,
    ) -> Alert:
        """An alert of this rule."""
        return Alert(
            f"{application}/{self.id}/{to_epoch_ms(fired_at)}",
            *(application, self.id, self.kind, self.metric, since, fired_at, ended_at),
            enter=self.enter,
            leave=self.leave,
            within_hours=self.within_hours,
            worst=worst,
        )

    def worse_of(self, one: float | None, other: float) -> float:
        """The reading further beyond; `other` where there is no first."""
        if one is None:
            return other
        return max(one, other) if self.is_above and self.kind != FORECAST else min(one, other)
