"""`python -m tests.bench` prints the table of reads; `python -m tests.bench growth` draws docs/images/reads-growth.png."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import psutil

from tests.bench import growth, prometheus, table
from tests.bench.data import load_six, mongod

DAYS = 14


def main() -> None:
    """Measure, and print."""
    memory = psutil.virtual_memory().total / 2**30
    print(
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GiB, Python {platform.python_version()}",
        flush=True,
    )
    if "growth" in sys.argv[1:]:
        growth.main()
        return
    with mongod() as (server, folder):
        url = f"{server}/bench"
        print(f"{load_six(url, DAYS):,} documents of six metrics, {DAYS} days; load: {os.getloadavg()}", flush=True)
        prometheus.measure(url)
        table.measure(url, folder)
    print(f"load average at the end: {os.getloadavg()}")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
