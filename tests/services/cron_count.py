"""The instants of a cron expression by walking over every minute, for comparison: fields of `*`, `*/n` and numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_MINUTE, _BLOCK = timedelta(minutes=1), timedelta(minutes=15)


def matching_instants(cron: str, zone: ZoneInfo, start_utc: datetime, end_utc: datetime) -> list[datetime]:
    """The instants after `start_utc` and before `end_utc` at which Debian's cron would run the expression.

    With a star in the minute or the hour each real minute counts. Else each minute of the wall counts once: at its
    first instant, or where the clock skips it at the first instant after that.

    Args:
        cron: the expression.
        zone: whose changes are at multiples of a quarter of an hour in UTC.
        start_utc: a multiple of a quarter of an hour.
        end_utc: likewise.
    """
    minutes, hours = cron.split()[:2]
    is_by_clock = minutes.startswith("*") or hours.startswith("*")
    fields = [_numbers(field, most) for field, most in zip(cron.split(), (59, 23, 31, 12, 6), strict=True)]
    instants: list[datetime] = []
    block, latest = start_utc - 12 * _BLOCK, None
    while block < end_utc:
        local = block.astimezone(zone).replace(tzinfo=None)
        latest = latest or local - _MINUTE
        skipped = [] if is_by_clock else [latest + _MINUTE * each for each in range(1, (local - latest) // _MINUTE)]
        later = {minute for each in fields[0] if (minute := (each - local.minute) % 60) < 15}
        for minute in sorted(later | {0} if skipped else later):
            walls = [local + minute * _MINUTE, *(skipped if minute == 0 else ())]
            walls = [wall for wall in walls if is_by_clock or wall > latest]
            if walls and block + minute * _MINUTE > start_utc and any(_matches(wall, fields) for wall in walls):
                instants.append(block + minute * _MINUTE)
        latest = max(latest, local + 14 * _MINUTE)
        block += _BLOCK
    return instants


def _numbers(field: str, most: int) -> set[int]:
    if field.startswith("*"):
        return set(range(0, most + 1, int(field.partition("/")[2] or 1)))
    return set(map(int, field.split(",")))


def _matches(local: datetime, fields: list[set[int]]) -> bool:
    minutes, hours, days, months, weekdays = fields
    return (
        local.minute in minutes
        and local.hour in hours
        and local.day in days
        and local.month in months
        and local.isoweekday() % 7 in weekdays
    )
