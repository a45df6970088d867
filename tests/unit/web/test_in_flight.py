"""Bytes of answers that their clients have not read yet, counted against the connections that the kernel sends to."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from pycemaker.errors import TooManyStreams
from pycemaker.web.middleware.in_flight import (
    BUILD_SLOTS,
    MOST_WAITING_BYTES,
    InFlight,
    bound_answers,
    connections_sending,
)

MB = 2**20


def filled(sending: int | None, *sizes: int) -> InFlight:
    in_flight = InFlight(lambda: sending, 10 * MB, wait_seconds=0.1)
    for size in sizes:
        in_flight.add([bytes(size)])
    return in_flight


def test_an_answer_beyond_the_bound_is_refused_while_those_before_it_are_being_sent() -> None:
    in_flight = filled(5, 3 * MB, 3 * MB, 3 * MB)
    with pytest.raises(TooManyStreams) as refused:
        in_flight.add([bytes(2 * MB)])
    assert refused.value.facts == {"streaming": 3, "retry_after_seconds": 1}
    assert in_flight.is_full
    in_flight.add([bytes(MB)])


def test_answers_of_clients_that_go_on_reading_wait_for_room_instead_of_being_refused() -> None:
    cached = bytes(3 * MB)
    has_read = threading.Event()
    in_flight = InFlight(lambda: 0 if has_read.is_set() else 8, 10 * MB, wait_seconds=30)
    for _ in range(8):
        in_flight.add([bytes(MB)])
    threading.Timer(0.1, has_read.set).start()
    with ThreadPoolExecutor(16) as clients:
        list(clients.map(in_flight.add, [[cached]] * 10))


def test_answers_that_wait_hold_12_mb_at_most() -> None:
    in_flight = InFlight(lambda: 100, 10 * MB, wait_seconds=1)
    in_flight.add([bytes(10 * MB)])
    with ThreadPoolExecutor(8) as clients:
        waiting = [clients.submit(in_flight.add, [bytes(MOST_WAITING_BYTES // 4)]) for _ in range(4)]
        time.sleep(0.3)
        began = time.monotonic()
        with pytest.raises(TooManyStreams):
            in_flight.add([bytes(2 * MB)])
        assert not any(each.done() for each in waiting)
        assert time.monotonic() - began < 0.5
        assert all(isinstance(each.exception(), TooManyStreams) for each in waiting)


def test_of_more_answers_than_sending_connections_the_largest_count() -> None:
    in_flight = filled(2, *[MB] * 7, 2 * MB)
    in_flight.add([bytes(6 * MB)])  # 2 and 1 are left
    with pytest.raises(TooManyStreams):
        in_flight.add([bytes(3 * MB)])  # 6 and 2 are left


@pytest.mark.parametrize("sending", [0, None])
def test_where_nothing_is_being_sent_or_the_count_is_unknown_there_is_room(sending: int | None) -> None:
    filled(sending, *[MB] * 30, 10 * MB)


def test_short_answers_count_nothing() -> None:
    filled(10_000, *[16 * 1024] * 2_000, 10 * MB)


def test_long_answers_that_nobody_reads_leave_room_for_short_ones() -> None:
    in_flight = filled(100, 5 * MB, 5 * MB)
    for _ in range(16):
        in_flight.add([bytes(MB // 2)])
    with pytest.raises(TooManyStreams):
        in_flight.add([bytes(MB // 2)])


def test_no_answer_is_built_where_there_is_no_room_for_it() -> None:
    in_flight = filled(1, 8 * MB)
    with pytest.raises(TooManyStreams), in_flight.build_slot():
        pytest.fail("built")


def test_4_answers_are_built_at_a_time() -> None:
    in_flight = InFlight()
    entered = threading.Event()

    def build() -> None:
        with in_flight.build_slot():
            entered.set()

    with ExitStack() as slots:
        for _ in range(BUILD_SLOTS):
            slots.enter_context(in_flight.build_slot())
        fifth = threading.Thread(target=build)
        fifth.start()
        assert not entered.wait(0.1)
    assert entered.wait(5)
    fifth.join()


def test_the_wait_for_room_is_part_of_the_wait_for_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycemaker.web.middleware.in_flight.BUILD_SLOT_SECONDS", 3.0)
    has_read = threading.Event()
    in_flight = InFlight(lambda: 0 if has_read.is_set() else 1, 10 * MB, wait_seconds=30)
    with ExitStack() as slots:
        for _ in range(BUILD_SLOTS):
            slots.enter_context(in_flight.build_slot())
        in_flight.add([bytes(10 * MB)])
        threading.Timer(2.5, has_read.set).start()
        began = time.monotonic()
        with pytest.raises(TooManyStreams), in_flight.build_slot():
            pytest.fail("built")
        assert time.monotonic() - began < 4.5


def answered(application: Any) -> tuple[str, dict[str, str], list[bytes]]:
    starts: list[Any] = []
    body = application({}, lambda *arguments: starts.append(arguments))
    [(status, headers)] = starts
    return status, dict(headers), list(body)


def test_a_refused_answer_is_a_503_with_retry_after_and_without_the_first_ones_headers() -> None:
    def application(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("ETag", '"a"')])
        return [b"a" * MB]

    status, headers, body = answered(bound_answers(application, filled(9, 5 * MB, 5 * MB)))
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "1")
    assert "ETag" not in headers
    assert json.loads(body[0])["error"] == "too_many_streams"
    assert answered(bound_answers(application, InFlight())) == ("200 OK", {"ETag": '"a"'}, [b"a" * MB])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts unacknowledged bytes")
def test_the_kernel_counts_the_connections_whose_client_has_not_read_everything() -> None:
    before = connections_sending()
    assert before is not None
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as sockets:
        for is_reading in (True, False, False):
            client = sockets.enter_context(socket.create_connection(listening.getsockname()))
            connection = sockets.enter_context(listening.accept()[0])
            connection.setblocking(False)
            sent = 0
            try:
                while not is_reading or not sent:
                    sent += connection.send(b"a" * 65536)
            except BlockingIOError:
                pass
            if is_reading:
                client.recv(sent, socket.MSG_WAITALL)
        assert connections_sending() == before + 2
