"""Template process: forks worker processes, which so have their libraries. `python -m pycemaker.jobs.template_entry`.

A worker and its kernel would take seconds of processor time to import theirs. This process imports them once and draws
figures; it has one thread and neither an event loop nor a ZeroMQ context, which a fork would break, and no secrets.

Its standard input is a Unix socket. A message is the folder of a worker, with the descriptors of its standard input,
output and error; the answer is the worker's process id. When the socket closes the server has gone, and it ends.
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
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from pycemaker.jobs import process_tree
from pycemaker.reports.execute import MATPLOTLIB_BACKEND
from pycemaker.reports.forked_kernel import ForkedKernel, run_and_exit

MESSAGE_BYTES = 4096  # The longest message: a folder's name
_STREAMS = 3


class Template:
    """The workers forked so far that live."""

    def __init__(self) -> None:
        self._workers: set[int] = set()

    def serve(self, control: socket.socket) -> None:
        """Fork a worker for each message, until the other side closes."""
        signal.signal(signal.SIGCHLD, self._reap)
        while True:
            message, descriptors, _flags, _address = socket.recv_fds(control, MESSAGE_BYTES, _STREAMS)
            if not message:
                return
            control.sendall(json.dumps(self._fork(control, Path(message.decode()), descriptors)).encode())
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, control: socket.socket, folder: Path, descriptors: list[int]) -> dict[str, Any]:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # `_reap` ends children that it does not know
        try:
            process_id = os.fork()
            if process_id == 0:
                control.detach()
                run_and_exit(partial(_serve, folder, descriptors))
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


def _serve(folder: Path, descriptors: list[int]) -> None:
    """Be the worker of this folder."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.setsid()
    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ[process_tree.MARK] = folder.name
    from pycemaker.jobs import worker_entry

    worker_entry.main(folder, ForkedKernel(process_tree.allow_reading))


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
