"""Template process: forks workers and kernels, libraries and all. `python -m pycemaker.jobs.template_entry`.

A worker and its kernel would take seconds of processor time to import theirs. This process imports them once and draws
figures; it has one thread and neither an event loop nor a ZeroMQ context, which a fork would break, and no secrets.

Its standard input is a Unix socket. A message is WORKER or KERNEL, with the descriptors of that process's standard
input, output and error; the answer is its process id. A worker's first line of input is its folder and variables, a
kernel's input is its launch order. When the socket closes the server has gone, and it ends.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from pycemaker.jobs import process_tree
from pycemaker.jobs.worker_template import WORKER
from pycemaker.reports.execute import MATPLOTLIB_BACKEND
from pycemaker.reports.forked_kernel import ForkedKernel, become_kernel, run_and_exit

_MESSAGE_BYTES = 16
_STREAMS = 3


class Template:
    """The workers and kernels forked so far that live."""

    def __init__(self) -> None:
        self._workers: set[int] = set()

    def serve(self, control: socket.socket) -> None:
        """Fork a process for each message, until the other side closes."""
        signal.signal(signal.SIGCHLD, self._reap)
        while True:
            message, descriptors, _flags, _address = socket.recv_fds(control, _MESSAGE_BYTES, _STREAMS)
            if not message:
                return
            become = _become_worker if message == WORKER else _become_kernel
            control.sendall(json.dumps(self._fork(control, partial(become, descriptors))).encode())
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, control: socket.socket, become: Callable[[], None]) -> dict[str, Any]:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # `_reap` ends children that it does not know
        try:
            process_id = os.fork()
            if process_id == 0:
                control.detach()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
                run_and_exit(become)
            self._workers.add(process_id)
            return {"process": process_id}
        except OSError as error:
            return {"error": error.strerror or type(error).__name__}
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _reap(self, *_: Any) -> None:
        """Take the exit status of workers that ended, and end what they have left to this process."""
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitpid(-1, os.WNOHANG)[0]:
                self._workers.discard(ended)
        for orphan in psutil.Process().children():
            if orphan.pid not in self._workers:
                with contextlib.suppress(psutil.Error):
                    orphan.kill()


def _become_worker(descriptors: list[int]) -> None:
    os.setsid()
    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    order = json.loads(sys.stdin.readline() or "null")
    if order is None:  # the server has gone
        return
    os.environ.clear()
    os.environ.update(order["variables"] | {process_tree.MARK: Path(order["folder"]).name})
    from pycemaker.jobs import worker_entry

    worker_entry.main(Path(order["folder"]), ForkedKernel.fork(process_tree.allow_reading))


def _become_kernel(descriptors: list[int]) -> None:
    orders, *output = descriptors
    for stream, descriptor in enumerate(output, start=1):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    become_kernel(orders, process_tree.allow_reading)


def _import_all() -> None:
    """Import what workers and kernels need, and draw and render once."""
    import pycemaker.jobs.worker_entry
    import pycemaker.presentation.notebook_functions
    import pycemaker.reports.chart_exporters
    import pycemaker.reports.kernel_entry
    import pycemaker.reports.read_period  # noqa: F401
    from pycemaker.presentation import figures
    from pycemaker.reports import render

    render.warm()
    figures.warm()


def main() -> None:
    """Import, then fork until the server has gone."""
    process_tree.forbid_reading()  # who reads it can also take its socket, and with that what workers are given
    process_tree.adopt_orphans()
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # jemalloc's, fork-safe
    os.environ.setdefault("MPLBACKEND", MATPLOTLIB_BACKEND)
    _import_all()
    if threading.active_count() > 1:
        sys.exit(f"a library started a thread, with which nothing can be forked: {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # a collection would write to every object, and so copy its page
    with contextlib.suppress(ConnectionError):  # the server stopped while it was answered
        Template().serve(socket.socket(fileno=0))


if __name__ == "__main__":
    main()
