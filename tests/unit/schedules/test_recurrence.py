"""The nominal instants: clock changes, repeated and skipped hours, against literal instants and a count by minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest

from pycemaker.schedules.recurrence import Recurrence, is_cron
from tests.services.cron_count import matching_instants

NEW_YORK, SAO_PAULO = ZoneInfo("America/New_York"), ZoneInfo("America/Sao_Paulo")


def texts(recurrence: Recurrence, after: str, count: int = 3) -> list[str]:
    instants = islice(recurrence.after(datetime.fromisoformat(after)), count)
    return [each.astimezone(recurrence.zone).isoformat(timespec="minutes") for each in instants]


def test_a_time_that_the_clock_skips_comes_right_after_the_change() -> None:
    assert texts(Recurrence(NEW_YORK, "30 2 * * *"), "2026-03-07T12:00Z", 2) == [
        "2026-03-08T03:00-04:00",
        "2026-03-09T02:30-04:00",
    ]


def test_a_time_that_the_clock_repeats_comes_once_also_when_asked_for_in_its_second_hour() -> None:
    recurrence = Recurrence(NEW_YORK, "30 1 * * *")
    assert texts(recurrence, "2026-11-01T04:00Z", 2) == ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]
    assert texts(recurrence, "2026-11-01T06:10Z", 1) == ["2026-11-02T01:30-05:00"]


def test_an_hourly_schedule_comes_in_every_real_hour() -> None:
    assert texts(Recurrence(NEW_YORK, "0 * * * *"), "2026-11-01T04:30Z", 4) == [
        "2026-11-01T01:00-04:00",
        "2026-11-01T01:00-05:00",
        "2026-11-01T02:00-05:00",
        "2026-11-01T03:00-05:00",
    ]


def test_a_midnight_that_the_clock_skips_comes_at_one() -> None:
    assert texts(Recurrence(SAO_PAULO, "0 0 * * *"), "2018-11-03T12:00Z", 2) == [
        "2018-11-04T01:00-02:00",
        "2018-11-05T00:00-02:00",
    ]


@pytest.mark.parametrize("cron", ["7 * * * *", "*/20 * * * *", "30 2 * * *", "0 0 * * 1", "15 1 1 * *", "0 2,3 * * *"])
@pytest.mark.parametrize(
    "zone",
    [
        *("America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "Asia/Kathmandu", "Australia/Lord_Howe"),
        "Africa/Casablanca",
    ],
)
def test_the_instants_are_those_of_a_count_by_minutes(zone: str, cron: str) -> None:
    start, end = datetime(2018, 2, 1, tzinfo=UTC), datetime(2018, 11, 15, tzinfo=UTC)
    recurrence = Recurrence(ZoneInfo(zone), cron)
    assert list(takewhile(lambda each: each < end, recurrence.after(start))) == matching_instants(
        cron, ZoneInfo(zone), start, end
    )


def test_the_instants_after_any_instant_are_the_rest_of_the_same_ones() -> None:
    recurrence = Recurrence(NEW_YORK, "30 1,2 * * *")
    whole = list(islice(recurrence.after(datetime(2026, 10, 30, tzinfo=UTC)), 12))
    for minute in range(0, 4 * 24 * 60, 7):
        at = datetime(2026, 10, 30, tzinfo=UTC) + timedelta(minutes=minute)
        assert next(recurrence.after(at)) == next(each for each in whole if each > at)


def test_every_24_hours_keep_the_time_of_day_and_every_hour_is_real() -> None:
    start = datetime(2026, 10, 30, 12, tzinfo=UTC)  # 08:00 in New York
    assert texts(Recurrence(NEW_YORK, every_hours=24, start_at=start), "2026-10-30T00:00Z") == [
        "2026-10-30T08:00-04:00",
        "2026-10-31T08:00-04:00",
        "2026-11-01T08:00-05:00",
    ]
    assert texts(Recurrence(NEW_YORK, every_hours=1, start_at=start), "2026-11-01T04:30Z") == [
        "2026-11-01T01:00-04:00",
        "2026-11-01T01:00-05:00",
        "2026-11-01T02:00-05:00",
    ]


def test_no_instant_is_later_than_the_end() -> None:
    until = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)
    assert len(list(Recurrence(NEW_YORK, "30 2 * * *", until=until).after(datetime(2026, 3, 7, 12, tzinfo=UTC)))) == 2


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "0 0 31 2 *", "0 0 0 * *", "a * * * *"),
        *("@daily", "0 0 * * MON#1/2", "0 0 * * MON-L", "5-1 * * * *", "*/0 * * * *", "٣ * * * *", "0,," * 50),
    ],
)
def test_what_is_no_expression_of_five_fields_that_can_match_is_refused(text: str) -> None:
    assert not is_cron(text, NEW_YORK)


@pytest.mark.parametrize("text", ["0 8 * * *", "*/15 8-18 * * mon-fri", "0 0 L * *", "0 0 29 2 *", "5 4 * * 0"])
def test_an_expression_is_taken(text: str) -> None:
    assert is_cron(text, NEW_YORK)
