"""Outputs of cells in a real kernel, taken whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pycemaker.errors import NotebookFailed
from pycemaker.reports.execute import ReadyKernel, run_notebook


def run(kernel: ReadyKernel, folder: Path, *cells: str) -> Any:
    """The executed cells."""
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), folder / "made.ipynb")
    run_notebook(folder / "made.ipynb", {}, folder / "executed.ipynb", lambda _done, _total: None, kernel=kernel)
    return nbformat.read(folder / "executed.ipynb", 4).cells


def printed(cell: Any) -> list[str]:
    """The words it printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream").split()


TALKS = "for number in range(4000): print(number, flush=True)"


def test_fast_outputs_of_a_cell_are_kept_to_their_end(kernel: ReadyKernel, tmp_path: Path) -> None:
    talked, after = run(kernel, tmp_path, TALKS, "print('after')")
    assert printed(talked) == [str(number) for number in range(4000)]
    assert printed(after) == ["after"]


def test_a_cell_that_prints_faster_than_can_be_taken_fails(
    kernel: ReadyKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycemaker.reports.execute.OUTPUT_SECONDS", 0)
    with pytest.raises(NotebookFailed, match="in cell 1: the cell showed more than could be taken"):
        run(kernel, tmp_path, TALKS)


WIDGETS = """
import ipywidgets
from IPython.display import clear_output
print("before")
taken = ipywidgets.Output()
with taken:
    for letter in "taken" * 20: print(letter, end="", flush=True)
print("\\nbetween")
with taken:
    for step in range(5):
        clear_output(wait=True)
        print("step", step)
with taken:
    print("gone", flush=True)
    clear_output()
with taken:
    clear_output(wait=True)
print("after")
ipywidgets.interact(lambda hours: print("hours", hours), hours=3)
None
"""


def test_what_a_widget_takes_is_the_cell_s_output(kernel: ReadyKernel, tmp_path: Path) -> None:
    (shown,) = run(kernel, tmp_path, WIDGETS)
    assert printed(shown) == ["before", "taken" * 20, "between", "step", "4", "after", "hours", "3"]


def test_a_cell_that_clears_its_output_keeps_what_came_after(kernel: ReadyKernel, tmp_path: Path) -> None:
    clears = "from IPython.display import clear_output; print('gone'); clear_output(wait={}); print('stays')"
    assert [printed(cell) for cell in run(kernel, tmp_path, clears.format(True), clears.format(False))] == [
        ["stays"]
    ] * 2


def test_figures_of_one_s_own_have_the_bundled_font(kernel: ReadyKernel, tmp_path: Path) -> None:
    (cell,) = run(kernel, tmp_path, "import matplotlib; print(matplotlib.rcParams['font.family'][0])")
    assert printed(cell) == ["DejaVu", "Sans"]


def test_a_ready_kernel_has_its_client_already(
    kernel: ReadyKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(kernel.manager), "client", None)  # one that is made now waits 0.2 s before the first cell
    for _ in range(2):
        assert printed(run(kernel, tmp_path, "print('at once')")[0]) == ["at", "once"]


SEES = """
import pathlib, time
until, shown = time.monotonic() + 10, " ".join(["what", "it", "showed"])
while shown not in (saved := pathlib.Path({!r}).read_text()) and time.monotonic() < until:
    time.sleep(0.01)
print(saved.count(shown), saved.count('"status": "running"'))
"""


def test_a_run_is_saved_once_a_cell_while_the_kernel_works(
    kernel: ReadyKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves: list[object] = []
    write = papermill.engines.write_ipynb
    monkeypatch.setattr("papermill.engines.write_ipynb", lambda *given: (saves.append(given), write(*given)))
    sees = SEES.format(str(tmp_path / "executed.ipynb"))
    *_, last = run(kernel, tmp_path, "1", "print('what', 'it', 'showed')", sees)
    assert printed(last) == ["1", "1"]
    assert len(saves) == len(["at the start", "in cell 1", "in cell 2", "in cell 3", "at the end"])
