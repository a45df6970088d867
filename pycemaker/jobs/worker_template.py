"""Worker template, as a server or command sees it: starts the template process, has it fork, and replaces it.

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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from pycemaker.reports.forked_kernel import ForkedKernel
from pycemaker.settings import ROOT, TEMPLATES, module_command, without_secrets

MOST_FORKS = 500
"""Forks of one template process; then it is replaced, since a library may have a leak."""

MOST_MB = 1024
"""The resident memory at which it is replaced, in MiB; fresh it has some 250."""

START_SECONDS = 60.0
FORK_SECONDS = 10.0
"""The longest wait for a fork of a template that has forked before. One that is stopped or stuck is replaced."""

END_SECONDS = 2.0
_LOOK_SECONDS = 0.01
_ANSWER_BYTES = 4096
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

WORKER, KERNEL = b"worker", b"kernel"  # What to fork, in messages to the template process

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
        self._process = _process_of(process_id)

    def poll(self) -> int | None:
        """None while it runs; 0 once it has ended, however it did."""
        return None if _runs(self._process) else 0

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


class TemplateKernel(ForkedKernel):
    """A kernel process that the template forked, without an exit status."""

    def __init__(self, process_id: int, orders: int) -> None:
        super().__init__(process_id, orders)
        self._process = _process_of(process_id)

    def poll(self) -> int | None:
        """None while it runs; 0 once it has ended, however it did."""
        if not _runs(self._process):
            self.returncode = 0
        return self.returncode


class WorkerTemplate:
    """Forks workers and kernels. Threads share it; the template process starts with the first fork.

    Args:
        environment: the variables of the template process; secrets among them are left out.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = without_secrets(environment)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._forks = 0
        self._written_at = 0.0
        self._closed = False

    def fork(self, folder: Path, environment: Mapping[str, str]) -> ForkedWorker:
        """A worker for this folder, with these variables; secrets among them are left out.

        Raises:
            OSError: the template process did not start, did not answer, or could not fork.
        """
        ours, theirs = zip(*(_pipe(writes) for writes in (True, False, False)), strict=True)
        try:
            worker = ForkedWorker(self._fork(WORKER, theirs), ours)
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        order = {"folder": str(folder), "variables": _variables(environment)}
        with contextlib.suppress(OSError):  # it has ended already, as the next write says
            worker.stdin.write(json.dumps(order).encode() + b"\n")
            worker.stdin.flush()
        return worker

    def fork_kernel(self) -> ForkedKernel:
        """A kernel process that waits to be launched. It writes to this process's standard error.

        Raises:
            OSError: as `fork`.
        """
        ours, theirs = _pipe(True)
        try:
            return TemplateKernel(self._fork(KERNEL, (theirs, 2, 2)), ours)
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)

    def _fork(self, kind: bytes, descriptors: Sequence[int]) -> int:
        """The id of a new process of this kind with these descriptors."""
        with self._lock:
            control = self._running()
            try:
                control.settimeout(FORK_SECONDS if self._forks else START_SECONDS)
                process_id = _ask(control, kind, descriptors)
                self._forks += 1
                return process_id
            except BaseException:
                self._end()
                raise

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
        if process.poll() is not None or self._forks >= MOST_FORKS or self._written_at != _written_at(TEMPLATES):
            return False
        with contextlib.suppress(psutil.Error):
            return bool(psutil.Process(process.pid).memory_info().rss < MOST_MB << 20)
        return False

    def _start(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        python, _ = module_command(self._environment)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*python, "pycemaker.jobs.template_entry"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env=_variables(self._environment),
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


@contextlib.contextmanager
def opened_template(environment: Mapping[str, str]) -> Iterator[WorkerTemplate | None]:
    """A template that is closed afterwards; None where this system cannot fork."""
    template = WorkerTemplate(environment) if CAN_FORK else None
    try:
        yield template
    finally:
        if template is not None:
            template.close()


def _ask(control: socket.socket, kind: bytes, descriptors: Sequence[int]) -> int:
    """The id of a process that the template process forks with these descriptors. Raises OSError."""
    socket.send_fds(control, [kind], list(descriptors))
    answer = json.loads(control.recv(_ANSWER_BYTES) or b'{"error": "the template process ended"}')
    if "error" in answer:
        raise OSError(f"no {kind.decode()} could be forked: {answer['error']}")
    return int(answer["process"])


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process that has libraries of the template process."""
    return _ONE_THREAD | module_command(without_secrets(environment))[1]


def _process_of(process_id: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id)
    return None


def _runs(process: psutil.Process | None) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process and process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


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
