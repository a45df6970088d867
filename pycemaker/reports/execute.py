"""Runs a notebook with papermill, in a kernel that is warm before and serves one run.

The kernel listens on sockets in a folder of its own (ports, on Windows), keeps no history, reads no user's IPython
start-up files, and gets no secret settings.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pycemaker.reports import fast_nbformat  # noqa: F401 - before papermill, which imports nbformat whole

# isort: split
import papermill
import zmq
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from pycemaker.errors import DatabaseUnreachable, NotebookFailed, PycemakerError, every_error
from pycemaker.reports import run_folder
from pycemaker.reports.forked_kernel import ForkedKernel
from pycemaker.reports.kernel_client import NotebookClient
from pycemaker.reports.local_pictures import keep_local_pictures
from pycemaker.reports.notebook_file import read_notebook_file
from pycemaker.settings import PACKAGE, ROOT, ROOT_VARIABLE, WITHOUT_SECRETS

ENGINE = "pycemaker"
MATPLOTLIB_BACKEND = "module://matplotlib_inline.backend_inline"
"""MPLBACKEND of kernels: ipykernel sets it too late for a process that has imported matplotlib before."""

START_SECONDS = 60
STREAM_LIMIT_CHARACTERS = 1_000_000
"""The most printed text that is kept of one cell."""

_MAY_RAISE = "raises-exception"
_TAG_NOT_HEEDED = f" (papermill fails in spite of the tag {_MAY_RAISE}: catch the exception in the cell)"

OUTPUT_SECONDS = 60
"""The time for which outputs of a cell are still taken after it has run."""

_SET_UP = (
    "import pycemaker.presentation.notebook_functions, pycemaker.reports.read_period;"
    " import pycemaker.reports.chart_exporters;"
    " pycemaker.i18n.language.speak(pycemaker.settings.load().report_language);"
    "{} pycemaker.presentation.figures.canvas.use_fonts();"
    " pycemaker.reports.chart_exporters.show_specifications(get_ipython()); del pycemaker;"
    " get_ipython().ask_exit = __import__('sys').exit"
)
"""Code that a kernel runs before its first cell. `quit()` and `exit` there end the notebook, as `sys.exit()` does,
and not the kernel, which would look like a crash in the next cell."""

_DRAW = " pycemaker.presentation.figures.warm();"
"""Code that it runs besides where no template has done so."""


_LAUNCH = """
import sys
if sys.path[0] == '': del sys.path[0]
from pycemaker.reports.kernel_entry import main
main(sys.argv[1:])
"""


class _Manager(AsyncKernelManager):
    """Starts a kernel of this very interpreter, whatever kernels the machine has by that name.

    It is the asynchronous manager: nbclient notices a kernel's death only while its loop is free, and the blocking
    manager's clients block that loop.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        launcher = [sys.executable, "-c", _LAUNCH, "-f", "{connection_file}"]
        return KernelSpec(argv=[*launcher, "--HistoryManager.enabled=False"], language="python", display_name="Python")

    def client(self, **keywords: Any) -> Any:
        """A client that drops no output of the kernel."""
        client = super().client(**keywords)
        client.context.setsockopt(zmq.RCVHWM, 0)
        return client


class _ForkedKernelProvisioner(LocalProvisioner):
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


