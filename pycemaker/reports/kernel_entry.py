"""Kernel process: starts ipykernel so that no output is dropped, however fast its cells print."""

import os
import sys
from collections.abc import Sequence

import zmq
from ipykernel.kernelapp import IPKernelApp

from pycemaker.reports.run_folder import bound_files


class KernelApp(IPKernelApp):
    """ipykernel without its limit of messages that wait to be sent: ZeroMQ's default keeps 1,000.

    Cells import what is beside their notebook, also in a fork of a process that was started with `-P`.
    """

    def init_path(self) -> None:
        """Put the current folder before the installed packages, and after Python's own."""
        if "" not in sys.path:
            installed = [at for at, path in enumerate(sys.path) if path.endswith("-packages")]
            sys.path.insert(installed[0] if installed else 0, "")

    def init_iopub(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Lift the limit of the socket for outputs before it is made."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]


def main(arguments: Sequence[str]) -> None:
    """Serve as a kernel until it is shut down; the arguments are those of ipykernel."""
    bound_files()
    parent = int(os.environ.get("JPY_PARENT_PID") or 0)  # ipykernel reads it when it is imported, which a fork did not
    KernelApp.launch_instance(argv=list(arguments), parent_handle=parent)
