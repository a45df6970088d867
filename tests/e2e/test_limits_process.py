"""Rate limits end to end: behind a proxy, over the real socket, and across a restart."""

from __future__ import annotations

import json
import signal
import socket

from tests.services.process import ServerProcess


def ask(server: ServerProcess, to: str, *lines: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and error word of a request for a report that is not waited for."""
    head = [f"GET /report/now/1/{to}@example.com?wait=0 HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall("\r\n".join(head).encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    told, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = told.decode().split("\r\n")
    headers = {name.lower(): text.strip() for name, _, text in (field.partition(":") for field in fields)}
    return int(status.split()[1]), headers, json.loads(body).get("error", "")


def test_a_caller_behind_a_proxy_is_limited_by_their_own_address_after_a_restart_too() -> None:
    server = ServerProcess(REPORT_LIMIT_PER_CALLER="1", TRUSTED_PROXIES="127.0.0.1").start()
    try:
        assert ask(server, "a", "X-Forwarded-For: 203.0.113.7")[0] == 202
        assert ask(server, "b", "X-Forwarded-For: 203.0.113.8")[0] == 202
        for lines in (
            ["X-Forwarded-For: 203.0.113.7"],
            ["X-Forwarded-For: 198.51.100.1, 203.0.113.7"],
            ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.7"],  # which Granian joins
            ["Forwarded: for=198.51.100.1", "Forwarded: for=203.0.113.7"],
        ):
            status, headers, error = ask(server, "c", *lines)
            assert (status, error) == (429, "too_many_requests"), lines
            assert 3500 < int(headers["retry-after"]) <= 3600
        assert ask(server, "d", "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.10")[0] == 202  # as the proxy
        assert ask(server, "e", "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.11")[0] == 429
        server.send(signal.SIGTERM)
        server.wait(20)
        server.start()
        assert ask(server, "c", "X-Forwarded-For: 203.0.113.7")[0] == 429
        assert ask(server, "c", "X-Forwarded-For: 203.0.113.12")[0] == 202
    finally:
        server.close()