class ReadyKernel:
    """A kernel with the libraries imported and one figure drawn, and its client, which listens already.

    A client that nbclient makes waits 0.2 s for outputs of nobody before the first cell.

    Args:
        folder: empty, for this kernel alone: its connection file, its sockets, its IPython directory.
        working_directory: the folder of the notebooks, whose files its cells find where they run.
        on_start: called with the kernel's process id as soon as it is started.
        forked: becomes the kernel; None starts a new interpreter.

    Attributes:
        client: its client, for the thread that made it.
        cwd: the folder in which its cells run and write.
    """

    def __init__(
        self,
        folder: Path,
        working_directory: Path,
        on_start: Callable[[int], None] = lambda _process_id: None,
        forked: ForkedKernel | None = None,
    ) -> None:
        self.manager = _Manager(connection_file=str(folder / "kernel.json"))
        if forked is not None:
            self.manager.provisioner = _ForkedKernelProvisioner(
                forked, kernel_id=folder.name, kernel_spec=self.manager.kernel_spec, parent=self.manager
            )
        if sys.platform != "win32":
            self.manager.transport, self.manager.ip = "ipc", str(folder / "kernel")
        self._notebooks = working_directory
        self.cwd = run_folder.make(folder, working_directory)
        _finish(self.manager.start_kernel(cwd=str(self.cwd), env=_kernel_environment(folder)))
        on_start(getattr(self.manager.provisioner, "pid", 0))
        self.client = self.manager.client()
        self.client.start_channels(stdin=False, hb=False)
        try:
            _finish(self._set_up(_SET_UP.format(_DRAW if forked is None else "")))
        except BaseException:
            self.client.stop_channels()
            raise

    def copy_files(self) -> None:
        """Copy the files beside the notebooks into the cells' folder, as they are now and not when this started."""
        run_folder.fill(self.cwd, self._notebooks)

    def kill(self) -> None:
        """End it at once. A second call does nothing."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            _finish(self._kill())

    async def _kill(self) -> None:
        if (provisioner := self.manager.provisioner) is not None:
            await provisioner.kill()  # first: the shutdown interrupts the kernel, which would write a line about that
        await self.manager.shutdown_kernel(now=True)

    async def _set_up(self, code: str) -> None:
        await self.client.wait_for_ready(timeout=START_SECONDS)
        await self.client.execute_interactive(
            code, silent=True, store_history=False, timeout=START_SECONDS, output_hook=lambda _message: None
        )


def _finish(awaited: Awaitable[None]) -> None:
    """Wait in this thread's event loop, which nbclient also uses: the client's sockets belong to one loop."""

    async def wait() -> None:
        await awaited

    run_sync(wait)()


def _kernel_environment(folder: Path) -> dict[str, str]:
    search_path = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    own_commands = [str(Path(sys.executable).parent), *filter(None, [os.environ.get("PATH")])]
    return {
        **os.environ,
        **WITHOUT_SECRETS,
        ROOT_VARIABLE: str(ROOT),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": os.environ.get("MPLBACKEND", MATPLOTLIB_BACKEND),
        "PATH": os.pathsep.join(own_commands),  # `!python` and `!pip` are this interpreter's, as `%pip` is
        "TMPDIR": str(temporary),
        "PYTHONPATH": os.pathsep.join(search_path),
    }


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine, with the client above."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **keywords: Any) -> Any:
        kernel: ReadyKernel = keywords["kernel"]
        watch: _Watch = keywords["watch"]
        watch.begin(nb_man)
        client = NotebookClient(
            nb_man,
            kernel_name=kernel_name,
            iopub_timeout=OUTPUT_SECONDS,
            on_cell_start=watch.started,
            on_cell_complete=watch.sent,  # nbclient calls it once the kernel has the cell
            on_cell_executed=watch.executed,
            km=kernel.manager,
            watch=watch,
        )
        client.kc = kernel.client
        try:
            return client.execute()
        finally:
            watch.save_again()


papermill_engines.register(ENGINE, _Engine)


class _Watch:
    """Knows the running cell, limits and masks what it prints, and saves the notebook while the kernel works.

    papermill saves it at the end of a cell and at the start of the next one; the kernel would wait for both.
    """

    def __init__(self, on_cell: Callable[[int, int], None], mask: Callable[[str], str]) -> None:
        self.cell = 0
        self.mask = mask
        self._on_cell = on_cell
        self._notebook: Any = None
        self._total = 0
        self._injected = sys.maxsize
        self._may_raise: set[int] = set()
        self._printed: dict[int, int] = {}

    def begin(self, notebook: Any) -> None:
        self._notebook, cells = notebook, notebook.nb.cells
        notebook.save = _save_later
        tagged = [index for index, cell in enumerate(cells) if "injected-parameters" in cell.metadata.get("tags", [])]
        self._injected = tagged[0] if tagged else sys.maxsize
        self._may_raise = {index for index, cell in enumerate(cells) if _MAY_RAISE in cell.metadata.get("tags", [])}
        self._total = len(cells) - len(tagged)

    def number(self, cell_index: int) -> int:
        """The cell's number in the notebook as its author sees it: from 1, without the cell that papermill added."""
        return cell_index + 1 - (cell_index >= self._injected)

    def may_raise(self, cell_index: int) -> bool:
        """True where its author tagged the cell as one that may fail, which Jupyter heeds and papermill does not."""
        return cell_index in self._may_raise

    def started(self, cell: Any, cell_index: int) -> None:  # noqa: ARG002 - as nbclient calls it
        self.cell = self.number(cell_index)

    def sent(self, **_: Any) -> None:
        self.save_again()
        self._notebook.save()

    def save_again(self) -> None:
        """Let papermill save."""
        vars(self._notebook).pop("save", None)

    def executed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ARG002 - as nbclient calls it
        self._notebook.save = _save_later
        self._on_cell(self.number(cell_index), self._total)

    def limit(self, content: dict[str, str], cell_index: int) -> None:
        before = self._printed.get(cell_index, 0)
        self._printed[cell_index] = before + len(content["text"])
        if self._printed[cell_index] > STREAM_LIMIT_CHARACTERS:
            kept = content["text"][: max(0, STREAM_LIMIT_CHARACTERS - before)]
            content["text"] = kept + ("\n[...]\n" if before <= STREAM_LIMIT_CHARACTERS else "")


