"""Hostile clients and missing services, at a server of its own: others are answered meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.unsubscribe import Subscription, make_token
from pycemaker.mongo.database import open_database
from tests.faults.attacks import not_taking
from tests.services.process import ServerProcess, free_port

ONE_CLICK = b"List-Unsubscribe=One-Click"
ROUTES = ("/cpu/now/1", "/ram/now/6", "/", "/report/now/1/a@example.com", "/reports", "/disk/now")


@pytest.fixture(scope="module")
def served() -> Iterator[ServerProcess]:
    server = ServerProcess().start()
    yield server
    server.close()


@contextlib.contextmanager
def silent_mongod(server: ServerProcess) -> Iterator[None]:
    """It takes connections and says nothing."""
    process_id = int((server.folder / "mongo" / "mongod.lock").read_text())
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def asked_by_100(server: ServerProcess) -> tuple[Counter[Any], int]:
    """The statuses and errors of 100 requests at once, and how often `/health` was answered before the first of them."""
    with ThreadPoolExecutor(101) as pool:
        asked = [pool.submit(server.get, ROUTES[number % len(ROUTES)]) for number in range(100)]
        health = 0
        while not all(each.done() for each in asked):
            assert server.get("/health")[0] == 200
            health += 1
        return Counter((status, told.get("error")) for status, told in (each.result() for each in asked)), health


def test_a_server_that_starts_without_its_database_says_so_to_100_at_once_and_health_is_well() -> None:
    server = ServerProcess(MONGO_DB_URL=f"mongodb://127.0.0.1:{free_port()}/x", REPORT_WORKERS="0").start()
    try:
        answers, health = asked_by_100(server)
        assert answers == {(503, "database_unreachable"): 100}
        assert health > 0
        assert server.get("/ready")[0] == 503
    finally:
        server.close()


def test_a_database_that_falls_silent_is_said_to_100_at_once_and_is_back_within_3_seconds(
    served: ServerProcess,
) -> None:
    served.get("/cpu/now/1")
    with silent_mongod(served):
        time.sleep(1.2)  # what is in memory counts for a second
        began = time.monotonic()
        answers, health = asked_by_100(served)
        seconds = time.monotonic() - began
    assert answers == {(503, "database_unreachable"): 100}
    assert health > 5
    assert seconds < 20  # one after the other they took 200
    until = time.monotonic() + 3  # whoever was finding out when it came back is answered first
    while served.get("/cpu/now/1")[0] != 200:
        assert time.monotonic() < until


def seconds_of_one(server: ServerProcess, path: str) -> tuple[int, float]:
    began = time.monotonic()
    status, _ = server.get(path)
    return status, time.monotonic() - began


def test_with_more_askers_than_slots_nobody_waits_longer_than_3_seconds_for_a_silent_database(
    served: ServerProcess,
) -> None:
    """One of those that had been in the queue for 2 s looked for another 2 s."""
    served.get("/cpu/now/1")
    with silent_mongod(served):
        time.sleep(1.2)
        with ThreadPoolExecutor(170) as pool:
            answers = [
                each.result() for each in [pool.submit(seconds_of_one, served, "/cpu/now/1") for _ in range(170)]
            ]
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 3.5
    until = time.monotonic() + 3
    while served.get("/cpu/now/1")[0] != 200:
        assert time.monotonic() < until


@pytest.fixture(scope="module")
def link(served: ServerProcess) -> Iterator[str]:
    """The path of a link by which someone leaves a report."""
    database = open_database(None, served.folder)
    yield "/unsubscribe/" + make_token(Subscription("ana@example.com", "report"), SigningKeys(database).newest())
    database.close()


def connected(server: ServerProcess, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(sent)
    return connection


def posted(link: str, length: int, body: bytes = b"") -> bytes:
    form = "Content-Type: application/x-www-form-urlencoded"
    return f"POST {link} HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: {length}\r\n\r\n".encode() + body


def status_of(connection: socket.socket) -> str:
    with connection:
        return connection.recv(65536).decode().partition("\r\n")[0][9:12]


def test_bodies_that_never_come_hold_up_nobody_and_end_within_10_seconds(served: ServerProcess, link: str) -> None:
    began = time.monotonic()
    crowd = [connected(served, posted(link, 100, b"List-Unsub")) for _ in range(70)]
    assert [served.get("/cpu/now/1")[0] for _ in range(5)] == [200] * 5
    answers = Counter(status_of(each) for each in crowd)
    assert time.monotonic() - began < 15
    assert answers.keys() == {"408", "503"}
    assert 1 <= answers["408"] <= 4  # of one address
    assert status_soon(served, posted(link, len(ONE_CLICK), ONE_CLICK), 5) == "200"


def status_soon(server: ServerProcess, sent: bytes, seconds: float) -> str:
    """The status of a request that is sent again until it is no 503."""
    until = time.monotonic() + seconds
    while (status := status_of(connected(server, sent))) == "503" and time.monotonic() < until:
        time.sleep(0.1)
    return status


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which connection waits")
def test_silent_bodies_are_ended_and_others_of_the_same_address_are_not(served: ServerProcess, link: str) -> None:
    """They were ended with every other request of the address that had begun within 3 s of them."""
    slow = connected(served, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in slow.recv(65536)
    silent = [connected(served, posted(link, 100, b"List-Unsub")) for _ in range(2)]
    time.sleep(2)
    slow.sendall(posted(link, len(ONE_CLICK), ONE_CLICK[:10]))
    time.sleep(4)
    slow.sendall(ONE_CLICK[10:])
    assert status_of(slow) == "200"
    for each in silent:
        with each:
            each.settimeout(10)
            assert each.recv(65536).startswith(b"HTTP/1.1 408")


def test_a_body_that_is_waited_for_with_100_continue_is_late_too(served: ServerProcess, link: str) -> None:
    with connected(served, posted(link, 100).replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")) as silent:
        silent.settimeout(12)
        assert silent.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert silent.recv(65536).startswith(b"HTTP/1.1 408")


@pytest.fixture(scope="module")
def behind_a_proxy(served: ServerProcess) -> Iterator[ServerProcess]:
    server = ServerProcess(TRUSTED_PROXIES="127.0.0.0/8", REPORT_WORKERS="0").start()
    yield server
    server.close()


def test_behind_a_proxy_silent_bodies_of_one_client_leave_room_for_others_and_end_nobodys_connection(
    behind_a_proxy: ServerProcess,
) -> None:
    """The proxy's address stands for all of its clients, who had four slots together."""
    database = open_database(None, behind_a_proxy.folder)
    link = "/unsubscribe/" + make_token(Subscription("ana@example.com", "report"), SigningKeys(database).newest())
    database.close()

    def through(client: str, length: int, body: bytes = b"") -> bytes:
        return posted(link, length, body).replace(b"Host: x", f"Host: x\r\nX-Forwarded-For: {client}".encode())

    silent = [connected(behind_a_proxy, through("192.0.2.1", 100)) for _ in range(4)]
    time.sleep(1)
    assert status_of(connected(behind_a_proxy, through("192.0.2.2", len(ONE_CLICK), ONE_CLICK))) == "200"
    assert status_of(connected(behind_a_proxy, through("192.0.2.1", len(ONE_CLICK), ONE_CLICK))) == "503"
    time.sleep(6)
    assert behind_a_proxy.get("/cpu/now/1", timeout=5)[0] == 200  # one that is answered before its end stops the server
    for each in silent:
        each.setblocking(False)
        with each, pytest.raises(BlockingIOError):
            each.recv(100)
    assert status_soon(behind_a_proxy, through("192.0.2.1", len(ONE_CLICK), ONE_CLICK), 5) == "200"


