"""The reports there are: every `notebooks/*.ipynb` that has a cell tagged `parameters`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycemaker.errors import NotebookUnusable, UnknownNotebook
from pycemaker.parameters import (
    GIVEN_BY_PATH,
    Parameter,
    Scalar,
    from_texts,
    own_parameters,
    read_parameters,
    schema,
)
from pycemaker.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
DEFAULT = "report"
"""The notebook of a request that names none."""


@dataclass(frozen=True)
class Notebook:
    """One report that can be asked for.

    Attributes:
        name: what a request calls it: its file's name without the ending.
        path: the file.
        title: its first markdown heading; the name where it has none.
        description: the paragraph below that heading; may be empty.
        parameters: as its parameters cell declares them, those of the path included.
    """

    name: str
    path: Path
    title: str
    description: str
    parameters: tuple[Parameter, ...]

    def read(self, given: Mapping[str, str]) -> dict[str, Scalar]:
        """Parameters beyond the path out of texts, checked. Raises InvalidParameter."""
        return from_texts(self.parameters, given)

    @property
    def hours(self) -> int:
        """How long an interval it is made for: its own default of `time_range`; 6 where it has none."""
        told = [parameter.default for parameter in self.parameters if parameter.name == "time_range"]
        return told[0] if told and isinstance(told[0], int) else 6

    def entry(self) -> dict[str, Any]:
        """It in the list of reports: how to ask for it, and the JSON Schema of its query parameters."""
        own = "".join(f"&{p.name}={{{p.name}}}" for p in own_parameters(self.parameters))
        return {
            "name": self.name,
            "url": f"/report/{{date_now}}/{{time_range}}/{{email_to}}?notebook={self.name}{own}",
            "path": {p.name: p.schema() for p in self.parameters if p.name in GIVEN_BY_PATH},
            "schema": schema(self.parameters, title=self.title, description=self.description),
        }


def find_notebook(name: str, folder: Path = NOTEBOOKS) -> Notebook:
    """The report of that name. A name is only compared with those of the files there are; no path is made of it.

    Raises:
        UnknownNotebook: there is none.
        NotebookUnusable: its file or its parameters cell cannot be read.
    """
    for path in _files(folder):
        if path.stem == name and (found := read_notebook(path)):
            return found
    raise UnknownNotebook(name=name[:40])


def every_notebook(folder: Path = NOTEBOOKS) -> list[Notebook | NotebookUnusable]:
    """Every report, by name; in the place of one that cannot be read, why."""
    found: list[Notebook | NotebookUnusable] = []
    for path in _files(folder):
        try:
            notebook = read_notebook(path)
        except NotebookUnusable as error:
            found.append(error)
        else:
            found.extend([notebook] if notebook else [])
    return found


def listing(folder: Path = NOTEBOOKS) -> list[dict[str, Any]]:
    """Every report's entry; one that cannot be read has its name, and `problem` in English."""
    return [
        found.entry()
        if isinstance(found, Notebook)
        else {"name": found.facts["name"], "problem": found.facts["reason"]}
        for found in every_notebook(folder)
    ]


def read_notebook(path: Path) -> Notebook | None:
    """The report in that file; None where no cell is tagged `parameters`.

    Raises:
        NotebookUnusable: the file is no notebook, or its parameters cell cannot be read.
    """
    try:
        cells = [(cell["cell_type"], "".join(cell["source"]), _tags(cell)) for cell in _cells(path)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotebookUnusable(name=path.stem, reason=f"it is no notebook ({type(error).__name__})") from None
    declared = [source for kind, source, tags in cells if kind == "code" and "parameters" in tags]
    if not declared:
        return None
    title, description = _told("\n".join(source for kind, source, _ in cells if kind == "markdown"))
    try:
        parameters = read_parameters(declared[0])
    except NotebookUnusable as error:
        raise NotebookUnusable(**error.facts | {"name": path.stem}) from None
    return Notebook(path.stem, path, title or path.stem, description, parameters)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))


def _cells(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_bytes())["cells"])


def _tags(cell: dict[str, Any]) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def _told(markdown: str) -> tuple[str, str]:
    """The first heading of the first level, and the paragraph below it on one line."""
    _, heading, rest = ("\n" + markdown).partition("\n# ")
    title, _, below = rest.partition("\n")
    paragraph = below.strip().split("\n\n")[0] if heading else ""
    return title.strip(), "" if paragraph.startswith("#") else " ".join(paragraph.split())
