"""Attacks on a server process, and what an honest client waits meanwhile.

Each attack is of bounded size and ends by itself. `/cpu/now/1` is asked all the while: the 99th percentile of its waits
is to be under twice that of an idle server, or it says 503 within 3 s; the worker's memory stays within `CACHE_MB` and
150 MB.
"""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

import psutil

from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.unsubscribe import Subscription, make_token
from pycemaker.mongo.database import open_database
from tests.faults.attacks import LeftError, asking, crowd, not_taking, repeated, silent_mongod, trickling
from tests.services.process import ServerProcess, free_port

CACHE_MB = 64
PROXY = "127.0.0.2"
MORE_MB = 150
SECONDS = 8.0
LEAST_MS = 100.0
"""An idle server's 99th percentile counts as this much at least: below it a busy machine alone makes twice as much."""


@dataclass
class Waits:
    """What an honest client saw: milliseconds until a 200, and until anything else with its status.

    And the most memory that the process that answers had meanwhile.
    """

    good_ms: list[float] = field(default_factory=list)
    other_ms: list[tuple[float, int]] = field(default_factory=list)
    worker_mb: int = 0

    @property
    def p99_ms(self) -> float:
        """Of the answers with 200; 0 without one."""
        return sorted(self.good_ms)[int(len(self.good_ms) * 0.99)] if self.good_ms else 0.0


def main() -> None:
    """Run each attack, and end with an error where an honest client waited too long or memory grew too far."""
    wrong = [*_without_database(), *_at_a_running_server()]
    if wrong:
        raise SystemExit(f"not as it should be: {'; '.join(wrong)}")


def _at_a_running_server() -> list[str]:
    served = ServerProcess(CACHE_MB=str(CACHE_MB), API_TOKEN="a-token-of-some-length", TRUSTED_PROXIES=PROXY).start(180)
    try:
        time.sleep(15)
        idle, _ = _watched(served, contextlib.nullcontext())
        _print("idle", idle)
        bound_ms = 2 * max(idle.p99_ms, LEAST_MS)
        wrong = []
        for name, attack in _attacks(served).items():
            waits, held = _watched(served, attack)
            _print(name, waits)
            wrong += _wrong(name, waits, bound_ms)
            wrong += [f"{name}: {held} connections were left after 10 s"] if held else []
        return wrong + _acts_for_other_sites(served)
    finally:
        served.close()


def _attacks(served: ServerProcess) -> dict[str, AbstractContextManager[None]]:
    database = open_database(None, served.folder)
    link = "/unsubscribe/" + make_token(Subscription("ana@example.com", "report"), SigningKeys(database).newest())
    database.close()
    key = "X-Api-Key: a-token-of-some-length"
    head = f"POST {link} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
    return {
        "mongod falls silent (SIGSTOP), 100 askers": silent_mongod(served),
        "70 bodies that never come": crowd(served, 70, head),
        "70 bodies of a byte a second": trickling(served, 70, head),
        "400 KB of Accept, again and again": repeated(served, _get("/cpu/now/1", "Accept: " + "a" * 400_000)),
        "12 KB of Accept, each another one": repeated(served, _get("/cpu/now/1", "Accept: %d" + "a" * 12_000)),
        "64 KB of Forwarded": repeated(served, _get("/notebooks", 'Forwarded: for="' + 'for="' * 13_000), PROXY),
        "12 KB of Forwarded": repeated(served, _get("/notebooks", 'Forwarded: for="' + 'for="' * 2_400), PROXY),
        "4,300 connections that send nothing": crowd(served, 4_300, b""),
        "4,300 heads that never end": crowd(served, 4_300, b"GET / HTTP/1.1\r\nX: " + b"a" * 12_000),
        "300 heads of a byte a second": trickling(served, 300, b"GET / HTTP/1.1\r\nX: "),
        "300 that read nothing of 1.5 MB": not_taking(served, 300, _get("/cpu/now/6", "Accept: */*")),
        "100 that read nothing of 3 MB": not_taking(served, 100, _get("/cpu/now/12", "Accept: */*")),
        "30 calls for one report": crowd(served, 30, _get("/report/now/1/one@example.com", key), must_end=False),
    }


def _get(path: str, line: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode()


def _without_database() -> list[str]:
    served = ServerProcess(MONGO_DB_URL=f"mongodb://127.0.0.1:{free_port()}/x", CACHE_MB=str(CACHE_MB)).start(180)
    try:
        waits, _ = _watched(served, asking(served))
        _print("started without its database, 100 askers", waits)
        return _wrong("started without its database", waits, 0.0)
    finally:
        served.close()


def _acts_for_other_sites(served: ServerProcess) -> list[str]:
    """Which requests that another site has a browser make are not refused."""
    token = {"X-Api-Key": "a-token-of-some-length"}
    seen = (
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Origin": "https://elsewhere.example"},
        {"Referer": "https://elsewhere.example/page", "User-Agent": "Mozilla/5.0"},
        {"Accept": "image/avif,image/webp,*/*;q=0.8", "User-Agent": "Mozilla/5.0"},
    )
    answers = [served.get("/report/now/1/site@example.com?wait=0", **token, **headers)[0] for headers in seen]
    print(f"  what another site has a browser ask for    answered {answers}", flush=True)
    return [f"another site's request: {status}" for status in answers if status != 403]


# --- what is seen meanwhile


def _watched(served: ServerProcess, attack: AbstractContextManager[None]) -> tuple[Waits, int]:
    """What an honest client waits during the attack, and how many connections outlived it."""
    waits, worker = Waits(), _worker(served)
    try:
        with attack:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                _ask(served, waits)
                waits.worker_mb = max(waits.worker_mb, worker.memory_info().rss >> 20)
                time.sleep(0.05)
    except LeftError as error:
        return waits, error.count
    return waits, 0


def _ask(served: ServerProcess, waits: Waits) -> None:
    for path in ("/cpu/now/1", "/health"):
        began = time.perf_counter()
        status, _ = served.get(path, timeout=30)
        milliseconds = (time.perf_counter() - began) * 1000
        if path == "/health" and status != 200:
            raise SystemExit(f"/health said {status}")
        if path != "/health" and status == 200:
            waits.good_ms.append(milliseconds)
        elif path != "/health":
            waits.other_ms.append((milliseconds, status))


def _worker(served: ServerProcess) -> psutil.Process:
    """The process that answers: the one that listens."""
    for process in served.family():
        with suppress(psutil.Error):
            if any(each.status == "LISTEN" and each.laddr.port == served.port for each in process.net_connections()):
                listens = process
    return listens


def _print(name: str, waits: Waits) -> None:
    others = f", {len(waits.other_ms)} others within {max(waits.other_ms)[0]:.0f} ms" if waits.other_ms else ""
    print(
        f"  {name:<42} p99 {waits.p99_ms:7.1f} ms of {len(waits.good_ms):4} answers{others};"
        f" worker {waits.worker_mb} MB",
        flush=True,
    )


def _wrong(name: str, waits: Waits, bound_ms: float) -> list[str]:
    late = [milliseconds for milliseconds, status in waits.other_ms if status != 503 or milliseconds > 3000]
    wrong = [f"{name}: {len(late)} refusals late or not 503"] if late else []
    if waits.p99_ms > bound_ms and bound_ms:
        wrong.append(f"{name}: p99 {waits.p99_ms:.0f} ms, of {bound_ms:.0f}")
    if waits.worker_mb > CACHE_MB + MORE_MB:
        wrong.append(f"{name}: {waits.worker_mb} MB")
    return wrong
