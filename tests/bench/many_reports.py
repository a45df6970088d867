"""Reports of 6 hours that are queued at once, and the processor time of each, beside those of another checkout.

    python -m tests.bench.many_reports [--reports 20] [--beside <checkout>] [--dask] [--workers 2] [--runs 3]

All run in turns over one MongoDB, make so many reports at a time and write to the outbox. With --dask a server also hands
its reports over to a Dask cluster of two workers, which counts as part of it. Processor time is that of all
processes that the server started and of MongoDB, less that of a server which makes no report; it hardly depends on what
else the machine does. Memory is that of a template or spare and of the running reports, shared pages counted once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pycemaker.jobs.dask_cluster import DaskCluster
from tests.bench import data
from tests.services.dask_processes import PRELOAD, DaskProcesses, wait_for
from tests.services.process import ROOT, ServerProcess

_WARM_SECONDS = 8.0
_MOST_SECONDS = 900


@dataclass(frozen=True)
class Round:
    """One server's figures: seconds from the first request to the last mail, processor seconds, the most memory."""

    seconds: float
    processor_seconds: float
    memory_mb: float


class Watch:
    """Looks at a server's processes ten times a second: what each has taken of the processor, and their memory.

    A process that nobody waits for is in no other account. What one takes after the last look at it is missed.
    """

    def __init__(self, served: ServerProcess, mongod: psutil.Process, dask: DaskProcesses | None) -> None:
        assert served.process is not None
        self._roots, self._mongod = [psutil.Process(served.process.pid)], mongod
        if dask is not None and dask.scheduler is not None:
            started = [dask.scheduler, *(worker.nanny for worker in dask.workers)]
            self._roots += [psutil.Process(each.pid) for each in started]
        self._taken: dict[psutil.Process, float] = {}
        self._before = _taken(mongod)
        self.memory_mb = 0.0

    def look(self) -> None:
        """Note what each process has taken so far."""
        descendants = [process for root in self._roots for process in root.children(recursive=True)]
        shared = 0.0
        for process in [*self._roots, *descendants]:
            with suppress(psutil.Error):
                self._taken[process] = _taken(process)
                if process in descendants and "python" in process.name():
                    shared += process.memory_full_info().pss / 2**20
        self.memory_mb = max(self.memory_mb, shared)

    def processor_seconds(self) -> float:
        """Of the server, all that it started, and MongoDB since this began."""
        return sum(self._taken.values()) + _taken(self._mongod) - self._before


def _taken(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def _cluster(url: str) -> Iterator[DaskProcesses]:
    """A Dask cluster of two workers, which make a report at a time each."""
    with tempfile.TemporaryDirectory(prefix="pm-") as folder:
        plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        given = {"MONGO_DB_URL": url, "DATA_DIR": folder, "REPORT_TIMEOUT_SECONDS": str(_MOST_SECONDS)}
        dask, seen_by = DaskProcesses(plain | given), None
        try:
            dask.start_scheduler()
            seen_by = DaskCluster(dask.address, hand_over_seconds=0)
            for _ in range(2):
                dask.start_worker(preload=PRELOAD)
            wait_for(lambda: len(seen_by.look().slots) == 2)
            yield dask
        finally:
            if seen_by is not None:
                seen_by.close()
            dask.close()


def one_round(
    url: str, mongod: psutil.Process, root: Path, reports: int, workers: int, dask: DaskProcesses | None = None
) -> Round:
    """So many reports by that checkout's server, or by that cluster."""
    served = ServerProcess(
        root=root,
        MONGO_DB_URL=url,
        REPORT_WORKERS="0" if dask else str(workers),
        DASK_SCHEDULER=dask.address if dask else "",
        REPORT_QUEUE=str(reports + 1),
        REPORT_TIMEOUT_SECONDS=str(_MOST_SECONDS),
        REPORT_LIMIT_PER_CALLER="0",
    ).start()
    watch = Watch(served, mongod, dask)
    try:
        _look_for(watch, _WARM_SECONDS)
        began = time.perf_counter()
        for number in range(reports):
            path = f"/report/{data.NOW:%Y-%m-%dT%H:%M:%SZ}/6/reader-{time.time_ns()}-{number}@example.com?wait=0"
            status, answer = served.get(path)
            if status != 202:
                raise RuntimeError(f"{status} {answer}")
        outbox = served.folder / "outbox"
        while reports and len(list(outbox.glob("*.eml"))) < reports:
            _look_for(watch, 0.1)
            if time.perf_counter() - began > _MOST_SECONDS:
                raise RuntimeError(f"not done after {_MOST_SECONDS} s: {served.said[-2000:]}")
        seconds = time.perf_counter() - began
        _look_for(watch, _WARM_SECONDS)  # the next spare is made
        return Round(seconds, watch.processor_seconds(), watch.memory_mb)
    finally:
        served.close()


def _look_for(watch: Watch, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch.look()
        time.sleep(0.1)


def _show(name: str, reports: int, idle: Sequence[Round], rounds: Sequence[Round]) -> None:
    nothing = statistics.median(each.processor_seconds for each in idle)
    cost = statistics.median((each.processor_seconds - nothing) / reports for each in rounds)
    seconds = statistics.median(each.seconds / reports for each in rounds)
    memory_mb = statistics.median(each.memory_mb for each in rounds)
    print(
        f"{name}: {seconds:.2f} s a report, {cost:.2f} s of processor time each, {memory_mb:.0f} MiB at most"
        f" (a server that makes none: {nothing:.1f} s)",
        flush=True,
    )


def main() -> None:
    """Print a line a checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=20)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    roots = {"this": ROOT} | ({"beside": options.beside} if options.beside else {})
    roots |= {"Dask": ROOT} if options.dask else {}
    idle: dict[str, list[Round]] = {name: [] for name in roots}
    rounds: dict[str, list[Round]] = {name: [] for name in roots}
    with data.mongod() as (server, folder):
        url = f"{server}/many"
        data.load_six(url, 14)
        process = next(each for each in psutil.process_iter() if str(folder) in " ".join(_command(each)))
        one_round(url, process, ROOT, 1, options.workers)  # makes what is kept by the hour
        for _ in range(options.runs):
            for name, root in roots.items():
                with _cluster(url) if name == "Dask" else nullcontext() as dask:
                    idle[name].append(one_round(url, process, root, 0, options.workers, dask))
                    rounds[name].append(one_round(url, process, root, options.reports, options.workers, dask))
        for name in roots:
            _show(name, options.reports, idle[name], rounds[name])
        if options.dask:
            share = statistics.median(
                own.seconds / by_dask.seconds for own, by_dask in zip(rounds["this"], rounds["Dask"], strict=True)
            )
            print(f"Dask's throughput: {share:.2f} of our own workers'")


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline() if process.name() == "mongod" else []
    return []


if __name__ == "__main__":
    main()
