"""A report of 6 hours, from the request to the mail server's acceptance, against papermill and nbconvert by hand.

Then metric routes beside it: the time of `/cpu/now/1` while nothing else runs, and while two reports are being made.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from tests.services.process import ROOT, ServerProcess
from tests.services.smtp import smtp_server

RUNS = 5
_NUMBERS = itertools.count()
PROBE_SECONDS = 8.0


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def by_hand(served: ServerProcess) -> None:
    """The way by hand: run the notebook with papermill, then make HTML of it."""
    out = str(served.folder / "out.ipynb")
    run = [sys.executable, "-m", "papermill", "notebooks/report.ipynb", out, "-p", "time_range", "6", "--cwd", "."]
    for command in (run, [sys.executable, "-m", "nbconvert", "--to", "html", "--no-input", out]):
        subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True)


def ask(served: ServerProcess) -> None:
    """One report through the route, for somebody who has none yet: the same request again would be the same report."""
    status, answer = served.get(f"/report/now/6/reader-{next(_NUMBERS)}@example.com")
    if status != 200:
        raise RuntimeError(answer)


def probe(served: ServerProcess, seconds: float) -> list[float]:
    """Times of a metric route, asked 20 times a second."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        times.append(timed(lambda: served.get("/cpu/now/1")))
        time.sleep(0.05)
    return times


def show(name: str, times: list[float]) -> None:
    """Median and 99th percentile, in milliseconds."""
    ranked = sorted(times)
    p99 = ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
    print(f"  {name:<34} median {statistics.median(times) * 1e3:7.1f} ms   p99 {p99 * 1e3:7.1f} ms   n={len(times)}")


def main() -> None:
    """Print both comparisons."""
    with smtp_server("ssl") as mail:
        served = ServerProcess(
            **mail.environment,
            REPORT_RECIPIENTS="*",
            REPORT_LIMIT_PER_CALLER="0",
        ).start()
        try:
            measure(served)
        finally:
            served.close()


def measure(served: ServerProcess) -> None:
    """Both comparisons over one server."""
    time.sleep(8)  # the spare is ready by then
    ours, hand = [], []
    for _ in range(RUNS):
        ours.append(timed(lambda: ask(served)))
        time.sleep(6)  # so is the next one
        hand.append(timed(lambda: by_hand(served)))
    back_to_back = timed(lambda: (ask(served), ask(served)))
    own, other = statistics.median(ours), statistics.median(hand)
    print(f"report of 6 h, request to acceptance: ours {own:.2f} s, papermill and nbconvert by hand {other:.2f} s,")
    print(f"  ratio {own / other:.2f}; two one right after the other {back_to_back:.2f} s  (medians of {RUNS})")
    time.sleep(6)
    show("/cpu/now/1, nothing else running", probe(served, PROBE_SECONDS))
    reports = [threading.Thread(target=ask, args=(served,)) for _ in range(2)]
    for report in reports:
        report.start()
    times = []
    while any(report.is_alive() for report in reports):
        times += probe(served, 0.5)
    show("/cpu/now/1, two reports being made", times)


if __name__ == "__main__":
    main()
