"""`python -m tests.bench` prints the table of reads.

`python -m tests.bench growth` draws docs/images/reads-growth.png, `long` measures 744 hours of two metrics with 65 days
each, `schedules` enters 5,000 due schedules, `profile` shows what a week takes to answer from an empty memory,
`applications` a thousand of them against one, `collecting` what it costs to collect, `alerts` what rules give and cost.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import psutil

from tests.bench import alerts, applications, collecting, growth, profile, prometheus, schedules, table
from tests.bench.data import load_cpu, load_rare_failures, load_six, mongod

DAYS = 14
LONG_DAYS = 65


def long() -> None:
    """744 hours and as many before them, of a metric that differs and of one that hardly does."""
    with mongod() as (server, folder):
        url = f"{server}/long"
        print(f"{load_cpu(url, LONG_DAYS) + load_rare_failures(url, LONG_DAYS):,} documents of two metrics", flush=True)
        for metric in ("cpu", "http_fail"):
            table.growth_of_long(url, folder, metric)


OTHERS = {
    "alerts": alerts.main,
    "collecting": collecting.main,
    "applications": applications.main,
    "growth": growth.main,
    "long": long,
    "profile": profile.main,
    "schedules": schedules.main,
}


def main() -> None:
    """Measure, and print."""
    memory = psutil.virtual_memory().total / 2**30
    print(
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GiB, Python {platform.python_version()}",
        flush=True,
    )
    if chosen := [OTHERS[name] for name in sys.argv[1:]]:
        for other in chosen:
            other()
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
