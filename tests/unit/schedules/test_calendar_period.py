"""Calendar periods: days of 23, 24.5 and 25 hours, and months that are an hour longer."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pycemaker.schedules.calendar_period import window_of


@pytest.mark.parametrize(
    ("zone", "at", "period", "start", "end", "hours"),
    [
        ("America/New_York", "2026-03-09T12:00", "yesterday", "2026-03-08T05:00", "2026-03-09T04:00", 23),
        ("America/New_York", "2026-11-02T12:00", "yesterday", "2026-11-01T04:00", "2026-11-02T05:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T20:00", "yesterday", "2026-04-04T13:00", "2026-04-05T13:30", 24.5),
        ("Australia/Lord_Howe", "2026-10-04T20:00", "yesterday", "2026-10-03T13:30", "2026-10-04T13:00", 23.5),
        ("America/Sao_Paulo", "2018-11-05T12:00", "yesterday", "2018-11-04T03:00", "2018-11-05T02:00", 23),
        ("Asia/Kathmandu", "2026-06-02T00:00", "yesterday", "2026-05-31T18:15", "2026-06-01T18:15", 24),
        ("Europe/Lisbon", "2026-11-28T09:00", "last_week", "2026-11-16T00:00", "2026-11-23T00:00", 168),
        ("Europe/Lisbon", "2026-10-26T09:00", "last_week", "2026-10-18T23:00", "2026-10-26T00:00", 169),
        ("Europe/Lisbon", "2026-11-01T09:00", "last_month", "2026-09-30T23:00", "2026-11-01T00:00", 745),
        ("Europe/Lisbon", "2026-01-15T09:00", "last_month", "2025-12-01T00:00", "2026-01-01T00:00", 744),
    ],
)
def test_a_period_is_as_long_as_the_calendar_says(
    zone: str, at: str, period: str, start: str, end: str, hours: float
) -> None:
    window = window_of(datetime.fromisoformat(at).replace(tzinfo=UTC), ZoneInfo(zone), 24, period)
    assert (window.start_utc, window.end_utc) == tuple(
        datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (start, end)
    )
    assert window.hours == hours
    assert f"{window.hours}" == f"{hours}"


def test_hours_end_at_the_nominal_instant() -> None:
    window = window_of(datetime(2026, 3, 8, 12, tzinfo=UTC), ZoneInfo("America/New_York"), 24)
    assert (window.end_utc, window.hours) == (datetime(2026, 3, 8, 12, tzinfo=UTC), 24)
