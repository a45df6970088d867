"""The decision on what is due after a stop, by `missed`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pycemaker.schedules.plan import BACKLOG, MOST_AT_ONCE, MOST_OPEN, NO_SERVER, TOO_LATE, plan

MIDNIGHT = datetime(2026, 4, 1, tzinfo=UTC)
NO_SPREAD = timedelta()


def schedule(missed: str = "latest", cron: str = "0 * * * *", **more: Any) -> dict[str, Any]:
    fields = {"cron": cron, "timezone": "UTC", "every_hours": None, "start_at": None, "until": None}
    return fields | {"missed": missed, "next_at": MIDNIGHT} | more


def hours(*numbers: int) -> tuple[datetime, ...]:
    return tuple(MIDNIGHT + timedelta(hours=number) for number in numbers)


@pytest.mark.parametrize("missed", ["latest", "none", "all"])
def test_what_is_on_time_is_entered_whatever_is_to_become_of_missed_ones(missed: str) -> None:
    planned = plan(schedule(missed), MIDNIGHT + timedelta(minutes=4), NO_SPREAD)
    assert (planned.entered, dict(planned.missed), planned.next_at) == (hours(0), {}, hours(1)[0])


@pytest.mark.parametrize(
    ("missed", "entered", "no_server"),
    [("latest", (3,), (0, 1, 2)), ("none", (), (0, 1, 2, 3)), ("all", (0, 1, 2, 3), ())],
)
def test_after_a_stop_the_late_ones_are_made_as_missed_says(
    missed: str, entered: tuple[int, ...], no_server: tuple[int, ...]
) -> None:
    planned = plan(schedule(missed), MIDNIGHT + timedelta(hours=3, minutes=30), NO_SPREAD)
    assert planned.entered == hours(*entered)
    assert planned.missed == dict.fromkeys(hours(*no_server), NO_SERVER)
    assert planned.next_at == hours(4)[0]


def test_a_late_one_is_not_made_beside_one_that_is_on_time() -> None:
    planned = plan(schedule(), MIDNIGHT + timedelta(hours=3, minutes=1), NO_SPREAD)
    assert planned.entered == hours(3)
    assert list(planned.missed) == list(hours(0, 1, 2))


def test_nothing_that_was_due_more_than_a_day_ago_is_made() -> None:
    planned = plan(schedule("all"), MIDNIGHT + timedelta(hours=30, minutes=30), NO_SPREAD)
    assert planned.entered == hours(*range(7, 31))
    assert planned.missed == dict.fromkeys(hours(*range(7)), TOO_LATE)


def test_a_spread_makes_it_due_later_and_changes_no_instant() -> None:
    spread = timedelta(minutes=20)
    early = plan(schedule(), MIDNIGHT + timedelta(minutes=19), spread)
    assert (early.entered, early.next_at) == ((), MIDNIGHT)
    assert plan(schedule(), MIDNIGHT + timedelta(minutes=21), spread).entered == hours(0)


def test_the_end_ends_it() -> None:
    planned = plan(schedule(until=MIDNIGHT), MIDNIGHT + timedelta(minutes=1), NO_SPREAD)
    assert (planned.entered, planned.next_at) == (hours(0), None)


def test_reports_that_pile_up_are_missed() -> None:
    planned = plan(schedule(), MIDNIGHT + timedelta(minutes=1), NO_SPREAD, MOST_OPEN)
    assert (planned.entered, planned.missed) == ((), {MIDNIGHT: BACKLOG})


def test_a_long_stop_of_a_frequent_one_is_decided_in_pieces_of_which_only_the_last_has_the_latest() -> None:
    often = schedule(cron="* * * * *")
    now = MIDNIGHT + timedelta(minutes=MOST_AT_ONCE + 60, seconds=30)
    first = plan(often, now - timedelta(minutes=4), NO_SPREAD)
    assert (len(first.missed), first.entered) == (MOST_AT_ONCE, ())
    rest = plan(often | {"next_at": first.next_at}, now + timedelta(minutes=10), NO_SPREAD)
    assert len(rest.entered) == 5
    assert rest.entered[-1] == now + timedelta(minutes=10) - timedelta(seconds=30)
