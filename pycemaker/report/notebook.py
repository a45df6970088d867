"""Runs a notebook with papermill, in a kernel that stands ready beforehand and serves one run.

The kernel listens on sockets in a folder of its own (ports, on Windows), keeps no history, reads nobody's IPython
start-up files, and does not get the settings it has no use for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pycemaker.report import nbformat_first  # noqa: F401 - before papermill, which imports nbformat whole

# isort: split
import papermill
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from pycemaker.errors import DatabaseUnreachable, NotebookFailed, PycemakerError, every_error
from pycemaker.report import workplace
from pycemaker.report.local_pictures import keep_local_pictures
from pycemaker.report.notebook_client import NotebookClient
from pycemaker.report.notebook_file import read_notebook_file
from pycemaker.settings import ROOT, WITHOUT_SECRETS

ENGINE = "pycemaker"
START_SECONDS = 60
STREAM_LIMIT_CHARACTERS = 1_000_000
"""How much printed text one cell keeps."""

_MAY_RAISE = "raises-exception"
_TAG_NOT_HEEDED = f" (papermill fails in spite of the tag {_MAY_RAISE}: catch the exception in the cell)"

OUTPUT_SECONDS = 60
"""For how long what a cell has shown is still taken once the cell has run."""

_WARM_UP = (
    "import pycemaker.show, pycemaker.period_reader, pycemaker.report.charts;"
    " pycemaker.language.speak(pycemaker.settings.load().report_language);"
    " pycemaker.figures.warm();"
    " pycemaker.figures.sheet.use_fonts(); pycemaker.report.charts.show_specifications(get_ipython()); del pycemaker;"
    " get_ipython().ask_exit = __import__('sys').exit"
)
"""What a kernel runs before its first cell. `quit()` and `exit` there end the notebook as `sys.exit()` does, not the
kernel: that looked as if it had died, in the cell after."""


_LAUNCH = """
import sys
if sys.path[0] == '': del sys.path[0]
from pycemaker.report.workplace import bound_files
bound_files()
import zmq
from ipykernel.kernelapp import IPKernelApp
class App(IPKernelApp):
    def init_iopub(self, context):
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)
App.launch_instance()
"""
"""Starts a kernel that drops nothing of what its cells show, however fast they do: ZeroMQ keeps 1,000 messages else."""


class _Manager(AsyncKernelManager):
    """A kernel of this very interpreter, whatever kernels the machine has by that name.

    It is the asynchronous manager, since nbclient notices the death of a kernel only while its loop is free, and the
    clients of the other one block that.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        launcher = [sys.executable, "-c", _LAUNCH, "-f", "{connection_file}"]
        return KernelSpec(argv=[*launcher, "--HistoryManager.enabled=False"], language="python", display_name="Python")

    def client(self, **keywords: Any) -> Any:
        """A client that drops nothing of what the kernel shows."""
        made = super().client(**keywords)
        made.context.setsockopt(zmq.RCVHWM, 0)
        return made


class ReadyKernel:
    """A kernel with the libraries imported and one figure drawn.

    Args:
        folder: empty, and this kernel's own: its connection file, its sockets, its IPython directory.
        working_directory: what its cells find where they run.
        on_start: told the kernel's process as soon as there is one.

    Attributes:
        cwd: where its cells run and write: a folder of its own.
    """

    def __init__(
        self, folder: Path, working_directory: Path, on_start: Callable[[int], None] = lambda _process_id: None
    ) -> None:
        self.manager = _Manager(connection_file=str(folder / "kernel.json"))
        if sys.platform != "win32":
            self.manager.transport, self.manager.ip = "ipc", str(folder / "kernel")
        self._beside = working_directory
        self.cwd = workplace.make(folder, working_directory)
        _finish(self.manager.start_kernel(cwd=str(self.cwd), env=_kernel_environment(folder)))
        on_start(getattr(self.manager.provisioner, "pid", 0))
        self._warm_up()

    def lay_out(self) -> None:
        """Put what cells read beside their notebook into their folder, as it is now and not when this started."""
        workplace.fill(self.cwd, self._beside)

    def kill(self) -> None:
        """End it at once. Twice is once."""
        if self.manager.has_kernel:
            _finish(self.manager.shutdown_kernel(now=True))

    def _warm_up(self) -> None:
        # With a parent it asks whether the process lives; without one it counts heartbeats, and a busy machine's missed
        # one passes for a death.
        client = BlockingKernelClient(parent=self.manager)
        client.load_connection_info(self.manager.get_connection_info())
        client.start_channels()
        try:
            client.wait_for_ready(timeout=START_SECONDS)
            client.execute_interactive(
                _WARM_UP, silent=True, store_history=False, timeout=START_SECONDS, output_hook=lambda _message: None
            )
        finally:
            client.stop_channels()


def _finish(awaited: Awaitable[None]) -> None:
    async def wait() -> None:
        await awaited

    asyncio.run(wait())


