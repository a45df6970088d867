"""Many who ask for a report at once: what they are answered, what the machine holds, and how the metric routes fare."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.services.process import ServerProcess
from tests.services.smtp import smtp_server

PROBE_SECONDS = 10.0


def main(count: int = 100) -> None:
    """Ask so many times at once, each for a recipient of their own, and ask a metric route meanwhile."""
    with smtp_server("ssl") as mail:
        served = ServerProcess(
            **mail.environment,
            REPORT_RECIPIENTS="*",
            REPORT_LIMIT_PER_CALLER="0",
        ).start()
        try:
            time.sleep(15)
            until = time.monotonic() + PROBE_SECONDS
            idle = _probe(served, lambda: time.monotonic() < until)
            peak = _Peak(served)
            with ThreadPoolExecutor(count) as pool:
                asked = [pool.submit(served.get, f"/report/now/6/r{n}@example.com", timeout=400) for n in range(count)]
                busy = _probe(served, lambda: not all(each.done() for each in asked))
                answers = [each.result() for each in asked]
            peak.stop()
        finally:
            served.close()
    print("\n  answers")
    for (status, code), times in sorted(Counter((s, told.get("error", "")) for s, told in answers).items()):
        print(f"    {status} {code:<24} {times}")
    arrived = Counter(received.recipients[0] for received in mail.received)
    accepted = sum(status == 200 for status, _ in answers)
    print(
        f"  mails received {arrived.total()}, twice or more {sum(n > 1 for n in arrived.values())}, said to be sent {accepted}"
    )
    print(f"  at most {peak.processes} processes, {peak.mb} MiB (mongod and what processes share included)")
    for name, times_ms in (("nothing else", idle), ("meanwhile", busy)):
        ranked = sorted(times_ms)
        print(
            f"  /cpu/now/1, {name:<12} median {ranked[len(ranked) // 2]:6.1f} ms   "
            f"p99 {ranked[int(len(ranked) * 0.99)]:6.1f} ms   n={len(ranked)}"
        )
    if max(arrived.values(), default=0) > 1 or accepted != arrived.total():
        raise SystemExit("not as it should be")


def _probe(served: ServerProcess, goes_on: Callable[[], bool]) -> list[float]:
    times = []
    while goes_on():
        began = time.perf_counter()
        status, _ = served.get("/cpu/now/1")
        times.append((time.perf_counter() - began) * 1000)
        assert status == 200
        time.sleep(0.05)
    return times


class _Peak:
    """Looks at the server's whole family four times a second."""

    def __init__(self, served: ServerProcess) -> None:
        self.processes = self.mb = 0
        self._served = served
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.25):
            held = 0
            family = self._served.family()
            for process in family:
                try:
                    held += process.memory_info().rss
                except psutil.Error:
                    continue
            self.processes = max(self.processes, len(family))
            self.mb = max(self.mb, held >> 20)
