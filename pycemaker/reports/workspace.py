"""The folder in which a report is made: the executed notebook, the page, its figures, the message, how long it took.

It is scratch: what is to last goes from here to the ledger's files, and then the folder goes.
"""

from __future__ import annotations

import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING

from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, FIGURES, MESSAGE, PAGE, link_figures

if TYPE_CHECKING:
    from pycemaker.reports.model import Page


class Workspace:
    """One report's folder. Every write replaces the whole file or leaves the old one.

    Args:
        folder: made where it is not there, for the owner's eyes only.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.executed_path = folder / EXECUTED_NOTEBOOK
        self.stage_seconds: dict[str, float] = {}
        self._stage = ""
        self._since = time.monotonic()

    def enter(self, stage: str) -> None:
        """A stage begins, and the one before it has ended; an empty name for the end."""
        now = time.monotonic()
        if self._stage:
            self.stage_seconds[self._stage] = round(now - self._since, 3)
        self._stage, self._since = stage, now

    def keep_page(self, page: Page) -> None:
        """The page for a browser as a file, its figures beside it; what is mailed stays in the message."""
        figures = self.folder / FIGURES
        figures.mkdir(exist_ok=True)
        for figure in page.figures:
            (figures / figure.name).write_bytes(figure.png)
        _replace(self.folder / PAGE, link_figures(page.full_html).encode())

    def keep_message(self, message: EmailMessage) -> bytes:
        """The message as the first recipient gets it; its bytes."""
        content = message.as_bytes(policy=SMTP)
        _replace(self.folder / MESSAGE, content)
        return content


def contents(folder: Path) -> dict[str, bytes]:
    """What there is in a report's folder, whole or in part, by its name there; a file that was being written is not."""
    files = [folder / EXECUTED_NOTEBOOK, folder / PAGE, folder / MESSAGE, *sorted((folder / FIGURES).glob("*.png"))]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files if file.is_file()}


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename over: a reader, or a crash, sees the old file or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)
