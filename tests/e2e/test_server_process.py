"""The server as a person starts it: one command, an empty folder, a Ctrl-C at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pycemaker.metrics import METRICS
from tests.services.process import ROOT, ServerProcess, all_gone


@pytest.fixture(scope="module")
def served() -> Iterator[ServerProcess]:
    server = ServerProcess().start()
    yield server
    server.close()


def test_it_says_what_runs_where_and_what_to_try(served: ServerProcess) -> None:
    said = served.said
    assert f"http://127.0.0.1:{served.port}" in said
    assert said.count("curl http://") == 3
    assert "made-up history" in said
    assert "outbox" in said
    assert "America/Sao_Paulo" in said


def test_every_metric_has_a_past_of_48_hours_that_is_declared_as_made_up(served: ServerProcess) -> None:
    for metric in METRICS:
        status, told = served.get(f"/{metric.id}/now/24")
        assert status == 200
        assert len(told["data"]) > 16_000
        assert len(told["data_anterior"]) > 16_000
        assert told["data"][0]["sample"] is True
    assert served.get("/")[1]["sample_until"] is not None


def test_a_minute_later_there_is_real_data(served: ServerProcess) -> None:
    start = (datetime.now(UTC) - timedelta(seconds=2)).isoformat(timespec="seconds").replace("+00:00", "Z")
    until = time.monotonic() + 20
    missing = {metric.id for metric in METRICS}
    while missing and time.monotonic() < until:
        missing = {name for name in missing if not served.get(f"/{name}/{start}")[1]}
        time.sleep(0.5)
    assert missing == set()
    for metric in METRICS:
        newest = served.get(f"/{metric.id}/{start}")[1][-1]
        assert "sample" not in newest
        assert newest["value"] >= 0
    assert served.get(f"/request_count/{start}")[1][-1]["value_success"] > 0


def test_a_request_line_that_no_client_library_would_send_is_answered_in_the_one_shape(served: ServerProcess) -> None:
    for target in (b"/cpu/%00/6", b"/%ff%fe/now", b"/cpu/now/6%0d%0aX:%20y", b"/cpu/" + b"a" * 9_000 + b"/6"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer[:200]
        assert b'"error":' in answer


def stop_seconds(server: ServerProcess) -> float:
    """How long a stop may take: 5 s; as long as its start on a machine that is so busy that this took longer."""
    return max(5.0, server.start_seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ctrl_c_and_sigterm_stop_everything_within_5_seconds(number: signal.Signals) -> None:
    server = ServerProcess().start()
    try:
        time.sleep(2.5)  # the spare report process has started its kernel by now, or is about to
        family = server.family()
        assert len(family) >= 4
        until = time.monotonic() + stop_seconds(server)
        server.send(number)
        server.wait(stop_seconds(server))
        assert all_gone(family, until - time.monotonic()) == []
        assert "Traceback" not in server.said
    finally:
        server.close()


def test_it_stops_within_5_seconds_where_the_database_has_fallen_silent() -> None:
    server = ServerProcess().start()
    try:
        time.sleep(2)
        family = server.family()
        os.kill(int((server.folder / "mongo" / "mongod.lock").read_text()), signal.SIGSTOP)
        until = time.monotonic() + stop_seconds(server)
        server.send(signal.SIGTERM)
        server.wait(stop_seconds(server))
        assert all_gone(family, until - time.monotonic()) == []
    finally:
        server.close()


@pytest.mark.parametrize(
    ("host", "said"),
    [("no-such-host.invalid", "HOST takes an address of this machine"), ("10.255.255.1", "HOST takes an address")],
)
def test_a_host_that_is_not_this_machines_is_said_so(host: str, said: str) -> None:
    server = ServerProcess(HOST=host)
    with pytest.raises(AssertionError, match=said):
        server.start(20)
    server.close()


def test_a_server_that_was_killed_leaves_nothing_that_blocks_the_next_start() -> None:
    server = ServerProcess().start()
    try:
        time.sleep(1)
        family = server.family()
        server.send(signal.SIGKILL)
        server.wait(5)
        assert all_gone(family, 8) == []
        again = ServerProcess(server.folder, PORT=str(server.port), REPORT_WORKERS="0")
        again.port = server.port
        again.start(20)
        assert len(again.get("/cpu/now/24")[1]["data"]) > 16_000
        again.close()
    finally:
        server.close()


def test_a_port_that_is_in_use_is_said_before_anything_starts(served: ServerProcess) -> None:
    second = ServerProcess(PORT=str(served.port))
    second.port = 1  # where to ask; the environment names the other one
    with pytest.raises(AssertionError, match=f"PORT takes a free port; {served.port} is in use"):
        second.start(20)
    second.close()


def test_wrong_settings_stop_the_start_with_one_message_that_names_them_all() -> None:
    server = ServerProcess(PORT="x", TIMEZONE="Mars/Olympus", PASSWORD="hidden-secret")
    with pytest.raises(AssertionError, match="the server ended with 2"):
        server.start(20)
    for name in ("PORT", "TIMEZONE", "EMAIL_FROM"):
        assert name in server.said
    assert "hidden-secret" not in server.said
    assert "Traceback" not in server.said
    server.close()


def test_with_log_format_json_every_line_is_an_object_from_the_first_to_the_last_and_a_host_may_be_a_name() -> None:
    server = ServerProcess(LOG_FORMAT="json", HOST="localhost").start()
    try:
        assert server.get("/report/now/745/a@b.com")[0] == 400
        server.send(signal.SIGTERM)
        server.wait(stop_seconds(server))
        told = [json.loads(line) for line in server.said.splitlines()]
        serving = next(line for line in told if line["message"] == "serving")
        assert serving["url"] == f"http://localhost:{server.port}"
        asked = next(line for line in told if line["logger"] == "pycemaker.access")
        assert (asked["status"], len(asked["request_id"])) == (400, 16)
    finally:
        server.close()


def eventually(holds: Callable[[], bool], within_seconds: float = 20.0) -> bool:
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.1)
    return False


def is_connected(server: ServerProcess, client: socket.socket) -> bool:
    """By the server's side of it: the client hears of its end when it next says something."""
    every = [each for process in server.family() for each in process.net_connections("tcp")]
    return any(each.raddr and each.raddr.port == client.getsockname()[1] for each in every)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
def test_a_client_that_takes_nothing_of_its_answer_is_ended(tmp_path: Path) -> None:
    sooner = "from pycemaker.web.middleware import write_timeout\n\nwrite_timeout.STALLED_SECONDS = 2\n"
    (tmp_path / "sitecustomize.py").write_text(sooner, encoding="utf-8")
    server = ServerProcess(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}", REPORT_WORKERS="0").start()
    time.sleep(1)  # it has begun to listen just now, and then the socket is looked for
    try:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET /cpu/now/24 HTTP/1.1\r\nHost: test\r\n\r\n")
            assert eventually(lambda: is_connected(server, client))
            assert eventually(lambda: not is_connected(server, client))
    finally:
        server.close()
