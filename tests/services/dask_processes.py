"""A Dask scheduler and its workers as an operator starts them: processes on loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.services.process import ROOT, free_port

PRELOAD = "pycemaker.jobs.dask_worker"
SHORT_LEASE = "tests.services.dask_preload"
_START_SECONDS = 60


@dataclass
class DaskWorker:
    """A `dask worker`: its nanny, which is the process that was started, and the port of the worker itself."""

    nanny: subprocess.Popen[bytes]
    port: int

    @property
    def owner(self) -> str:
        """The name under which it has reports."""
        return f"dask-127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill -9 the worker itself, for which its nanny then starts another."""
        for process in psutil.Process(self.nanny.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(each.laddr.port == self.port for each in process.net_connections() if each.status == "LISTEN"):
                    process.kill()
                    return
        raise AssertionError("it is not there")


class DaskProcesses:
    """`dask scheduler` and `dask worker`, ended with all that they started by `close`.

    Args:
        environment: the variables of each.
        protocol: `tcp`, or `tls` where the variables have certificates.
    """

    def __init__(self, environment: Mapping[str, str], protocol: str = "tcp") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pm-dask-"))
        self.environment = {**environment, "DASK_TEMPORARY_DIRECTORY": str(self.folder)}
        self.port, self._protocol = free_port(), protocol
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[DaskWorker] = []

    @property
    def address(self) -> str:
        return f"{self._protocol}://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start the scheduler, on the port of the one before it, and wait until it listens."""
        words = ["--host", "127.0.0.1", "--port", str(self.port), "--dashboard-address", "127.0.0.1:0"]
        words += ["--protocol", self._protocol]
        self.scheduler = self._start("scheduler", words, {})
        wait_for(self._listens)

    def kill_scheduler(self) -> None:
        """Kill -9 the scheduler; its workers end by themselves."""
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def start_worker(self, slots: int = 1, preload: str = SHORT_LEASE, **given: str) -> DaskWorker:
        """Start a worker, without waiting for it."""
        port = free_port()
        words = [self.address, "--nthreads", str(slots), "--host", "127.0.0.1", "--worker-port", str(port)]
        words += ["--no-dashboard", *(["--preload", preload] if preload else [])]
        worker = DaskWorker(self._start("worker", words, given), port)
        self.workers.append(worker)
        return worker

    def stop_worker(self, worker: DaskWorker) -> None:
        """End a worker as an operator does."""
        self.workers.remove(worker)
        worker.nanny.terminate()
        worker.nanny.wait(30)

    def said(self) -> str:
        return (self.folder / "dask.log").read_text()

    def close(self) -> None:
        """Kill what is there, nannies first, and take the folder away; of a test that failed the log is shown."""
        if sys.exc_info()[1] is not None:
            print(self.said()[-10_000:], file=sys.stderr)
        for started in [*(worker.nanny for worker in self.workers), *filter(None, [self.scheduler])]:
            kill_tree(started)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, what: str, words: list[str], given: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *words],
                cwd=ROOT,
                env={**self.environment, **given},
                stdout=log,
                stderr=log,
            )

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False


def kill_tree(started: subprocess.Popen[bytes]) -> None:
    """Kill -9 a process and all below it; nothing where it has ended."""
    with contextlib.suppress(psutil.Error):
        own = psutil.Process(started.pid)
        for process in [own, *own.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                process.kill()
    started.wait()


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until it is so; an AssertionError where it takes long."""
    until = time.monotonic() + _START_SECONDS
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError("it did not come about")
        time.sleep(0.05)