def _save_later() -> None:
    """In place of papermill's save."""


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
        on_cell: called after each cell with the number of cells that have run, and of all.
        kernel: warm and unused; it is not stopped here.
        mask: removes secrets from outputs and error messages before they are stored or reported.

    Raises:
        NotebookUnusable: the file is no notebook.
        NotebookFailed: a cell raised or printed too fast, or the kernel died; `executed` holds what ran so far.
        DatabaseUnreachable: a cell could not read the database.
    """
    watch = _Watch(on_cell, mask)
    executed.write_text(json.dumps(read_notebook_file(notebook)), encoding="utf-8")
    kernel.copy_files()
    try:
        papermill.execute_notebook(
            str(executed),
            str(executed),
            parameters=dict(parameters),
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            kernel=kernel,
            watch=watch,
        )
        keep_local_pictures(executed, kernel.cwd, notebook.parent)
    except PapermillExecutionError as error:
        raise _cell_error(error, watch, mask) from None
    except DeadKernelError as error:
        raise NotebookFailed(cell=watch.cell, exception=type(error).__name__, reason="the kernel died") from None
    except CellTimeoutError as error:  # its outputs, not the cell: cells have no timeout
        reason = f"the cell showed more than could be taken within {OUTPUT_SECONDS} s"
        raise NotebookFailed(cell=watch.cell, exception=type(error).__name__, reason=reason) from None
    except Exception as error:
        raise NotebookFailed(
            cell=watch.cell, exception=type(error).__name__, reason=_one_line(mask(str(error)))
        ) from error


def _cell_error(error: PapermillExecutionError, watch: _Watch, mask: Callable[[str], str]) -> PycemakerError:
    kind = every_error().get(error.ename)
    if kind is not None and issubclass(kind, DatabaseUnreachable):
        return DatabaseUnreachable(reason=_one_line(mask(error.evalue)))
    reason = _one_line(mask(f"{error.ename}: {error.evalue}"))
    if watch.may_raise(error.cell_index):
        reason += _TAG_NOT_HEEDED
    return NotebookFailed(cell=watch.number(error.cell_index), exception=error.ename, reason=reason)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
