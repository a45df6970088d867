"""Clients that mean no good and parts that are away, at a server of its own: others are answered meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.services.process import ServerProcess, free_port

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
    server = ServerProcess(MONGO_DB_URL=f"mongodb://127.0.0.1:{free_port()}/x").start()
    try:
        answers, health = asked_by_100(server)
        assert answers == {(503, "database_unreachable"): 100}
        assert health > 0
        assert server.get("/ready")[0] == 503
    finally:
        server.close()


def test_a_database_that_falls_silent_is_said_to_100_at_once_and_is_back_at_once(served: ServerProcess) -> None:
    served.get("/cpu/now/1")
    with silent_mongod(served):
        time.sleep(1.2)  # what is in memory counts for a second
        began = time.monotonic()
        answers, health = asked_by_100(served)
        seconds = time.monotonic() - began
    assert answers == {(503, "database_unreachable"): 100}
    assert health > 5
    assert seconds < 20  # one after the other they took 200
    assert served.get("/cpu/now/1")[0] == 200
