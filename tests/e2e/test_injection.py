"""Injection by every part of a request, over the real socket: nothing comes out again as
a header, a line of the log, a file, or a mail.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.services.process import ServerProcess

ALLOWED = "only@example.com"
REPORT = f"/report/now/6/{ALLOWED}"
ID = "Zm9vYmFyYmF6cXV4LV9hYg"

NASTY = [
    "%0d%0aX-Injected:%201%0d%0a%0d%0aINJECTED",
    "%0aINJECTED",
    "%0dINJECTED",
    "%e2%80%a8INJECTED",
    "%c2%85INJECTED",
    "%0b%0cINJECTED",
    "%1b[31mRED%1b[0m",
    "%00",
    "a%00b",
    "..",
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cetc%5cpasswd",
    "%c0%ae%c0%ae%c0%afetc%c0%afpasswd",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "file:%2f%2f%2fetc%2fpasswd",
    "%ff%fe",
    "%",
    "%zz",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "{0.__class__}",
    "%7B%7B7*7%7D%7D",
    "$%7Bjndi:ldap://127.0.0.1/x%7D",
    "%24where",
    "only@example.com%0d%0aBcc:%20x@example.org",
    "only@example.com,x@example.org",
    "only@example.com%20x@example.org",
    "a" * 5000,
]
"""As they stand in a path or a query."""

PLACES = [
    "/{}",
    "/{}/now",
    "/cpu/{}",
    "/cpu/{}/1",
    "/cpu/now/{}",
    "/cpu/now/1?format={}",
    "/cpu/now/1?max_points={}",
    "/cpu/now/1?{}=1",
    f"/report/{{}}/6/{ALLOWED}",
    f"/report/now/{{}}/{ALLOWED}",
    "/report/now/6/{}",
    f"{REPORT}{{}}",
    f"{REPORT}?notebook={{}}",
    f"{REPORT}?attach={{}}",
    f"{REPORT}?x{{}}=1",
    f"{REPORT}?wait={{}}x",
    "/reports/{}",
    "/reports/{}/figures/cpu.png",
    f"/reports/{ID}/figures/{{}}",
    f"/reports/{ID}.{{}}",
    "/notebooks/{}",
    "/unsubscribe/{}",
    "/health/{}",
]

HEADERS = [
    *("Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Forwarded", "Host"),
    *("Idempotency-Key", "If-None-Match", "Origin", "Purpose", "Range", "Referer", "Sec-Purpose", "Traceparent"),
    *("User-Agent", "X-Api-Key", "X-Correlation-Id", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-Id"),
]
NASTY_IN_HEADERS = [
    b"%0d%0aX-Injected: 1",
    b"a\rX-Injected: 1",
    b"a\nX-Injected: 1",
    b"a\r\n X-Injected: 1",
    b"a\x00b",
    b"a\x1b[31mRED",
    b"a\x85INJECTED",
    b"\xff\xfe\x80",
    "a\u2028INJECTED".encode(),
    b"../../etc/passwd",
    b'"><script>alert(1)</script>',
    b"a" * 5000,
]


@pytest.fixture(scope="module")
def served() -> Iterator[ServerProcess]:
    given = {"REPORT_RECIPIENTS": ALLOWED, "CORS_ORIGINS": "https://panel.example.com", "TRUSTED_PROXIES": "127.0.0.1"}
    server = ServerProcess(**given).start()
    yield server
    server.close()


def ask(server: ServerProcess, target: str, *lines: bytes, method: str = "GET") -> tuple[int, list[bytes], bytes]:
    """Status, header lines and body of a request that is sent as it stands."""
    host = [] if any(line.startswith(b"Host:") for line in lines) else [b"Host: x"]
    whole = b"\r\n".join([f"{method} {target} HTTP/1.1".encode(), *host, *lines, b"Connection: close", b"", b""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(whole)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    return int(status.split()[1]), fields, body


def check_clean(fields: list[bytes], body: bytes) -> None:
    names = [field.partition(b":")[0].lower() for field in fields]
    assert b"x-injected" not in names
    assert names.count(b"content-length") <= 1
    assert not any(re.search(rb"[\r\n\x00\x1b]", field) for field in fields)
    assert b"root:x:" not in body
    assert b"Traceback" not in body


@pytest.mark.parametrize("place", PLACES)
def test_in_a_path_or_a_query(served: ServerProcess, place: str) -> None:
    for nasty in NASTY:
        for method in ("GET", "POST"):
            status, fields, body = ask(served, place.format(nasty), b"Content-Length: 0", method=method)
            check_clean(fields, body)
            assert status in (200, 400, 401, 403, 404, 405, 414), (status, nasty)
            if status >= 400:
                assert set(json.loads(body)) >= {"msg", "error"}, (body, nasty)
                told = b"\n".join(fields).lower()
                assert b"content-type: application/json" in told  # what is repeated is never taken for a page
                assert b"x-content-type-options: nosniff" in told


@pytest.mark.parametrize("name", HEADERS)
def test_in_a_header(served: ServerProcess, name: str) -> None:
    for nasty in NASTY_IN_HEADERS:
        for target in ("/nothing", "/cpu/now/1?max_points=10", f"/report/now/6/{ALLOWED}?x=1"):
            status, fields, body = ask(served, target, name.encode() + b": " + nasty)
            check_clean(fields, body)
            assert status in (200, 400, 401, 403, 404), (status, nasty)


def test_none_of_it_made_a_line_of_the_log_a_file_or_a_mail(served: ServerProcess) -> None:
    """Last: after all of the above."""
    for number in range(3):  # what is logged with its path: faults of this server
        ask(served, f"/report/now/6/{ALLOWED}?notebook=%0aINJECTED{number}")
    log = served.log.read_bytes()
    assert not re.search(rb"(?m)^\W*(INJECTED|X-Injected|Bcc:)", log)
    assert b"\x1b[31m" not in log
    assert b"Traceback" not in log
    found = {path.relative_to(served.folder).parts[0] for path in served.folder.rglob("*")}
    assert found <= {"mongo", "server.log", "reports"}
    assert list((served.folder / "reports").glob("*")) == []
