"""Forked kernel: a kernel process that a worker process forks from itself before it has threads.

It waits for its launch order, which the worker gives once it has written the connection file. The fork comes first, so
that neither the worker's secrets nor its event loop are in the kernel. Not on Windows.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

_LOOK_SECONDS = 0.01


class ForkedKernel:
    """A child process that becomes a kernel. jupyter_client uses it as it uses a `Popen`.

    Args:
        on_fork: called in it first.

    Attributes:
        pid: its process id.
        returncode: None until it has ended; a signal is negative.
    """

    stdin = stdout = stderr = None

    def __init__(self, on_fork: Callable[[], None] = lambda: None) -> None:
        orders, self._orders = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._orders)
            run_and_exit(partial(_serve, orders, on_fork))
        os.close(orders)

    def launch(self, arguments: Sequence[str], folder: str, variables: dict[str, str]) -> None:
        """Let it begin, in this folder and with these variables alone."""
        order = {"arguments": list(arguments), "folder": folder, "variables": variables}
        with os.fdopen(self._orders, "w") as pipe:
            json.dump(order, pipe)

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                if ended:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        while self.poll() is None:
            time.sleep(_LOOK_SECONDS)
        return self.returncode or 0

    def send_signal(self, number: int) -> None:
        """Send it a signal, where it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class ForkedKernelProvisioner(LocalProvisioner):
    """jupyter_client's way to a kernel, for one that is forked already.

    Args:
        forked: the kernel; it has not begun.
    """

    def __init__(self, forked: ForkedKernel, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._forked = forked

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Let the kernel begin with the arguments that the command ends in, from `-f` on."""
        self._forked.launch(cmd[cmd.index("-f") :], str(kwargs["cwd"]), kwargs["env"])
        self.process = self._forked  # type: ignore[assignment]
        self.pid = self.pgid = self._forked.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def run_and_exit(work: Callable[[], None]) -> NoReturn:
    """Do the work of a forked process, then end it: the code of the process that forked it does not go on in here."""
    status = 1
    try:
        work()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - see above
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


def _serve(orders: int, on_fork: Callable[[], None]) -> None:
    """Wait for the order, then be the kernel."""
    on_fork()
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # standard output is the worker's line to its server
    with os.fdopen(orders) as pipe:
        text = pipe.read()
    if text:
        _begin(json.loads(text))


def _begin(order: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["variables"] | {"JPY_PARENT_PID": str(os.getppid())})
    os.chdir(Path(order["folder"]))
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()  # else every kernel would draw the same numbers
    from pycemaker.reports import kernel_entry

    sys.argv = ["ipykernel", *order["arguments"]]
    kernel_entry.main(order["arguments"])
