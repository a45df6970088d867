"""Forked kernel: a kernel process that is forked, by a worker process from itself or by the template process.

It waits for its launch order, which comes once the connection file is written. A worker forks it before it has threads,
secrets or an event loop, none of which are so in the kernel. Not on Windows.
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

_LOOK_SECONDS = 0.01


class ForkedKernel:
    """A process that becomes a kernel. jupyter_client uses it as it uses a `Popen`.

    Args:
        process_id: of the process, which waits in `become_kernel`.
        orders: this side's end of the pipe on which it waits.

    Attributes:
        pid: its process id.
        returncode: None until it has ended; a signal is negative.
    """

    stdin = stdout = stderr = None

    def __init__(self, process_id: int, orders: int) -> None:
        self.pid = process_id
        self.returncode: int | None = None
        self._orders = orders

    @classmethod
    def fork(cls, on_fork: Callable[[], None] = lambda: None) -> "ForkedKernel":
        """A child of this process; `on_fork` is called in it first."""
        orders, ours = os.pipe()
        process_id = os.fork()
        if process_id == 0:
            os.close(ours)
            run_and_exit(partial(become_kernel, orders, on_fork))
        os.close(orders)
        return cls(process_id, ours)

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


def become_kernel(orders: int, on_fork: Callable[[], None]) -> None:
    """Wait for the launch order on this pipe, then be the kernel. It is not launched where the other side closes."""
    on_fork()
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # standard output is a worker's line to its server
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
