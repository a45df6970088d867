"""Reports of 6, 168 and 744 hours, from the request to the outbox, beside those of another checkout.

    python -m tests.bench.long_reports [--beside <checkout>] [--database <URL>] [--runs 3] [hours ...]

Both servers ask the same MongoDB, in turns, so that what else the machine does weighs on both. Without `--database` one
of its own is filled with 65 days of six metrics first, which takes some minutes.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import data
from tests.bench.report import timed
from tests.services.process import ROOT, ServerProcess

_NUMBERS = itertools.count()
_WARM_SECONDS = 10.0
_MOST_SECONDS = 900


def ask(served: ServerProcess, hours: int) -> None:
    """A report that ends where the samples do, for somebody who has none yet."""
    path = f"/report/{data.NOW:%Y-%m-%dT%H:%M:%SZ}/{hours}/reader-{next(_NUMBERS)}@example.com"
    status, answer = served.get(path, timeout=_MOST_SECONDS)
    if status != 200:
        raise RuntimeError(answer)


def server(url: str, root: Path) -> ServerProcess:
    """A server of that checkout over that MongoDB, whose spare kernel is ready."""
    served = ServerProcess(
        root=root, MONGO_DB_URL=url, REPORT_TIMEOUT_SECONDS=str(_MOST_SECONDS), REPORT_LIMIT_PER_CALLER="0"
    )
    return served.start()


def compare(servers: Sequence[tuple[str, ServerProcess]], hours: int, runs: int) -> None:
    """Print each server's median, and how the first one's stands to the last one's."""
    times: dict[str, list[float]] = {name: [] for name, _ in servers}
    for _ in range(runs):
        for name, served in servers:
            time.sleep(_WARM_SECONDS)
            times[name].append(timed(lambda served=served: ask(served, hours)))  # type: ignore[misc]
    medians = {name: statistics.median(each) for name, each in times.items()}
    row = ", ".join(f"{name} {medians[name]:.2f} s (least {min(times[name]):.2f})" for name, _ in servers)
    first, last = servers[0][0], servers[-1][0]
    ratio = f", ratio {medians[first] / medians[last]:.2f}" if first != last else ""
    print(f"report of {hours} h: {row}{ratio}", flush=True)


def main() -> None:
    """Print a line a length."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("hours", nargs="*", type=int, default=[6, 168, 744])
    asked.add_argument("--beside", type=Path)
    asked.add_argument("--database")
    asked.add_argument("--runs", type=int, default=3)
    options = asked.parse_args()
    with ExitStack() as stack:
        url = options.database
        if url is None:
            own, _ = stack.enter_context(data.mongod())
            url = f"{own}/months"
        data.load_months(url)
        roots = [("this", ROOT)] + ([("beside", options.beside)] if options.beside else [])
        servers = [(name, server(url, root)) for name, root in roots]
        for _, served in servers:
            stack.callback(served.close)
        for hours in options.hours:
            compare(servers, hours, options.runs)


if __name__ == "__main__":
    main()