@pytest.mark.parametrize("length", [300_000, 10**18])
def test_a_body_that_is_too_long_is_refused_without_being_read(served: ServerProcess, link: str, length: int) -> None:
    assert status_of(connected(served, posted(link, length))) in ("400", "413")


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nX-A: " + b"a" * 12_000])
def test_a_crowd_that_says_nothing_leaves_room_and_ends_within_10_seconds(served: ServerProcess, sent: bytes) -> None:
    crowd = [connected(served, sent) for _ in range(1_000)]
    assert served.get("/cpu/now/1")[0] == 200
    began = time.monotonic()
    try:
        for each in crowd:
            assert each.recv(100)[:12] in (b"", b"HTTP/1.1 408")
        assert time.monotonic() - began < 12
    finally:
        for each in crowd:
            each.close()


def worker_mb(server: ServerProcess) -> int:
    """The memory of the largest of its processes of Python: the one that answers."""
    sizes = [each.memory_info().rss for each in server.family() if "mongod" not in each.name()]
    return int(max(sizes)) >> 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who takes nothing")
def test_of_a_crowd_that_takes_no_answer_most_are_refused_and_the_others_ended(served: ServerProcess) -> None:
    """The server holds a copy of each one's answer: 300 such clients took 300 to 450 MB, for as long as they liked."""
    served.get("/cpu/now/6")
    before_mb = worker_mb(served)
    with not_taking(served, 300, b"GET /cpu/now/6 HTTP/1.1\r\nHost: x\r\n\r\n"):
        until = time.monotonic() + 8
        most_mb = 0
        while time.monotonic() < until:
            most_mb = max(most_mb, worker_mb(served))
        assert served.get("/cpu/now/6")[0] == 200
    assert most_mb - before_mb < 130


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who takes little")
def test_clients_that_take_some_bytes_a_second_do_not_keep_others_from_long_answers(served: ServerProcess) -> None:
    with not_taking(served, 60, b"GET /cpu/now/6 HTTP/1.1\r\nHost: x\r\n\r\n", bytes_a_second=2000):
        time.sleep(1)
        until = time.monotonic() + 10
        while (status := served.get("/cpu/now/6")[0]) != 200 and time.monotonic() < until:
            time.sleep(0.2)
        assert status == 200


def test_a_head_of_more_than_16_kilobytes_is_refused(served: ServerProcess) -> None:
    with connected(served, b"GET /health HTTP/1.1\r\nHost: x\r\nAccept: " + b"a" * 400_000) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 431")
    assert served.get("/health", accept="a" * 12_000)[0] == 200


def test_30_calls_for_one_report_leave_room_for_anothers(served: ServerProcess) -> None:
    with ThreadPoolExecutor(31) as pool:
        one = [pool.submit(served.get, "/report/now/1/one@example.com") for _ in range(30)]
        other = pool.submit(served.get, "/report/now/1/other@example.com")
        assert other.result()[0] == 200
        answers = [each.result() for each in one]
    assert {(status, told.get("error")) for status, told in answers} == {(200, None)}
    assert len({told["report"]["id"] for _, told in answers}) == 1
