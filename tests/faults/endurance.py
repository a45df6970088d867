"""Endurance: processes, threads, descriptors, sockets and memory of a server after hundreds of reports, against three."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.services.process import ServerProcess
from tests.services.smtp import smtp_server

FEW = 3


def main(count: int = 300) -> None:
    """Ask for one report after another, each of another recipient, and look at the server twice.

    Ctrl-C ends it early; what was seen until then is told.
    """
    made = FEW
    with smtp_server("ssl") as mail:
        served = ServerProcess(
            **mail.environment,
            REPORT_RECIPIENTS="*",
            REPORT_LIMIT_PER_CALLER="0",
        ).start()
        try:
            for number in range(FEW):
                _make(served, number)
            early = _look(served)
            with contextlib.suppress(KeyboardInterrupt):
                while made < count:
                    _make(served, made)
                    made += 1
            late = _look(served)
        finally:
            served.close()
    print(f"\n  {'':<28}{f'after {FEW}':>12}{f'after {made}':>12}")
    for name, amount in early.items():
        print(f"  {name:<28}{amount:>12}{late[name]:>12}")
    print(f"  mails received: {len(mail.received)} of {made}")
    grown = [name for name in ("processes", "threads", "descriptors") if late[name] > early[name] + 4]
    if grown or not 0 <= len(mail.received) - made <= 1:
        raise SystemExit(f"grown: {grown}")


def _make(served: ServerProcess, number: int) -> None:
    status, told = served.get(f"/report/now/1/r{number}@example.com")
    if status != 200:
        raise SystemExit(f"report {number}: {status} {told}")
    if number % 25 == 24:
        print(f"  {number + 1} reports", flush=True)


def _look(served: ServerProcess) -> dict[str, Any]:
    time.sleep(15)  # the spare is ready, and whatever was on its way out has gone
    family = [process for process in served.family() if process.is_running()]
    workers = [process for process in family if "mongod" not in process.name()]
    return {
        "processes": len(family),
        "threads": sum(process.num_threads() for process in workers),
        "descriptors": sum(process.num_fds() for process in workers),
        "sockets": sum(len(process.net_connections()) for process in workers),
        "memory, MiB": round(sum(process.memory_info().rss for process in workers) / 2**20),
        "files under DATA_DIR/reports": sum(1 for _ in (served.folder / "reports").rglob("*")),
        "temporary folders": len(list(Path(tempfile.gettempdir()).glob("pycemaker-*"))),
    }
