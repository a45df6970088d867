"""Slots of waiting callers: in all, and for one report."""

from __future__ import annotations

from contextlib import ExitStack

from pycemaker.jobs.waiting_callers import Waiters


def test_32_wait_for_one_report_and_leave_16_slots_to_others() -> None:
    waiters = Waiters()
    with ExitStack() as held:
        one = [held.enter_context(waiters.slot("one")) for _ in range(40)]
        assert one == [True] * 32 + [False] * 8
        others = [held.enter_context(waiters.slot(f"other-{number}")) for number in range(20)]
        assert others == [True] * 16 + [False] * 4
    with waiters.slot("one") as has_slot:
        assert has_slot


def test_a_slot_is_free_again_when_its_caller_has_an_answer() -> None:
    waiters = Waiters()
    for _ in range(100):
        with waiters.slot("one") as has_slot:
            assert has_slot
