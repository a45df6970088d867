"""One caller probes whether MongoDB is back; the others fail at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pycemaker.errors import DatabaseLoginRefused, DatabaseUnreachable
from pycemaker.mongo.circuit_breaker import CircuitBreaker
from pycemaker.mongo.single_flight import SingleFlight

AWAY = DatabaseLoginRefused(reason="AutoReconnect")


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def elsewhere(outage: CircuitBreaker) -> bool:
    """Whether a caller on another thread is let through."""

    def is_admitted() -> bool:
        try:
            outage.admit()
        except DatabaseUnreachable:
            return False
        return True

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(is_admitted).result()


def test_during_an_outage_one_caller_at_a_time_is_let_through() -> None:
    outage = CircuitBreaker(Clock())
    assert elsewhere(outage)
    outage.note_failure(99.0, AWAY, sees_no_server=True)
    outage.admit()
    outage.admit()  # the same caller asks several things
    assert not elsewhere(outage)
    outage.note_failure(100.0, AWAY)
    assert elsewhere(outage)


def test_an_answer_ends_it() -> None:
    outage = CircuitBreaker(Clock())
    outage.note_failure(99.0, AWAY, sees_no_server=True)
    outage.admit()
    assert not elsewhere(outage)
    outage.note_answer()
    assert elsewhere(outage)


def test_a_slow_exchange_among_others_that_were_answered_is_no_outage() -> None:
    clock = Clock()
    outage = CircuitBreaker(clock)
    outage.note_answer()
    clock.seconds = 101.0
    outage.note_failure(99.5, AWAY)
    outage.fail_since(0.0)
    assert elsewhere(outage)


def test_one_slow_exchange_by_itself_is_no_outage_and_two_are() -> None:
    outage = CircuitBreaker(Clock())
    outage.note_failure(99.0, AWAY)
    outage.admit()
    assert elsewhere(outage)
    outage.note_failure(99.5, AWAY)
    outage.admit()
    assert not elsewhere(outage)


def test_a_caller_who_never_came_back_is_not_waited_for() -> None:
    clock = Clock()
    outage = CircuitBreaker(clock)
    outage.note_failure(99.0, AWAY, sees_no_server=True)
    outage.admit()
    clock.seconds += 2.4
    assert not elsewhere(outage)
    clock.seconds += 0.2
    assert elsewhere(outage)


def test_who_waited_for_a_caller_that_failed_fails_with_it() -> None:
    outage = CircuitBreaker(Clock())
    outage.fail_since(100.0)
    outage.note_failure(99.0, AWAY, sees_no_server=True)
    with pytest.raises(DatabaseLoginRefused, match="AutoReconnect"):  # for the same cause
        outage.fail_since(99.9)
    outage.fail_since(100.1)  # came after it


@pytest.mark.parametrize("fails", [False, True])
def test_what_many_wait_for_is_done_once_and_its_end_is_everybodys(fails: bool) -> None:
    flight, times, goes_on = SingleFlight[int](), list[int](), threading.Event()

    def make() -> int:
        times.append(1)
        goes_on.wait(10)
        if fails:
            raise DatabaseUnreachable(reason="away")
        return 7

    def ask() -> int | str:
        try:
            return flight.run(make)
        except DatabaseUnreachable as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        while not times:
            pass
        threading.Timer(0.3, goes_on.set).start()
        answers = {each.result() for each in asked}
    assert answers == ({"MongoDB is not reachable: away"} if fails else {7})
    assert len(times) == 1
    goes_on.set()
    ask()
    assert len(times) == 2
