"""Request bodies as the application reads them: limited in size, number and time."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pycemaker.errors import BodyTooLarge, BodyTooSlow, TooManyBodies
from pycemaker.web.middleware.request_bodies import BODIES, BODIES_PER_CLIENT, LONGEST_BYTES, Body, BodySlots


class Silent:
    """A body that does not come before it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.has_begun = threading.Event()

    def read(self, _size: int) -> bytes:
        self.has_begun.set()
        self.go.wait(20)
        return b"late"


def body(given: Any, length: int | None = 4, slots: BodySlots | None = None, client: str = "192.0.2.1") -> Body:
    return Body(given, client, None, length, slots or BodySlots(), 0.05)


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
    slots, silent = BodySlots(), Silent()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(body(silent, slots=slots).read)
        while not slots.late_of(None) and not asked.done():
            time.sleep(0.01)
        silent.go.set()
        with pytest.raises(BodyTooSlow):
            asked.result()
    with pytest.raises(BodyTooSlow):
        body(io.BytesIO(b"abc"), 4).read()


def test_late_ones_keep_their_slots_until_they_end_and_leave_some_to_other_clients() -> None:
    slots, silent = BodySlots(), [Silent() for _ in range(BODIES)]
    with ThreadPoolExecutor(BODIES) as pool:
        asked = []
        for number, each in enumerate(silent):
            asked.append(pool.submit(body(each, slots=slots, client=f"192.0.2.{number // BODIES_PER_CLIENT}").read))
            assert each.has_begun.wait(10)
            if number == BODIES_PER_CLIENT - 1:
                with pytest.raises(TooManyBodies):
                    body(io.BytesIO(b"abcd"), slots=slots, client="192.0.2.0").read()
                assert body(io.BytesIO(b"abcd"), slots=slots, client="192.0.2.9").read() == b"abcd"
        with pytest.raises(TooManyBodies):
            body(io.BytesIO(b"abcd"), slots=slots, client="192.0.2.9").read()
        while len(slots.late_of(None)) < BODIES and not any(each.done() for each in asked):
            time.sleep(0.01)
        assert not any(each.done() for each in asked)  # Granian stops the server where one is answered before
        for each in silent:
            each.go.set()
        for each in asked:
            with pytest.raises(BodyTooSlow):
                each.result(10)
    assert body(io.BytesIO(b"abcd"), slots=slots, client="192.0.2.0").read() == b"abcd"