def _kernel_environment(folder: Path) -> dict[str, str]:
    search_path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own_commands = [str(Path(sys.executable).parent), *filter(None, [os.environ.get("PATH")])]
    return {
        **os.environ,
        **WITHOUT_SECRETS,
        "IPYTHONDIR": str(folder / "ipython"),
        "PATH": os.pathsep.join(own_commands),  # `!python` and `!pip` are this interpreter's, as `%pip` is
        "TMPDIR": str(workplace.temporary(folder)),
        "PYTHONPATH": os.pathsep.join(search_path),
    }


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine, with the client above."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **keywords: Any) -> Any:
        wanted = {name: keywords[name] for name in ("km", "watch")}
        watch: _Watch = keywords["watch"]
        watch.look_at(nb_man.nb.cells)
        client = NotebookClient(
            nb_man,
            kernel_name=kernel_name,
            iopub_timeout=OUTPUT_SECONDS,
            on_cell_start=watch.started,
            on_cell_executed=watch.executed,
            **wanted,
        )
        try:
            return client.execute()
        finally:
            if client.kc is not None:  # nbclient leaves open what talks to a kernel that it did not start
                client.kc.stop_channels()
                client.kc = None


papermill_engines.register(ENGINE, _Engine)


class _Watch:
    """Which cell runs, how much it printed, and what takes secrets out of it."""

    def __init__(self, on_cell: Callable[[int, int], None], mask: Callable[[str], str]) -> None:
        self.cell = 0
        self.mask = mask
        self._on_cell = on_cell
        self._total = 0
        self._injected = sys.maxsize
        self._may_raise: set[int] = set()
        self._printed: dict[int, int] = {}

    def look_at(self, cells: list[Any]) -> None:
        tagged = [place for place, cell in enumerate(cells) if "injected-parameters" in cell.metadata.get("tags", [])]
        self._injected = tagged[0] if tagged else sys.maxsize
        self._may_raise = {place for place, cell in enumerate(cells) if _MAY_RAISE in cell.metadata.get("tags", [])}
        self._total = len(cells) - len(tagged)

    def number(self, cell_index: int) -> int:
        """The cell as whoever edits the notebook counts it: from 1, without the one that papermill put in."""
        return cell_index + 1 - (cell_index >= self._injected)

    def may_raise(self, cell_index: int) -> bool:
        """Whether its author tagged the cell as one that may fail, which Jupyter heeds and papermill does not."""
        return cell_index in self._may_raise

    def started(self, cell: Any, cell_index: int) -> None:  # noqa: ARG002 - as nbclient calls it
        self.cell = self.number(cell_index)

    def executed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ARG002 - as nbclient calls it
        self._on_cell(self.number(cell_index), self._total)

    def bound(self, content: dict[str, str], cell_index: int) -> None:
        before = self._printed.get(cell_index, 0)
        self._printed[cell_index] = before + len(content["text"])
        if self._printed[cell_index] > STREAM_LIMIT_CHARACTERS:
            kept = content["text"][: max(0, STREAM_LIMIT_CHARACTERS - before)]
            content["text"] = kept + ("\n[...]\n" if before <= STREAM_LIMIT_CHARACTERS else "")


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, Any],
    executed: Path,
    on_cell: Callable[[int, int], None],
    *,
    kernel: ReadyKernel,
    mask: Callable[[str], str] = str,
) -> None:
    """Execute `notebook` with `parameters` in `kernel`; `executed` is saved cell by cell.

    Args:
        notebook: the file to run; it is not changed. Whatever `notebook_file` reads.
        parameters: plain scalars that override its parameters cell.
        executed: where the notebook with its outputs goes.
        on_cell: told after each cell how many have run, and out of how many.
        kernel: ready, and not used before; it is not stopped here.
        mask: takes secrets out of what cells show and of why they failed, before it is kept or told.

    Raises:
        NotebookUnusable: the file is no notebook.
        NotebookFailed: a cell raised or showed too much, or the kernel died; `executed` holds what ran so far.
        DatabaseUnreachable: a cell could not read the database.
    """
    watch = _Watch(on_cell, mask)
    executed.write_text(json.dumps(read_notebook_file(notebook)), encoding="utf-8")
    kernel.lay_out()
    try:
        papermill.execute_notebook(
            str(executed),
            str(executed),
            parameters=dict(parameters),
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            km=kernel.manager,
            watch=watch,
        )
        keep_local_pictures(executed, kernel.cwd, notebook.parent)
    except PapermillExecutionError as error:
        raise _told_by_cell(error, watch, mask) from None
    except DeadKernelError as error:
        raise NotebookFailed(cell=watch.cell, exception=type(error).__name__, reason="the kernel died") from None
    except CellTimeoutError as error:  # cells have no time of their own: what they showed has, once they have run
        reason = f"the cell showed more than could be taken within {OUTPUT_SECONDS} s"
        raise NotebookFailed(cell=watch.cell, exception=type(error).__name__, reason=reason) from None
    except Exception as error:
        raise NotebookFailed(
            cell=watch.cell, exception=type(error).__name__, reason=_one_line(mask(str(error)))
        ) from error


def _told_by_cell(error: PapermillExecutionError, watch: _Watch, mask: Callable[[str], str]) -> PycemakerError:
    kind = every_error().get(error.ename)
    if kind is not None and issubclass(kind, DatabaseUnreachable):
        return DatabaseUnreachable(reason=_one_line(mask(error.evalue)))
    reason = _one_line(mask(f"{error.ename}: {error.evalue}"))
    if watch.may_raise(error.cell_index):
        reason += _TAG_NOT_HEEDED
    return NotebookFailed(cell=watch.number(error.cell_index), exception=error.ename, reason=reason)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
