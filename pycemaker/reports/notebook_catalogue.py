"""The catalogue of reports: every `notebooks/*.ipynb` with a cell tagged `parameters`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycemaker.errors import InvalidParameter, NotebookUnusable, UnknownNotebook
from pycemaker.parsing.route_paths import REPORT_RULE, template
from pycemaker.parsing.values import Scalar
from pycemaker.reports.notebook_file import read_notebook_file, tags_of
from pycemaker.reports.parameters import (
    APPLICATION,
    PATH_PARAMETERS,
    RESERVED_NAMES,
    Parameter,
    from_texts,
    known_parameter,
    own_parameters,
    schema,
)
from pycemaker.reports.parameters_cell import read_parameters_cell
from pycemaker.settings import NOTEBOOKS

DEFAULT_NOTEBOOK = "report"  # The notebook of a request that names none
NO_TAG = "no cell is tagged parameters"
WHERE_TAGS_ARE = (
    "in JupyterLab select the cell with date_now, open the property inspector (the gears at the right) and add"
    " `parameters` under Common Tools, Cell Tags"
)


@dataclass(frozen=True)
class Notebook:
    """One report that can be requested.

    Attributes:
        name: its name in requests: the file's name without the ending.
        title: its first markdown heading; the name where it has none.
        description: the paragraph below that heading; may be empty.
        parameters: what its parameters cell declares for callers, those of the path included.
        fixed: why a name that the cell assigns is no parameter, in Portuguese, by name.
    """

    name: str
    path: Path
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)

    def check_application(self, application: str) -> None:
        """Return where the notebook can be about that application; each can be about the default one.

        Raises:
            InvalidParameter: its parameters cell has no text called `application`, so it would read other samples.
        """
        if application and not self.takes_application:
            reason = f"the notebook {self.name} has no parameter application: it reads the default application alone"
            raise InvalidParameter(field=APPLICATION, reason=reason, takes="um notebook com o parâmetro application")

    def read(self, given: Mapping[str, str]) -> dict[str, Scalar]:
        """Own parameters from texts, checked; see `from_texts`. Raises InvalidParameter."""
        return from_texts(self.parameters, given)

    def read_values(self, given: Mapping[str, Any]) -> dict[str, Scalar]:
        """The same from the values of a JSON object."""
        known = {parameter.name: parameter for parameter in own_parameters(self.parameters)}
        values = {name: known_parameter(name, known).value for name in given}
        return {name: value.kind(value.check(name, given[name])) for name, value in values.items()}

    @property
    def takes_application(self) -> bool:
        """True where it can be about any application."""
        return any(parameter.name == APPLICATION and parameter.value.kind is str for parameter in self.parameters)

    @property
    def hours(self) -> int:
        """The usual length of its interval: the default of its `time_range`; 6 where it has none."""
        defaults = [parameter.default for parameter in self.parameters if parameter.name == "time_range"]
        return defaults[0] if defaults and isinstance(defaults[0], int) else 6

    def entry(self) -> dict[str, Any]:
        """Its entry in the list of reports: the URL, and the JSON Schemas of its parameters."""
        own = "".join(f"&{p.name}={{{p.name}}}" for p in own_parameters(self.parameters))
        fixed = {name: why for name, why in self.fixed.items() if name not in PATH_PARAMETERS}
        return ({"fixed": fixed} if fixed else {}) | {
            "name": self.name,
            "url": f"{template(REPORT_RULE)}?notebook={self.name}{own}",
            "path": {p.name: p.schema() for p in self.parameters if p.name in PATH_PARAMETERS},
            "schema": schema(self.parameters, title=self.title, description=self.description),
        }


def find_notebook(name: str, folder: Path = NOTEBOOKS) -> Notebook:
    """The report of that name. The name is only compared with the names of files; no path is made of it.

    Raises:
        UnknownNotebook: there is no such notebook; NotebookUnusable: its file or its parameters cell cannot be read.
    """
    names = []
    for path in _files(folder):
        if path.stem != name:
            names.append(path.stem)
        elif notebook := read_notebook(path):
            return notebook
        else:
            raise UnknownNotebook(name=name[:40], hint=f": {NO_TAG} in {path.name}; {WHERE_TAGS_ARE}")
    raise UnknownNotebook(name=name[:40], hint=f"; there are {', '.join(names)}" if names else "")


def untagged(folder: Path = NOTEBOOKS) -> list[str]:
    """The names of notebook files that are no reports, since no cell of theirs is tagged `parameters`."""
    names = {
        notebook.name if isinstance(notebook, Notebook) else notebook.facts["name"]
        for notebook in every_notebook(folder)
    }
    return [path.stem for path in _files(folder) if path.stem not in names]


def usable(notebooks: Iterable[Notebook | NotebookUnusable]) -> list[Notebook]:
    """Those that can be requested, the default one first."""
    can_run = [each for each in notebooks if isinstance(each, Notebook)]
    return sorted(can_run, key=lambda each: each.name != DEFAULT_NOTEBOOK)


def every_notebook(folder: Path = NOTEBOOKS) -> list[Notebook | NotebookUnusable]:
    """Every report by name; an unreadable one as its error."""
    notebooks: list[Notebook | NotebookUnusable] = []
    for path in _files(folder):
        try:
            notebook = read_notebook(path)
        except NotebookUnusable as error:
            notebooks.append(error)
        else:
            notebooks.extend([notebook] if notebook else [])
    return notebooks


def listing(folder: Path = NOTEBOOKS) -> list[dict[str, Any]]:
    """Every report's entry; an unreadable one has its name and `problem` in English."""
    return [
        notebook.entry()
        if isinstance(notebook, Notebook)
        else {"name": notebook.facts["name"], "problem": notebook.facts["reason"]}
        for notebook in every_notebook(folder)
    ]


