"""Metric routes against the straightforward way, on the same data, in the same run.

Each way runs under Granian with the same settings. A case is asked for by one client, one request after another over one
connection, the two ways in turn; a row gives the median time of each, the ratio, requests a second, and the peak memory of
the serving process.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from pycemaker.data import embedded, sample
from pycemaker.data.database import Database
from tests.services.process import ROOT, free_port

DAYS = 14
NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
CASES = [("interval", 1), ("interval", 24), ("interval", 72), ("tail", 1), ("tail", 168)]
SECONDS_A_CASE = 6.0


@dataclass(frozen=True)
class Served:
    """A server process that is being measured."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def peak_mib(self) -> float:
        """The largest resident memory that its serving process has had, MiB."""
        own = psutil.Process(self.process.pid)
        peaks = [_peak_kib(process.pid) for process in own.children(recursive=True) if _is_worker(process)]
        return max(peaks, default=_peak_kib(own.pid)) / 1024


def _is_worker(process: psutil.Process) -> bool:
    return not any("mongod" in word or "pycemaker." in word or "ipykernel" in word for word in process.cmdline())


def _peak_kib(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


@contextmanager
def serve(name: str, target: str, factory: bool, url: str, folder: Path) -> Iterator[Served]:
    """One of the two ways, under Granian, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-log"]
    command += ["--blocking-threads", "8", *(["--factory"] if factory else []), target]
    environment = {**os.environ, "MONGO_DB_URL": url, "DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Served(name, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/nothing")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("no answer")


def fetch(connection: http.client.HTTPConnection, path: str) -> int:
    """How many bytes the answer had."""
    connection.request("GET", path)
    return len(connection.getresponse().read())


def measure(ways: list[Served], path: str) -> list[list[float]]:
    """Seconds of each request, for each way, asked in turn."""
    connections = [http.client.HTTPConnection("127.0.0.1", way.port, timeout=120) for way in ways]
    for connection in connections:
        fetch(connection, path)
    times: list[list[float]] = [[] for _ in ways]
    until = time.monotonic() + SECONDS_A_CASE
    while time.monotonic() < until or len(times[0]) < 5:
        for place, connection in enumerate(connections):
            began = time.perf_counter()
            fetch(connection, path)
            times[place].append(time.perf_counter() - began)
    return times


def path_of(form: str, hours: int) -> str:
    """The path of a case."""
    if form == "interval":
        return f"/cpu/{NOW.isoformat()}/{hours}"
    return f"/cpu/{(NOW - timedelta(hours=hours)).isoformat()}"


def load(url: str) -> None:
    """14 days of six metrics."""
    database = Database(url)
    began = time.monotonic()
    written = sample.write_history(database, NOW, DAYS * 24)
    print(f"{written:,} documents written in {time.monotonic() - began:.0f} s", flush=True)
    database.close()


def main() -> None:
    """Print the table."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.hold(folder)
    url = f"{held.url}/bench"
    try:
        load(url)
        with (
            serve("ours", "server:application", True, url, folder) as ours,
            serve("straightforward", "tests.bench.straightforward:application", False, url, folder) as plain,
        ):
            time.sleep(8)  # the spare report process is ready by then, and out of the way
            print(f"{'case':<16}{'ours':>10}{'straightf.':>12}{'ratio':>8}{'ours/s':>9}{'straightf./s':>14}")
            for form, hours in CASES:
                own, other = (statistics.median(times) for times in measure([ours, plain], path_of(form, hours)))
                print(
                    f"{form + f' {hours} h':<16}{own * 1e3:>7.1f} ms{other * 1e3:>9.1f} ms{own / other:>8.2f}"
                    f"{1 / own:>9.1f}{1 / other:>14.1f}",
                    flush=True,
                )
            print(f"peak memory: ours {ours.peak_mib():.0f} MiB, straightforward {plain.peak_mib():.0f} MiB")
    finally:
        held.release()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
