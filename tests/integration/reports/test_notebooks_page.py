"""docs/notebooks.md as an author follows it: every snippet in a kernel, after the cells that it speaks of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pycemaker.__main__ import main
from pycemaker.cli import new_command
from pycemaker.collect import demo_history
from pycemaker.mongo.database import Database
from pycemaker.reports.notebook_catalogue import find_notebook
from pycemaker.reports.render import render_page
from pycemaker.settings import ROOT, from_mapping
from pycemaker.tools.breaking_intervals import every_case, fill
from pycemaker.tools.notebook_trial import check_notebook
from pycemaker.window import Window
from tests.integration.jobs.test_reports import NOW
from tests.services.periods import SAO_PAULO
from tests.services.shared_template import TEMPLATE

DATE = "10-04-2022-09-43-23"


def snippets() -> list[str]:
    text = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_snippet_of_the_page_runs_and_is_a_report(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_history.write_history(database, NOW, 30)
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    cells = [new_code_cell(source) for source in snippets()]
    assert len(cells) >= 8
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(new_notebook(cells=cells), tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"),
        parameters={"date_now": DATE, "time_range": 6}, kernel_name="python3", language="python",
        progress_bar=False,
    )  # fmt: skip
    executed = nbformat.read(tmp_path / "out.ipynb", 4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    page = render_page(tmp_path / "out.ipynb", Window(NOW, 6), zone=SAO_PAULO)
    assert (page.left_out, page.remarks) == ((), ())
    assert "cpu-minutes.png" in [figure.name for figure in page.figures]
    assert re.search(r"\d,\d%</td>", page.html)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of notebooks, which is where `new` writes."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(new_command, "ROOT", tmp_path)
    monkeypatch.setattr(new_command, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path / "notebooks"


def test_new_makes_a_report_that_stands_what_breaks_notebooks(
    folder: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["new", "vendas do dia"]) == 0
    assert "vendas do dia.ipynb is made" in capsys.readouterr().err
    notebook = find_notebook("vendas do dia", folder)
    assert (notebook.title, [each.name for each in notebook.parameters]) == (
        "Vendas do dia",
        ["date_now", "time_range", "application"],
    )
    assert all(not cell.get("outputs") for cell in json.loads(notebook.path.read_text())["cells"])
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    cases = every_case(SAO_PAULO)[:4]  # nothing, one sample, gaps, NaN
    fill(database, cases)
    settings = from_mapping({"MONGO_DB_URL": database_url, "DATA_DIR": str(folder)})
    outcomes = [check_notebook(notebook, case, settings, folder / "kept" / case.name, TEMPLATE) for case in cases]
    assert [(outcome.problems, outcome.notes) for outcome in outcomes] == [((), ())] * 4


def test_new_leaves_a_notebook_that_is_there_and_takes_no_path(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "own"]) == 0
    (folder / "own.ipynb").write_text("mine")
    assert main(["new", "own"]) == 2
    assert main(["new", "own.ipynb"]) == 2
    assert "there is a own.ipynb already" in capsys.readouterr().err
    assert (folder / "own.ipynb").read_text() == "mine"
    for name in ("../own", "", ".hidden", "a/b", "x" * 65):
        assert main(["new", name]) == 2
    assert [path.name for path in folder.iterdir()] == ["own.ipynb"]


def test_new_in_an_installation_without_notebooks_of_its_own_copies_those_that_came_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_command, "ROOT", tmp_path)
    assert main(["new", "own"]) == 0
    assert sorted(path.name for path in (tmp_path / "notebooks").iterdir()) == [
        *("alert.ipynb", "capacity.ipynb", "fleet.ipynb", "own.ipynb", "report.ipynb"),
    ]
