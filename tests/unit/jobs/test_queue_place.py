"""The queue's room by application, and the place and time of a report that waits."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.jobs.queue_place import has_room, latest_place, ready_in_seconds

NAMES = st.sampled_from(["", "a", "b", "c", "d"])


@pytest.mark.parametrize(
    ("waiting", "application", "room"),
    [
        ({}, "a", True),
        ({"a": 19}, "a", True),
        ({"a": 20}, "a", False),
        ({"a": 20}, "b", True),
        ({"a": 20, "b": 9}, "b", True),
        ({"a": 20, "b": 10}, "b", False),
        ({"a": 20, "b": 10, "c": 5}, "c", True),
        ({"a": 20, "b": 10, "c": 6}, "c", False),
        ({str(number): 1 for number in range(200)}, "new", True),
    ],
)
def test_a_full_queue_of_20_takes_who_has_less_than_an_equal_share(
    waiting: dict[str, int], application: str, *, room: bool
) -> None:
    assert has_room(waiting, application, 20) is room


@given(st.lists(NAMES, max_size=300), st.integers(1, 40))
def test_nobody_is_kept_out_by_others_and_the_whole_stays_bounded(requests: list[str], limit: int) -> None:
    waiting: Counter[str] = Counter()
    for application in requests:
        if has_room(waiting, application, limit):
            waiting[application] += 1
        assert waiting[application] >= 1
    assert waiting.total() <= sum(max(1, limit // position) for position in range(1, 6))


def test_a_report_s_place_counts_what_is_claimed_before_it_at_most() -> None:
    own = (False, "a")
    assert latest_place({own: 5}, own, 0) == 1
    assert latest_place({own: 5}, own, 4) == 5
    assert latest_place({own: 5, (False, "b"): 300}, own, 1) == 4
    assert latest_place({own: 5, (False, "b"): 1, (True, "a"): 300}, own, 1) == 6


def test_the_time_follows_from_recent_reports_and_from_how_many_are_made_at_a_time() -> None:
    assert ready_in_seconds(1, 0, [3.0, 2.0, 60.0]) == 6
    assert ready_in_seconds(8, 4, [2.0]) == 6
    assert ready_in_seconds(8, 4, []) is None
