"""The reports there are."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from jsonschema import Draft202012Validator

from pycemaker.errors import NotebookUnusable, UnknownNotebook
from pycemaker.report.catalogue import NOTEBOOKS, every_notebook, find_notebook, listing


def write(folder: Path, name: str, parameters: str | None, *markdown: str) -> None:
    cells = [nbformat.v4.new_markdown_cell(text) for text in markdown]
    if parameters is not None:
        cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "weekly", "limit = 0.9", "intro\n\n# A semana\n\nO que houve\nna semana.\n\nMore.", "# Other")
    write(tmp_path, "scratch", None, "# Not a report")
    write(tmp_path, "Minha análise", "x = 1")
    write(tmp_path, "wrong", "limit = [")
    (tmp_path / "half.ipynb").write_text('{"cells": [')
    (tmp_path / ".ipynb_checkpoints").mkdir()
    write(tmp_path / ".ipynb_checkpoints", "weekly-checkpoint", "a = 1")
    return tmp_path


def test_every_notebook_with_a_parameters_cell_is_a_report(folder: Path) -> None:
    assert [entry["name"] for entry in listing(folder)] == ["Minha análise", "half", "weekly", "wrong"]


def test_title_and_description_are_the_first_heading_and_the_paragraph_below(folder: Path) -> None:
    weekly = find_notebook("weekly", folder)
    assert (weekly.title, weekly.description) == ("A semana", "O que houve na semana.")
    plain = find_notebook("Minha análise", folder)
    assert (plain.title, plain.description, plain.hours) == ("Minha análise", "", 6)


def test_a_notebook_that_cannot_be_read_is_listed_with_its_problem(folder: Path) -> None:
    problems = {entry["name"]: entry["problem"] for entry in listing(folder) if "problem" in entry}
    assert problems == {
        "half": "it is no notebook (JSONDecodeError)",
        "wrong": "its parameters cell is no Python (SyntaxError)",
    }
    with pytest.raises(NotebookUnusable, match="wrong"):
        find_notebook("wrong", folder)


@pytest.mark.parametrize(
    "name",
    ["", "scratch", "Weekly", "weekly.ipynb", "../notebooks/weekly", "./weekly", "/etc/passwd", "weekly\x00", "..", "*",
     ".ipynb_checkpoints/weekly-checkpoint", "weekly-checkpoint", "w" * 10_000],
)  # fmt: skip
def test_a_name_that_is_no_report_is_unknown_and_opens_nothing(folder: Path, name: str) -> None:
    with pytest.raises(UnknownNotebook) as caught:
        find_notebook(name, folder)
    assert len(caught.value.facts["name"]) <= 40


def test_the_notebooks_of_this_repository_are_reports_with_valid_schemas() -> None:
    found = every_notebook()
    assert "report" in [notebook.name for notebook in found if not isinstance(notebook, NotebookUnusable)]
    for path in NOTEBOOKS.glob("*.ipynb"):
        entry = find_notebook(path.stem).entry()
        Draft202012Validator.check_schema(entry["schema"])
        assert set(entry["path"]) == {"date_now", "time_range"}
        assert all(told["description"] for told in entry["schema"]["properties"].values())
        assert entry["schema"]["title"] != path.stem
        assert all("outputs" not in cell or cell["outputs"] == [] for cell in nbformat.read(path, 4).cells)
