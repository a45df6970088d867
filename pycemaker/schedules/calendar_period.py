"""The interval of a scheduled report: hours up to its nominal instant, or a period of its zone's calendar. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pycemaker.window import Window, window_between

PERIODS = {"yesterday": 24, "last_week": 7 * 24, "last_month": 31 * 24}
"""The longest of each in hours, but for clock changes: `last_week` goes from Monday to Sunday."""


def window_of(at_utc: datetime, zone: ZoneInfo, hours: int, period: str | None = None) -> Window:
    """The window of a nominal instant.

    Args:
        at_utc: the instant.
        zone: whose calendar counts.
        hours: the interval's length; it ends at the instant.
        period: one of PERIODS instead: from midnight to midnight, however long these days are.
    """
    if period is None:
        return Window(at_utc, hours)
    first, end = _days(at_utc.astimezone(zone).date(), period)
    return window_between(_midnight(first, zone), _midnight(end, zone))


def _days(today: date, period: str) -> tuple[date, date]:
    """The first day, and the day after the last one."""
    if period == "yesterday":
        return today - timedelta(days=1), today
    if period == "last_week":
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(days=7), monday
    first = today.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), first


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The day's first instant: where a clock change skips midnight, that of the change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
