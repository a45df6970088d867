"""Worker template, as the server sees it: starts the template process, has it fork workers, and replaces it.

A fork takes milliseconds and shares the libraries' memory; a new process takes two seconds of processor time, and its
kernel as long again. Not on Windows, which has no fork.
"""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from pycemaker.settings import ROOT, TEMPLATES, module_command, without_secrets

FORKS = 500
"""Workers of one template process; then it is replaced, since a library may have a leak."""

MOST_MB = 1024
"""The resident memory at which it is replaced, in MiB; fresh it has some 250."""

START_SECONDS = 60.0
FORK_SECONDS = 10.0
"""The longest wait for a fork of a template that has forked before. One that is stopped or stuck is replaced."""

END_SECONDS = 2.0
_LOOK_SECONDS = 0.01
_ANSWER_BYTES = 4096

CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")


class ForkedWorker:
    """A worker process that the template forked; in use like a `Popen`, without an exit status.

    Args:
        process_id: of the worker.
        pipes: its standard input, output and error, from this side.
    """

    def __init__(self, process_id: int, pipes: tuple[int, int, int]) -> None:
        self.pid = process_id
        self.stdin = os.fdopen(pipes[0], "wb")
        self.stdout = os.fdopen(pipes[1], "rb")
        self.stderr = os.fdopen(pipes[2], "rb")
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process = psutil.Process(process_id)

    def poll(self) -> int | None:
        """None while it runs; 0 once it has ended, however it did."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = self._process
            if process and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return None
        return 0

    def wait(self, timeout: float | None = None) -> int:
        """0 once it has ended. Raises subprocess.TimeoutExpired where it has not in time."""
        until = time.monotonic() + (float("inf") if timeout is None else timeout)
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("a forked worker", timeout or 0.0)
            time.sleep(_LOOK_SECONDS)
        return 0

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._process:
                self._process.kill()


class WorkerTemplate:
    """Forks workers. Threads share it; the template process starts with the first fork.

    Args:
        environment: the variables of the workers; secrets among them are left out.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = without_secrets(environment)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._forks = 0
        self._written_at = 0.0
        self._closed = False

    def fork(self, folder: Path) -> ForkedWorker:
        """A worker for this folder.

        Raises:
            OSError: the template process did not start, did not answer, or could not fork.
        """
        with self._lock:
            control = self._running()
            ours, theirs = zip(*(_pipe(writes) for writes in (True, False, False)), strict=True)
            try:
                control.settimeout(FORK_SECONDS if self._forks else START_SECONDS)
                process_id = _ask(control, folder, theirs)
                self._forks += 1
                return ForkedWorker(process_id, ours)
            except BaseException:
                self._end()
                _close(ours)
                raise
            finally:
                _close(theirs)

    def close(self) -> None:
        """End the template process, for good; its workers end with their own input."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()  # a thread that waits for a fork goes on, and lets go of the lock
        with self._lock:
            self._end()

    def _running(self) -> socket.socket:
        """The socket of a template process that is fit for another fork."""
        if self._closed:
            raise OSError("the report service closes")
        if self._control is None or self._process is None or not self._is_fit(self._process):
            self._end()
            self._control, self._process = self._start()
            self._forks, self._written_at = 0, _written_at(TEMPLATES)
        return self._control

    def _is_fit(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None or self._forks >= FORKS or self._written_at != _written_at(TEMPLATES):
            return False
        with contextlib.suppress(psutil.Error):
            return bool(psutil.Process(process.pid).memory_info().rss < MOST_MB << 20)
        return False

    def _start(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        python, variables = module_command(self._environment)
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*python, "pycemaker.jobs.template_entry"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env={**one_thread, **variables},
                start_new_session=True,
            )
        return ours, process

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


def _ask(control: socket.socket, folder: Path, descriptors: Sequence[int]) -> int:
    """The id of a worker that the template process forks with these descriptors. Raises OSError."""
    socket.send_fds(control, [str(folder).encode()], list(descriptors))
    answer = json.loads(control.recv(_ANSWER_BYTES) or b'{"error": "the template process ended"}')
    if "error" in answer:
        raise OSError(f"no worker could be forked: {answer['error']}")
    return int(answer["process"])


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _pipe(writes: bool) -> tuple[int, int]:
    """This side's end of a new pipe, and the worker's."""
    reader, writer = os.pipe()
    return (writer, reader) if writes else (reader, writer)


def _written_at(folder: Path) -> float:
    """The last change of a file in the folder: the template process has compiled these, and read the brand."""
    with contextlib.suppress(OSError):
        return max(entry.stat().st_mtime for entry in folder.iterdir())
    return 0.0
