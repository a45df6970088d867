"""Servers to measure, in processes of their own under Granian, and the clients: wrk, plain connections."""

from __future__ import annotations

import http.client
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.services.process import ROOT, free_port

RUNS = 5
SECONDS_A_RUN = 2.0


@dataclass(frozen=True)
class Served:
    """A server that is being measured."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def memory_mib(self, which: str = "VmRSS") -> float:
        """Resident memory of its serving process, now or at its highest (VmHWM)."""
        own = psutil.Process(self.process.pid)
        workers = [process for process in own.children(recursive=True) if _is_worker(process)] or [own]
        return max(_status_kib(worker.pid, which) for worker in workers) / 1024


def _is_worker(process: psutil.Process) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    return not any("mongod" in word or "pycemaker." in word or "ipykernel" in word for word in process.cmdline())


def _status_kib(process_id: int, which: str) -> int:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(which)))


@contextmanager
def ours(url: str, folder: Path, **settings: str) -> Iterator[Served]:
    """`python server.py` over that database, as a person starts it."""
    with _process("ours", [sys.executable, "server.py"], url, folder, settings) as served:
        time.sleep(8)  # the spare report process is ready by then, and out of the way
        yield served


@contextmanager
def under_granian(name: str, target: str, url: str, folder: Path) -> Iterator[Served]:
    """Another WSGI application with the same server."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-log", "--blocking-threads", "64", target]
    with _process(name, command, url, folder, {}) as served:
        yield served


@contextmanager
def _process(name: str, command: list[str], url: str, folder: Path, settings: dict[str, str]) -> Iterator[Served]:
    port = free_port()
    environment = {**os.environ, "MONGO_DB_URL": url, "DATA_DIR": str(folder), "PYTHONPATH": str(ROOT), **settings}
    environment |= {"PORT": str(port), "GRANIAN_PORT": str(port)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Served(name, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/nothing")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("no answer")


def fetch(connection: http.client.HTTPConnection, path: str, **headers: str) -> http.client.HTTPResponse:
    """The answer, read to its end."""
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    while answer.read(1 << 20):
        pass
    return answer


def wait_until_ready(served: Served, path: str) -> None:
    """Ask until the answer is no 503: an index may still be being made."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    while fetch(connection, path).status == 503:
        time.sleep(0.2)


def seconds_of(work: Callable[[], object]) -> float:
    """The seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def get_seconds(served: Served, path: str, runs: int = 1) -> float:
    """The median time of a request over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=600)
    return statistics.median(seconds_of(lambda: fetch(connection, path)) for _ in range(runs))


@dataclass(frozen=True)
class Load:
    """The result of one run of wrk: successes a second, the slowest hundredth, answers that were no success."""

    per_second: float
    p99_ms: float
    failed: int


def wrk(
    url: str, connections: int = 8, seconds: float = SECONDS_A_RUN, script: str | None = None, header: str | None = None
) -> Load:
    """One run of wrk on one thread."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "--latency"]
    command += ["-H", header] if header else []
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(script)
            file.flush()
            command += ["-s", file.name]
        output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return Load(_successes_a_second(output), _p99_ms(output), _failed(output))


def _successes_a_second(output: str) -> float:
    """A refusal is faster than any answer, and counts for nothing."""
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    refused = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", output)))
    return rate * (1 - refused / max(1, int(re.search(r"(\d+) requests in", output)[1])))  # type: ignore[index]


def _p99_ms(output: str) -> float:
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _failed(output: str) -> int:
    failures = re.findall(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.findall(r"(?:connect|read|write|timeout) (\d+)", output)
    return sum(map(int, failures + errors))


def median_rates(urls: list[str], header: str | None = None, connections: int = 8) -> list[float]:
    """The median of RUNS runs for each URL, asked in turn so that a noisy moment meets all."""
    for url in urls:
        wrk(url, connections, 1, header=header)
    runs = [[wrk(url, connections, header=header).per_second for url in urls] for _ in range(RUNS)]
    return [statistics.median(rates) for rates in zip(*runs, strict=True)]
