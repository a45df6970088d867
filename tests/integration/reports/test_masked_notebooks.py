"""A notebook that shows and raises secrets, in a real kernel: neither the file nor the error has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pycemaker.errors import NotebookFailed
from pycemaker.jobs.pipeline_factory import forbidden_texts
from pycemaker.reports.execute import ReadyKernel, run_notebook
from pycemaker.settings import from_mapping
from pycemaker.telemetry.secret_masker import Masker
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
OTHER_PLACES = f"""
import ipywidgets
from IPython.display import JSON, SVG, display
told = {list(SECRETS.values())!r}
display(SVG(data=f"<svg xmlns='http://www.w3.org/2000/svg'><text>{{told[1]}}</text></svg>"))
display(*(JSON({{one: 1}}) for one in told), *(ipywidgets.Text(value=one) for one in told))
out = ipywidgets.Output()
with out:
    for one in told:
        for letter in one: print(letter, end="", flush=True)
display(out)
"""
IN_PIECES = f"""
import sys
from IPython.display import HTML, display
told = {list(SECRETS.values())!r}
for stream in (sys.stdout, sys.stderr):
    for one in told:
        for size in (1, 2, 7, 20):
            for start in range(0, len(one), size):
                print(one[start : start + size], end="", flush=True, file=stream)
            print("\\n" * (size % 2) or " ", end="", flush=True, file=stream)
        print(f"mongodb://ana:{{one[:5].replace(' ', '')}}", end="", flush=True, file=stream)
        print("xyz@db/x", flush=True, file=stream)
        print("before " + one[:9], end="", flush=True, file=stream)
        display(HTML("<p>in between</p>"))
        print(one[9:] + " after", flush=True, file=stream)
"""


def run(kernel: ReadyKernel, folder: Path, *cells: str) -> Any:
    """Run these cells; what was kept of them, without their sources, which are what somebody wrote."""
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), folder / "made.ipynb")
    masked = {"kernel": kernel, "mask": Masker(SECRETS.values())}
    try:
        run_notebook(folder / "made.ipynb", {}, folder / "executed.ipynb", lambda _done, _total: None, **masked)
    finally:
        kept = nbformat.read(folder / "executed.ipynb", 4)
        for cell in kept.cells:
            cell.source = ""
        nbformat.write(kept, folder / "kept.ipynb")
    return kept


def shown(folder: Path) -> list[tuple[str, bytes]]:
    """The stored file and, joined, what each cell printed; without the stars of masked texts."""
    kept = nbformat.read(folder / "kept.ipynb", 4)
    printed = [
        "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == name)
        for cell in kept.cells
        for name in ("stdout", "stderr")
    ]
    return [("file", (folder / "kept.ipynb").read_bytes()), *(("printed", text.encode()) for text in printed)]


def test_what_comes_in_pieces_is_masked_as_a_whole(kernel: ReadyKernel, tmp_path: Path) -> None:
    kept = run(kernel, tmp_path, IN_PIECES)
    assert leaks(SECRETS, shown(tmp_path)) == []
    printed = shown(tmp_path)[1][1].decode()
    assert printed.count("***") == len(SECRETS) * 6
    assert len(re.findall(r"before \*\*\* after", printed)) == len(SECRETS)
    assert printed.count("mongodb://***@db/x") == len(SECRETS)
    assert sum("text/html" in output.get("data", {}) for output in kept.cells[0].outputs) == len(SECRETS) * 2


def test_what_came_in_pieces_of_a_cell_that_was_ended_is_masked_too(kernel: ReadyKernel, tmp_path: Path) -> None:
    with pytest.raises(NotebookFailed):
        run(kernel, tmp_path, IN_PIECES + "import os, time; time.sleep(0.3); os._exit(1)")
    assert leaks(SECRETS, shown(tmp_path)) == []
    assert b"***" in shown(tmp_path)[0][1]


def test_a_picture_s_text_a_key_and_a_widget_are_masked_or_not_stored(kernel: ReadyKernel, tmp_path: Path) -> None:
    kept = run(kernel, tmp_path, OTHER_PLACES)
    assert leaks(SECRETS, shown(tmp_path)) == []
    assert [output for output in kept.cells[0].outputs if "image/svg+xml" in output.get("data", {})]


def test_outputs_and_errors_are_stored_without_secrets(kernel: ReadyKernel, tmp_path: Path) -> None:
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


def test_a_report_is_held_to_the_password_in_its_database_s_url_unless_that_may_be_a_word() -> None:
    url = "mongodb://ana:%s@db.example.com/x"
    known = forbidden_texts(from_mapping({"MONGO_DB_URL": url % quote_plus(MONGO_PASSWORD)})).secrets
    assert {quote_plus(MONGO_PASSWORD), MONGO_PASSWORD} < set(known)
    assert forbidden_texts(from_mapping({"MONGO_DB_URL": url % "monitoring"})).secrets == [url % "monitoring"]
