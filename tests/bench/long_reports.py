"""Reports of 6, 168 and 744 hours, from the request to the outbox, beside those of another checkout.

    python -m tests.bench.long_reports [--beside <checkout>] [--database <URL>] [--runs 3] [hours ...]

Both servers ask the same MongoDB, in turns, so that what else the machine does weighs on both. Without `--database` one
of its own is filled with 65 days of six metrics first, which takes some minutes. Of a database in which nothing is kept
by the hour yet the first round is that of the first reports ever.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import data
from tests.services.process import ROOT, ServerProcess

_NUMBERS = itertools.count()
_WARM_SECONDS = 10.0
_MOST_SECONDS = 900


def ask(served: ServerProcess, hours: int) -> float:
    """Seconds for a report that ends where the samples do, for somebody who has none yet; infinite where it fails."""
    path = f"/report/{data.NOW:%Y-%m-%dT%H:%M:%SZ}/{hours}/reader-{next(_NUMBERS)}@example.com"
    began = time.perf_counter()
    status, answer = served.get(path, timeout=_MOST_SECONDS)
    if status != 200:
        print(f"report of {hours} h failed: {answer['error']}", flush=True)
        return math.inf
    return time.perf_counter() - began


def one_round(url: str, root: Path, lengths: Sequence[int]) -> list[float]:
    """Seconds for a report of each length by that checkout's server, whose spare kernel is ready.

    One server at a time: two over one database make each other's reports.
    """
    served = ServerProcess(
        root=root, MONGO_DB_URL=url, REPORT_TIMEOUT_SECONDS=str(_MOST_SECONDS), REPORT_LIMIT_PER_CALLER="0"
    ).start()
    try:
        return [_ask_when_ready(served, hours) for hours in lengths]
    finally:
        served.close()


def _ask_when_ready(served: ServerProcess, hours: int) -> float:
    time.sleep(_WARM_SECONDS)
    return ask(served, hours)


def show(lengths: Sequence[int], own: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> None:
    """A line a length: medians, least, and how this checkout stands to the other one."""
    for index, hours in enumerate(lengths):
        row = f"report of {hours} h:"
        medians = []
        for name, rounds in (("this", own), ("beside", other)):
            if rounds:
                times = [each[index] for each in rounds]
                medians.append(statistics.median(times))
                row += f"  {name} {medians[-1]:.2f} s (least {min(times):.2f}, first {times[0]:.2f})"
        print(row + (f"  ratio {medians[0] / medians[1]:.2f}" if len(medians) > 1 else ""), flush=True)


def main() -> None:
    """Print a line a length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hours", nargs="*", type=int, default=[6, 168, 744])
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--database")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.database or f"{stack.enter_context(data.mongod())[0]}/months"
        data.load_months(url)
        own: list[list[float]] = []
        other: list[list[float]] = []
        for _ in range(options.runs):
            own.append(one_round(url, ROOT, options.hours))
            if options.beside:
                other.append(one_round(url, options.beside, options.hours))
            show(options.hours, own, other)


if __name__ == "__main__":
    main()
