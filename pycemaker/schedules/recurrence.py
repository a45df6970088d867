"""The nominal instants of a schedule: those of a cron expression, or one every so many hours. Pure.

Cron expressions follow Debian's cron (by `cronsim`): an hourly or coarser time that a clock change skips comes right
after it, one that it repeats comes once; with `*` in the minute or the hour, the clock's real hours count. Every so
many hours means hours of the clock on the wall, so that 24 keep the time of day; one hour alone is a real hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from zoneinfo import ZoneInfo

_LONGEST_EXPRESSION = 100
_LAST_YEAR = 8900


@dataclass(frozen=True)
class Recurrence:
    """When a schedule is due.

    Attributes:
        zone: whose clock counts.
        cron: five fields; None for `every_hours`.
        every_hours: how many hours lie between two instants.
        start_at: the first instant of `every_hours`, aware.
        until: the end: no instant is later. None for none.
    """

    zone: ZoneInfo
    cron: str | None = None
    every_hours: int = 1
    start_at: datetime | None = None
    until: datetime | None = None

    def after(self, instant_utc: datetime) -> Iterator[datetime]:
        """The nominal instants after an instant, in UTC, in their order, without end unless there is an `until`."""
        if self.cron is not None:
            instants = self._by_cron(self.cron, instant_utc)
        elif self.every_hours == 1:
            instants = self._by_real_hours(instant_utc)
        else:
            instants = self._by_wall_hours(instant_utc)
        return takewhile(lambda at: at.year < _LAST_YEAR and (self.until is None or at <= self.until), instants)

    def _by_cron(self, cron: str, instant_utc: datetime) -> Iterator[datetime]:
        from cronsim import CronSim  # with the first expression: a server without schedules does not load it

        last = instant_utc
        for local in CronSim(cron, instant_utc.astimezone(self.zone)):
            instant = local.astimezone(UTC)
            # Within a repeated hour cronsim begins with the first of the two; a skipped midnight it takes for one.
            if instant > last and _wall(instant, self.zone) == local.replace(tzinfo=None):
                yield instant
                last = instant

    def _by_real_hours(self, instant_utc: datetime) -> Iterator[datetime]:
        start = self._start_utc
        turns = max(0, (instant_utc - start) // timedelta(hours=1) + 1)
        return (start + timedelta(hours=turn) for turn in count(turns))

    def _by_wall_hours(self, instant_utc: datetime) -> Iterator[datetime]:
        first, step = _wall(self._start_utc, self.zone), timedelta(hours=self.every_hours)
        last = instant_utc
        for turn in count(max(0, (_wall(instant_utc, self.zone) - first) // step - 1)):
            instant = (first + turn * step).replace(tzinfo=self.zone).astimezone(UTC)
            if instant > last:
                yield instant
                last = instant

    @property
    def _start_utc(self) -> datetime:
        return (self.start_at or datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC)


def is_cron(text: str, zone: ZoneInfo) -> bool:
    """True for five fields that some instant matches."""
    from cronsim import CronSim, CronSimError

    if len(text) > _LONGEST_EXPRESSION or len(text.split()) != 5 or not text.isascii():
        return False
    try:
        next(CronSim(text, datetime(2000, 1, 1, tzinfo=zone)))
    except (CronSimError, StopIteration, AssertionError, TypeError, ValueError):
        return False
    return True


def _wall(instant_utc: datetime, zone: ZoneInfo) -> datetime:
    return instant_utc.astimezone(zone).replace(tzinfo=None)
