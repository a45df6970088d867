"""The bulkheads: requests that get a thread at once, queued ones, and those answered with 503."""

from __future__ import annotations

import threading
from typing import Any

from pycemaker.web.middleware import bulkhead


class Protocol:
    """Granian's end of an answer."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.ended = threading.Event()

    def response_bytes(self, status: int, _headers: list[tuple[str, str]], _body: bytes) -> None:
        self.status = status
        self.ended.set()


class Slow:
    """Answers that end when they are let go; the path `/fault` raises."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = threading.Event()

    def __call__(self, protocol: Protocol, environ: dict[str, Any]) -> None:
        self.begun.append(environ["PATH_INFO"])
        if bulkhead.EXPIRED in environ:
            return protocol.response_bytes(503, [], b"")
        if environ["PATH_INFO"] == "/fault":
            raise ValueError("of the application")
        if environ["PATH_INFO"] != bulkhead.HEALTH:
            self.go.wait(20)
        return protocol.response_bytes(200, [], b"")


def ask(dispatch: bulkhead.Answer, path: str) -> Protocol:
    """One request, on a thread of its own as Granian has it."""
    protocol = Protocol()
    threading.Thread(target=dispatch, args=(protocol, {"PATH_INFO": path}), daemon=True).start()
    return protocol


def eventually(begun: list[str], count: int) -> bool:
    until = threading.Event()
    for _ in range(1000):
        if len(begun) >= count:
            return True
        until.wait(0.01)
    return False


def test_health_is_answered_while_every_place_is_taken_and_a_line_waits() -> None:
    slow = Slow()
    dispatch = bulkhead.with_bulkheads(slow)
    asked = [ask(dispatch, "/cpu/now/1") for _ in range(bulkhead.SLOTS + 20)]
    asked += [ask(dispatch, "/ready") for _ in range(bulkhead.PROBE_SLOTS + 2)]
    assert eventually(slow.begun, bulkhead.SLOTS + bulkhead.PROBE_SLOTS)
    assert ask(dispatch, bulkhead.HEALTH).ended.wait(10)
    assert len(slow.begun) == bulkhead.SLOTS + bulkhead.PROBE_SLOTS + 1
    slow.go.set()
    assert all(protocol.ended.wait(10) for protocol in asked)
    assert {protocol.status for protocol in asked} == {200}


def test_a_request_queued_for_too_long_is_answered_with_503() -> None:
    slow = Slow()
    dispatch = bulkhead.with_bulkheads(slow)
    taken = [ask(dispatch, "/cpu/now/1") for _ in range(bulkhead.SLOTS)]
    assert eventually(slow.begun, bulkhead.SLOTS)
    late = ask(dispatch, "/ram/now/1")
    assert late.ended.wait(10)
    assert late.status == 503
    slow.go.set()
    assert all(protocol.ended.wait(10) for protocol in taken)
    assert ask(dispatch, "/ram/now/1").ended.wait(10)


def test_an_application_that_raises_is_a_500_and_keeps_no_place() -> None:
    slow = Slow()
    dispatch = bulkhead.with_bulkheads(slow)
    for _ in range(bulkhead.SLOTS + 1):
        failed = ask(dispatch, "/fault")
        assert failed.ended.wait(10)
        assert failed.status == 500
