"""The workspace: the folder in which a report is made, with its executed notebook, page, figures and message.

It is temporary: the render worker copies the files to the `ArtifactStore`, then removes the folder.
"""

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, FIGURES, MESSAGE, PAGE, link_figures
from pycemaker.reports.report_model import Page


class Workspace:
    """One report's folder. Every write is atomic. `folder`: created where it is missing, readable by the owner only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.executed_path = folder / EXECUTED_NOTEBOOK

    def write_page(self, page: Page) -> None:
        """Write the page for a browser, and its figures."""
        figures = self.folder / FIGURES
        figures.mkdir(exist_ok=True)
        for figure in page.figures:
            (figures / figure.name).write_bytes(figure.png)
        _replace(self.folder / PAGE, link_figures(page.full_html).encode())

    def write_message(self, message: EmailMessage) -> bytes:
        """Write the message to the first recipient; its bytes."""
        content = message.as_bytes(policy=SMTP)
        _replace(self.folder / MESSAGE, content)
        return content


def contents(folder: Path) -> dict[str, bytes]:
    """The finished files in a report's folder, by name."""
    files = [folder / EXECUTED_NOTEBOOK, folder / PAGE, folder / MESSAGE, *sorted((folder / FIGURES).glob("*.png"))]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files if file.is_file()}


def _replace(path: Path, content: bytes) -> None:
    """Write a temporary file, then rename it: readers, and a crash, leave the old file or the new one."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content)
    temporary.replace(path)
