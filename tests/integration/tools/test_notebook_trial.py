"""The check of notebooks, on a MongoDB of its own, with real kernels."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from pycemaker.__main__ import main
from pycemaker.cli import check_command
from pycemaker.reports.notebook_catalogue import find_notebook
from pycemaker.tools.breaking_intervals import every_case
from tests.integration.jobs.test_reports import FIGURE


def write(folder: Path, cell: str) -> None:
    cells = [
        nbformat.v4.new_code_cell('date_now = "now"\ntime_range = 6', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "from pycemaker import heading, read_period\nperiod = read_period(date_now, time_range)"
        ),
        nbformat.v4.new_code_cell(cell),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "own.ipynb")


def test_a_notebook_that_fails_on_one_case_fails_the_check_and_the_case_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn_by_script = "from IPython.display import Javascript\ndisplay(Javascript('draw()'))"
    write(tmp_path, f"heading(period)\nassert len(period['cpu'].current), 'no sample'\n{FIGURE}\n{drawn_by_script}")
    monkeypatch.setattr(check_command, "find_notebook", lambda name: find_notebook(name, tmp_path))
    monkeypatch.setattr(check_command, "every_case", lambda zone, spacing: every_case(zone, spacing)[:2])
    before = dict(os.environ)
    assert main(["check", "own", "--keep", str(tmp_path / "kept")]) == 1
    assert dict(os.environ) == before
    head, empty, single, _, end = capsys.readouterr().out.splitlines()
    assert head.split() == ["notebook", "case", "result", "seconds", "peak", "MB"]
    assert "empty interval      FAILED" in empty
    assert "the notebook failed in cell 3: AssertionError: no sample" in empty
    assert "a single sample     passed" in single
    row, _, not_shown = single.partition("  not shown: ")
    assert int(row.split()[-1]) > 50
    assert not_shown == "cell 3: JavaScript: it is shown by a script"
    assert end == "1 failed"
    assert (tmp_path / "kept" / "own" / "a-single-sample" / "preview.html").exists()


def test_a_notebook_that_does_not_end_is_ended_and_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "while True: pass")
    monkeypatch.setenv("REPORT_TIMEOUT_SECONDS", "5")
    monkeypatch.setattr(check_command, "every_notebook", lambda: [find_notebook("own", tmp_path)])
    monkeypatch.setattr(check_command, "every_case", lambda zone, spacing: every_case(zone, spacing)[:1])
    assert main(["check"]) == 1
    assert "still running after 5 s" in capsys.readouterr().out
