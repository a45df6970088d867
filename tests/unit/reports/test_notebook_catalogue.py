"""The catalogue of reports."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from jsonschema import Draft202012Validator

from pycemaker.errors import NotebookUnusable, UnknownNotebook
from pycemaker.reports.notebook_catalogue import every_notebook, find_notebook, listing, untagged
from pycemaker.settings import NOTEBOOKS


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
        "half": "it is no notebook (JSONDecodeError): Expecting value, line 1",
        "wrong": "its parameters cell is no Python (SyntaxError, line 1)",
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


def test_a_file_without_the_tag_is_said_to_lack_it_and_where_jupyterlab_keeps_tags(folder: Path) -> None:
    with pytest.raises(
        UnknownNotebook, match=r"no cell is tagged parameters in scratch\.ipynb; in JupyterLab .*Cell Tags"
    ):
        find_notebook("scratch", folder)
    assert untagged(folder) == ["scratch"]
    with pytest.raises(UnknownNotebook, match=r"no notebook 'week'; there are .*scratch, .*weekly"):
        find_notebook("week", folder)


def test_the_notebooks_of_this_repository_are_reports_with_valid_schemas() -> None:
    found = every_notebook()
    assert "report" in [notebook.name for notebook in found if not isinstance(notebook, NotebookUnusable)]
    for path in NOTEBOOKS.glob("*.ipynb"):
        entry = find_notebook(path.stem).entry()
        Draft202012Validator.check_schema(entry["schema"])
        about_one = set() if path.stem == "fleet" else {"application"}
        assert set(entry["path"]) == {"date_now", "time_range"} | about_one
        assert all(told["description"] for told in entry["schema"]["properties"].values())
        assert entry["schema"]["title"] != path.stem
        assert all("outputs" not in cell or cell["outputs"] == [] for cell in nbformat.read(path, 4).cells)


def test_what_nobody_can_give_is_said_in_words(tmp_path: Path) -> None:
    write(tmp_path, "weekly", "date_now = str(1)\nlimit = 0.9\nteam = None", "# A semana")
    (entry,) = listing(tmp_path)
    assert entry["url"].endswith("?notebook=weekly&limit={limit}")
    assert entry["fixed"] == {
        "team": "não pode ser informado: o valor (NoneType) não é um texto, um número, True nem False"
    }


@pytest.mark.parametrize("name", ["attach", "notebook", "wait"])
def test_a_parameter_under_a_name_of_the_route_is_refused_where_the_notebook_is_listed(
    tmp_path: Path, name: str
) -> None:
    write(tmp_path, "weekly", f"{name} = 30")
    (entry,) = listing(tmp_path)
    assert entry["problem"] == (
        f"parameter '{name}' has the name of something that the report route takes: give it another one"
    )


def test_two_parameters_cells_are_refused(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("time_range = 24", metadata={"tags": ["parameters"]}) for _ in range(2)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "two.ipynb")
    assert listing(tmp_path)[0]["problem"] == (
        "cells 1 and 2 are both tagged parameters, and papermill heeds the first alone: untag the others"
    )


def _as(notebook: nbformat.NotebookNode, way: str) -> bytes:
    text = nbformat.writes(notebook)
    ways = {"bom": text.encode("utf-8-sig"), "utf-16": text.encode("utf-16"), "utf-16-le": text.encode("utf-16-le")}
    older = {"nbformat 3": 3, "nbformat 2": 2}
    if way in older:
        return nbformat.writes(nbformat.convert(notebook, older[way]), version=older[way]).encode()
    return ways[way]


@pytest.mark.filterwarnings("ignore")  # nbformat says that older formats are old
@pytest.mark.parametrize("way", ["bom", "utf-16", "utf-16-le", "nbformat 3"])
def test_whatever_jupyter_opens_is_read(tmp_path: Path, way: str) -> None:
    cell = nbformat.v4.new_code_cell("limit = 0.9", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Saída é isto"), cell])
    (tmp_path / "own.ipynb").write_bytes(_as(notebook, way))
    found = find_notebook("own", tmp_path)
    assert (found.title, found.parameters[0].default) == ("Saída é isto", 0.9)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"nbformat": 5, "cells": []}', "it is of nbformat 5; the latest read here is 4"),
        ("[]", "it is no notebook (no object with `nbformat` and `cells`)"),
        ("", "it is no notebook (JSONDecodeError): Expecting value, line 1"),
        ('{"nbformat": 4}', "it is no notebook (KeyError)"),
        ('{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "R"}}}',
         "its kernel is for r; only Python notebooks are run"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_listed_with_the_reason(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "own.ipynb").write_text(content)
    assert listing(tmp_path) == [{"name": "own", "problem": problem}]


CELL = '{"cell_type": "code", "source": "x = 1", "metadata": {"tags": ["parameters"]}}'


@pytest.mark.parametrize(
    "content",
    [
        f'{{"nbformat": 4, "metadata": [1], "cells": [{CELL}]}}',
        f'{{"nbformat": 4, "metadata": {{"kernelspec": "py"}}, "cells": [{CELL}]}}',
        '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1", "metadata": {"tags": 5}}]}',
        f'{{"nbformat": 4, "cells": [{CELL.replace("x = 1", "a=" + "-" * 100_000)}]}}',
    ],
    ids=["metadata", "kernelspec", "tags", "a long expression"],
)
def test_one_odd_file_takes_no_other_off_the_list(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.ipynb").write_text(content)
    (tmp_path / "whole.ipynb").write_text(f'{{"nbformat": 4, "cells": [{CELL}]}}')
    assert [entry["name"] for entry in listing(tmp_path)] == ["odd", "whole"]


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    assert listing(tmp_path) == []
