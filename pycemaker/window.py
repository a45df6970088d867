"""Instants and intervals of time, and their texts. "Now" is an argument; nothing here reads a clock.

An interval is half open: start < t <= end. A wall time that a clock change makes ambiguous resolves by one rule, the
`fold=0` of PEP 495: a time that happens twice is the first of the two, and a time that is skipped is read with the
offset in force before the change (so 00:30, skipped, is 01:30 after it).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pycemaker.errors import InvalidDate, InvalidRange

_WALL_TIME = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})-([0-9]{2})-([0-9]{2})-([0-9]{2})")
_ISO_8601 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,30})?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
)
_EPOCH_MS = re.compile(r"[1-9][0-9]{11,14}", re.ASCII)
"""Milliseconds since 1970; shorter numbers are likelier to be seconds, and would mean January 1970."""
_HOURS = re.compile(r"\d{1,9}", re.ASCII)
_WITH_FRACTION = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Interval:
    """The instants t with start_utc < t <= end_utc; `end_utc` None means without end. Both are aware, in UTC."""

    start_utc: datetime
    end_utc: datetime | None


@dataclass(frozen=True)
class Window:
    """An interval and the one before it, of the same length.

    Attributes:
        end_utc: the last instant of the current interval, aware, in UTC, whole milliseconds.
        hours: the length of each of the two: a whole number, but for calendar days with a clock change of half an hour.
    """

    end_utc: datetime
    hours: float

    @property
    def start_utc(self) -> datetime:
        """The start of the current interval and end of the previous one."""
        return self.end_utc - timedelta(hours=self.hours)

    @property
    def previous_start_utc(self) -> datetime:
        """The start of the previous interval."""
        return self.end_utc - timedelta(hours=2 * self.hours)

    @property
    def current(self) -> Interval:
        """The requested interval."""
        return Interval(self.start_utc, self.end_utc)

    @property
    def previous(self) -> Interval:
        """The one before it; no sample is in both."""
        return Interval(self.previous_start_utc, self.start_utc)


def days_before(window: Window, days: int) -> Interval:
    """The days of 24 hours that end where the current interval starts; none of them before 1970."""
    return Interval(max(_EARLIEST, window.start_utc - timedelta(days=days)), window.start_utc)


def since(start_utc: datetime) -> Interval:
    """The instants t >= start_utc, without end. MongoDB's dates are whole milliseconds, so that is t > start - 1 ms."""
    return Interval(start_utc - timedelta(milliseconds=1), None)


def parse_instant(text: str, *, zone: ZoneInfo, now_utc: datetime) -> datetime:
    """The instant that a path's date means, in UTC, cut to whole milliseconds as MongoDB stores them.

    Args:
        text: `dd-mm-yyyy-HH-MM-SS` of wall time in `zone`; `now`; ISO 8601 with an offset or `Z`, its fraction of any
            length; or milliseconds since 1970 (12 digits or more: 1973 and later).
        now_utc: what `now` means, aware.

    Raises:
        InvalidDate: anything else, a day that no calendar has, and years outside 1970 to 8999.
    """
    try:
        instant = _read_instant(text, zone, now_utc).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidDate(text=text[:40]) from None
    if not _EARLIEST <= instant < _LATEST:
        raise InvalidDate(text=text[:40])
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _read_instant(text: str, zone: ZoneInfo, now_utc: datetime) -> datetime:
    if text == "now":
        return now_utc
    if wall := _WALL_TIME.fullmatch(text):
        day, month, year, hour, minute, second = map(int, wall.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    if _ISO_8601.fullmatch(text):
        return datetime.fromisoformat(text.upper())
    if _EPOCH_MS.fullmatch(text):
        return from_epoch_ms(int(text))
    raise ValueError(text)


def window_between(start_utc: datetime, end_utc: datetime) -> Window:
    """The window whose current interval has these ends."""
    return Window(end_utc, _plain((end_utc - start_utc) / timedelta(hours=1)))


def _plain(hours: float) -> float:
    return int(hours) if hours == int(hours) else hours


def parse_calendar_hours(text: str, *, limit: int) -> float:
    """The hours of an interval that may be a calendar period: with a fraction, and an hour of a clock change too long.

    Raises:
        InvalidRange: not a number of hours, or above `limit` and that hour.
    """
    hours = _plain(float(text)) if _WITH_FRACTION.fullmatch(text) else 0
    if not 0 < hours <= limit + 1:
        raise InvalidRange(text=text[:40], limit=limit)
    return hours


def parse_hours(text: str, *, limit: int) -> int:
    """Whole hours out of ASCII digits, leading zeros allowed.

    Raises:
        InvalidRange: not digits alone, zero, or above `limit`.
    """
    hours = int(text) if _HOURS.fullmatch(text) else 0
    if not 1 <= hours <= limit:
        raise InvalidRange(text=text[:40], limit=limit)
    return hours


def parse_window(date_now: str, time_range: str, *, zone: ZoneInfo, now_utc: datetime, limit: int) -> Window:
    """The window that two path segments mean.

    Raises:
        InvalidDate: see `parse_instant`; also where the previous interval would start before 1970; InvalidRange: see
            `parse_hours`.
    """
    return checked_window(date_now, parse_hours(time_range, limit=limit), zone=zone, now_utc=now_utc)


def checked_window(date_now: str, hours: float, *, zone: ZoneInfo, now_utc: datetime) -> Window:
    """The window of so many hours that ends at a date. Raises InvalidDate: see `parse_window`."""
    window = Window(parse_instant(date_now, zone=zone, now_utc=now_utc), hours)
    if window.previous_start_utc < _EARLIEST:
        raise InvalidDate(text=date_now[:40])
    return window


def to_wall_text(instant_utc: datetime, zone: ZoneInfo) -> str:
    """The instant as the `dd-mm-yyyy-HH-MM-SS` of a path, in `zone`."""
    return instant_utc.astimezone(zone).strftime("%d-%m-%Y-%H-%M-%S")


def to_iso_text(instant_utc: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, as everything that goes out is written."""
    return instant_utc.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_epoch_ms(instant_utc: datetime) -> int:
    """Whole milliseconds since 1970, as MongoDB stores a date."""
    return (instant_utc - _EARLIEST) // timedelta(milliseconds=1)


def from_epoch_ms(epoch_ms: int) -> datetime:
    """The aware UTC instant of so many milliseconds since 1970."""
    return _EARLIEST + timedelta(milliseconds=int(epoch_ms))
