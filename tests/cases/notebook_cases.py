"""Other people's notebooks, each run and rendered as a report's would be; nothing is mailed.

`NOTEBOOKS` says what a reader should see of each file in `notebooks/`: how many figures the mail has, words that are
in it, words that are not; or why the notebook is refused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pycemaker.errors import PycemakerError
from pycemaker.reports.notebook_catalogue import find_notebook
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import from_mapping
from pycemaker.tools.preview_builder import RECIPIENT, Preview, PreviewBuilder
from pycemaker.window import Window
from tests.cases.table import Row
from tests.services.shared_template import TEMPLATE

FOLDER = Path(__file__).parent / "notebooks"
END = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


@dataclass(frozen=True)
class NotebookCase:
    """One notebook.

    Attributes:
        name: its file's name without the ending.
        figures: how many pictures the mail has.
        shows: texts that stand in the mail's text part.
        hides: texts that do not.
        refused: how the refusal begins, where there is one.
    """

    name: str
    figures: int = 0
    shows: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    refused: str = ""

    @property
    def expected(self) -> str:
        """In the words of `seen`."""
        if self.refused:
            return f"refused: {self.refused}"
        return _words(self.figures, self.shows, ())

    def seen(self, preview: Preview) -> str:
        """The expected words that the mail has, and the unexpected ones."""
        text = " ".join(preview.page.text.split())
        shown = tuple(words for words in self.shows if words in text)
        wrong = tuple(words for words in self.hides if words in text)
        flaws = "".join(f"; {flaw.rule}: {flaw.message}" for flaw in preview.flaws)
        return _words(len(preview.page.figures), shown, wrong) + flaws


NOTEBOOKS = (
    NotebookCase("altair", 2),
    NotebookCase("byte-order-mark", 1, ("ran",)),
    NotebookCase("markdown-attachment", 2),
    NotebookCase("own-picture-files", 2, ("first", "second"), hides=("não pôde ser mostrada",)),
    NotebookCase("parameter-called-wait", refused="notebook 'parameter-called-wait': parameter 'wait'"),
    NotebookCase("parameters-call", 1, ("ran",)),
    NotebookCase("parameters-expression", 1, ("ran",)),
    NotebookCase("parameters-list", 1, ("ran",)),
    NotebookCase("parameters-long-text", 1, ("ran",)),
    NotebookCase("parameters-magic", 1, ("ran",)),
    NotebookCase("parameters-none", 1, ("ran",)),
    NotebookCase("plotly", 2),
    NotebookCase("prints-its-parameter", 1, ("limit = 0.8",)),
    NotebookCase("quit", 1, ("Nothing new this week.",), hides=("not reached", "não pôde ser calculada")),
    NotebookCase(
        "raises-exception",
        refused="the notebook failed in cell 4: ZeroDivisionError: division by zero (papermill fails in spite of the "
        "tag raises-exception: catch the exception in the cell)",
    ),
    NotebookCase("shell-python", 1, ("True",)),
    NotebookCase("svg-beside-png", 2),
    NotebookCase("svg-only", 1),
    NotebookCase("sys-exit", 1, ("Nothing new this week.",), hides=("not reached", "não pôde ser calculada")),
    NotebookCase("table-only", 0, ("p95", "0.9")),
    NotebookCase("text-result", 1, ("p95 0.91", "Name: cpu")),
    NotebookCase("two-parameters-cells", refused="notebook 'two-parameters-cells': cells 2 and 4 are both tagged"),
)


def rows() -> Iterator[Row]:
    """A row for each notebook, as it is done."""
    for case in NOTEBOOKS:
        yield Row(f"{case.name}.ipynb", case.expected, tried(case))


def tried(case: NotebookCase, folder: Path = FOLDER) -> str:
    """The result of one notebook, in the words of `NotebookCase.expected`."""
    with tempfile.TemporaryDirectory(prefix="pm-") as scratch:
        try:
            notebook = find_notebook(case.name, folder)
            window = Window(END, notebook.hours)
            preview_builder = PreviewBuilder(
                ReportRequest("case", notebook.path, window, (RECIPIENT,)),
                from_mapping({"DATA_DIR": scratch, "PUBLIC_URL": "https://monitor.example.com"}),
                Path(scratch),
                template=TEMPLATE,
            )
            preview_builder.run()
            return case.seen(preview_builder.render())
        except PycemakerError as error:
            begin = f"{error}"[: len(case.refused)] if case.refused else str(error)
            return f"refused: {begin}"
        except Exception as error:  # noqa: BLE001 - a traceback is what some of these ended in: it is said, not raised
            return f"traceback: {type(error).__name__}: {error}"


def _words(figures: int, shown: tuple[str, ...], wrong: tuple[str, ...]) -> str:
    parts = [f"{figures} figures", *(f"'{words}'" for words in shown), *(f"wrongly '{words}'" for words in wrong)]
    return ", ".join(parts)
