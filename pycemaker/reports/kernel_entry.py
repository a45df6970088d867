"""Kernel process: starts ipykernel so that no output is dropped, however fast its cells print."""

import os
from collections.abc import Sequence

import zmq
from ipykernel.kernelapp import IPKernelApp

from pycemaker.reports.run_folder import bound_files


class KernelApp(IPKernelApp):
    """ipykernel without its limit of messages that wait to be sent: ZeroMQ's default keeps 1,000."""

    def init_iopub(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Lift the limit of the socket for outputs before it is made."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]


def main(arguments: Sequence[str]) -> None:
    """Serve as a kernel until it is shut down; the arguments are those of ipykernel."""
    bound_files()
    parent = int(os.environ.get("JPY_PARENT_PID") or 0)  # ipykernel reads it when it is imported, which a fork did not
    KernelApp.launch_instance(argv=list(arguments), parent_handle=parent)
