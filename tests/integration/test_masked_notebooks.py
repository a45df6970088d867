"""A notebook that shows and raises what it must not: a real kernel, and neither the file nor the reason has it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pycemaker.errors import NotebookFailed
from pycemaker.logs import Masker
from pycemaker.report.notebook import ReadyKernel, run_notebook
from pycemaker.settings import ROOT
from tests.services.secrets import MONGO_PASSWORD, PASSWORD, TOKEN, leaks

SECRETS = {"password": PASSWORD, "token": TOKEN, "mongo password": MONGO_PASSWORD}
SHOWS = f"""
import os, sys
from IPython.display import HTML, JSON, Markdown, display, update_display
told = {list(SECRETS.values())!r}
print(*told); print(*told, file=sys.stderr)
display(HTML(f"<b>{{told[0]}}</b>"), Markdown(told[1]), JSON({{"deep": [told]}}))
handle = display(told[0], display_id=True); handle.update(told[1])
import logging; logging.warning("%s", told[2])
told
"""


@pytest.fixture
def kernel() -> Iterator[ReadyKernel]:
    with tempfile.TemporaryDirectory(prefix="pm-") as folder:
        ready = ReadyKernel(Path(folder), ROOT / "notebooks")
        yield ready
        ready.kill()


def test_what_it_shows_and_why_it_failed_are_kept_without_secrets(kernel: ReadyKernel, tmp_path: Path) -> None:
    cells = [SHOWS, "raise RuntimeError(told)"]
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), tmp_path / "made.ipynb")
    with pytest.raises(NotebookFailed) as caught:
        run_notebook(
            tmp_path / "made.ipynb",
            {},
            tmp_path / "executed.ipynb",
            lambda _done, _total: None,
            kernel=kernel,
            mask=Masker(SECRETS.values()),
        )
    executed = nbformat.read(tmp_path / "executed.ipynb", 4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert len(outputs) > 7
    shown = new_notebook(cells=[new_code_cell(outputs=outputs)])  # the source has them: it is what somebody wrote
    assert leaks(SECRETS, [("outputs", nbformat.writes(shown).encode())]) == []
    assert leaks(SECRETS, [("reason", str(caught.value).encode())]) == []
    assert "***" in str(caught.value)
