"""Request bodies as the application reads them: limited in size, number and time."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pycemaker.errors import BodyTooLarge, BodyTooSlow, TooManyBodies
from pycemaker.web.middleware.request_bodies import BODIES, BODIES_PER_CLIENT, LONGEST_BYTES, Body, BodySlots


class Silent:
    """A body that does not come before it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.is_over = threading.Event()

    def read(self, _size: int) -> bytes:
        self.go.wait(20)
        self.is_over.set()
        return b"late"


def body(given: Any, length: int | None = 4, slots: BodySlots | None = None, address: str = "192.0.2.1") -> Body:
    return Body(given, (address, 5000), length, slots or BodySlots(), 0.05)


def test_a_body_is_read_in_parts_or_whole() -> None:
    whole = body(io.BytesIO(b"abcdef"), 6)
    assert (whole.read(2), whole.read(), whole.read()) == (b"ab", b"cdef", b"")
    assert body(io.BytesIO(b"abc"), None).read(100) == b"abc"
    assert body(io.BytesIO(b""), 0).read() == b""


def test_one_that_is_too_long_is_refused_by_its_length_or_when_it_comes() -> None:
    with pytest.raises(BodyTooLarge):
        body(Silent(), LONGEST_BYTES + 1).read()
    with pytest.raises(BodyTooLarge):
        body(io.BytesIO(b"a" * 300_000), None).read()
    assert len(body(io.BytesIO(b"a" * LONGEST_BYTES), None).read()) == 262_144


def test_one_that_is_late_or_cut_off_is_not_taken_for_whole() -> None:
    with pytest.raises(BodyTooSlow):
        body(Silent()).read()
    with pytest.raises(BodyTooSlow):
        body(io.BytesIO(b"abc"), 4).read()


def test_one_without_a_length_that_ended_with_anothers_connection_is_not_taken_for_whole() -> None:
    """Where a connection is ended, another one of the same address may end with it, and what came of that looks whole."""
    slots, other = BodySlots(), Silent()
    waits = Body(other, ("192.0.2.1", 5000), None, slots, 20)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(waits.read)
        with pytest.raises(BodyTooSlow):
            body(Silent(), slots=slots).read()
        other.go.set()
        with pytest.raises(BodyTooSlow):
            reading.result(10)
    assert body(io.BytesIO(b"abcd"), None, slots).read() == b"abcd"
    assert body(io.BytesIO(b"abcd"), None, slots, "192.0.2.2").read() == b"abcd"


def test_late_ones_keep_their_places_until_they_end_and_leave_some_to_other_addresses() -> None:
    slots, silent = BodySlots(), [Silent() for _ in range(BODIES)]
    for number, each in enumerate(silent):
        with pytest.raises(BodyTooSlow):
            body(each, slots=slots, address=f"192.0.2.{number // BODIES_PER_CLIENT}").read()
        if number == BODIES_PER_CLIENT - 1:
            with pytest.raises(TooManyBodies):
                body(io.BytesIO(b"abcd"), slots=slots, address="192.0.2.0").read()
            assert body(io.BytesIO(b"abcd"), slots=slots, address="192.0.2.9").read() == b"abcd"
    with pytest.raises(TooManyBodies):
        body(io.BytesIO(b"abcd"), slots=slots, address="192.0.2.9").read()
    for each in silent:
        each.go.set()
        assert each.is_over.wait(10)
