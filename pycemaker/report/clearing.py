"""Removes reports whose days are over: the entry, the files, and what of them is outside of the database."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pycemaker.errors import StorageRefused, UnknownReport
from pycemaker.ledger.files import Files
from pycemaker.ledger.ledger import Ledger
from pycemaker.ledger.reading import Document

_SCRATCH_SECONDS = 86_400
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Elsewhere:
    """What removes that of a report which is outside of the database.

    Attributes:
        remove_figures: those in the storage, by the report's id; raises StorageRefused.
        remove_message: a message in the outbox, by its file's name and its Message-ID.
    """

    remove_figures: Callable[[str], None] = lambda _report_id: None
    remove_message: Callable[[str, str], None] = lambda _name, _message_id: None


@dataclass(frozen=True)
class Clearing:
    """Removes what is old.

    Attributes:
        ledger: where reports stand.
        files: what was made of them.
        scratch: the folder in which they are made.
        retention_days: after how many days a report is old.
        elsewhere: see there.
    """

    ledger: Ledger
    files: Files
    scratch: Path
    retention_days: float
    elsewhere: Elsewhere

    def run(self) -> int:
        """Remove reports that ended before the days of retention, files and all; how many those were.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        removed = 0
        for report_id in self.ledger.old(self.retention_days):
            with contextlib.suppress(UnknownReport):  # another server was quicker
                self._remove_elsewhere(self.ledger.get(report_id))
            self.files.remove(report_id)  # first: an entry without files can be removed again, files without one never
            self.ledger.remove(report_id)
            removed += 1
        self._clear_scratch()
        return removed

    def _remove_elsewhere(self, entry: Document) -> None:
        """Once, as far as it can be done: a storage that is away keeps nobody's address in the ledger."""
        for recipient in entry["recipients"]:
            if recipient.get("via") == "outbox":
                self.elsewhere.remove_message(str(recipient.get("reply")), recipient["message_id"])
        try:
            self.elsewhere.remove_figures(str(entry["_id"]))
        except StorageRefused as error:
            told = "figures of report %s stay in the storage, under reports/%s/: %s"
            _log.warning(told, entry["_id"], entry["_id"], error)

    def _clear_scratch(self) -> None:
        """Remove scratch folders that a server left behind which was ended in the midst of a report."""
        with contextlib.suppress(OSError):
            for folder in self.scratch.iterdir():
                if time.time() - folder.stat().st_mtime > _SCRATCH_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