def read_notebook(path: Path) -> Notebook | None:
    """The report in that file; None where no cell is tagged `parameters`.

    Raises:
        NotebookUnusable: the file is no notebook, its parameters cell cannot be read or is one of two, or a parameter
            has a name that the report route reserves.
    """
    try:
        return _read_notebook(path)
    except NotebookUnusable:
        raise
    except Exception as error:  # one file must not take all others off the list
        raise NotebookUnusable(name=path.stem, reason=f"it is no notebook ({type(error).__name__})") from error


def _read_notebook(path: Path) -> Notebook | None:
    cells = read_notebook_file(path)["cells"]
    tagged = [
        index for index, cell in enumerate(cells) if cell["cell_type"] == "code" and "parameters" in tags_of(cell)
    ]
    if not tagged:
        return None
    if len(tagged) > 1:
        numbers = " and ".join(str(index + 1) for index in tagged)
        reason = f"cells {numbers} are both tagged parameters, and papermill heeds the first alone: untag the others"
        raise NotebookUnusable(name=path.stem, reason=reason)
    title, description = _heading_and_paragraph(
        "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    )
    try:
        declared = read_parameters_cell(cells[tagged[0]]["source"])
    except NotebookUnusable as error:
        raise NotebookUnusable(**error.facts | {"name": path.stem}) from None
    if taken := [each.name for each in declared.parameters if each.name in RESERVED_NAMES]:
        reason = f"parameter {taken[0]!r} has the name of something that the report route takes: give it another one"
        raise NotebookUnusable(name=path.stem, reason=reason)
    return Notebook(path.stem, path, title or path.stem, description, declared.parameters, declared.fixed)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if path.is_file() and not path.name.startswith("."))


def _heading_and_paragraph(markdown: str) -> tuple[str, str]:
    """The first heading of the first level, and the paragraph below it on one line."""
    _, heading, rest = ("\n" + markdown).partition("\n# ")
    title, _, below = rest.partition("\n")
    paragraph = below.strip().split("\n\n")[0] if heading else ""
    return title.strip(), "" if paragraph.startswith("#") else " ".join(paragraph.split())
