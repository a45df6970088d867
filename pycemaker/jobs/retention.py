"""Removes reports whose days are over: the entry, the files, and their messages in the outbox.

Figures in the bucket stay: the mails that were sent show them, and nobody knows how long those are kept.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pycemaker.errors import UnknownReport
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_reader import JobDocument
from pycemaker.jobs.job_store import JobStore

_SCRATCH_SECONDS = 86_400


@dataclass(frozen=True)
class Retention:
    """Removes what is old.

    Attributes:
        ledger: where reports stand.
        files: what was made of them.
        scratch: the folder in which they are made.
        retention_days: after how many days a report is old.
        remove_message: removes one from the outbox, by its file's name and its Message-ID.
    """

    job_store: JobStore
    files: ArtifactStore
    scratch: Path
    retention_days: float
    remove_message: Callable[[str, str], None]

    def run(self) -> int:
        """Remove reports that ended before the days of retention, files and all; how many those were.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        removed = 0
        for report_id in self.job_store.ended_before(self.retention_days):
            with contextlib.suppress(UnknownReport):  # another server was quicker
                self._remove_messages(self.job_store.get(report_id))
            self.files.remove(report_id)  # first: an entry without files can be removed again, files without one never
            self.job_store.remove(report_id)
            removed += 1
        self._clear_scratch()
        return removed

    def _remove_messages(self, entry: JobDocument) -> None:
        for recipient in entry["recipients"]:
            if recipient.get("via") == "outbox":
                self.remove_message(str(recipient.get("reply")), recipient["message_id"])

    def _clear_scratch(self) -> None:
        """Remove scratch folders that a server left behind which was ended in the midst of a report."""
        with contextlib.suppress(OSError):
            for folder in self.scratch.iterdir():
                if time.time() - folder.stat().st_mtime > _SCRATCH_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
