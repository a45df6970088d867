"""Retention: removes reports after their days, with the job document, the files and the messages in the outbox.

Figures in the Firebase bucket stay: mails that were sent show them, and nobody knows how long readers keep those.
"""

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pycemaker.errors import UnknownReport
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_document import JobDocument
from pycemaker.jobs.job_store import JobStore

_WORKSPACE_SECONDS = 86_400


@dataclass(frozen=True)
class Retention:
    """Removes old reports.

    Attributes:
        retention_days: the age at which a report is removed, from its end.
        remove_message: removes a message from the outbox, by its file's name and its Message-ID.
    """

    job_store: JobStore
    files: ArtifactStore
    workspaces: Path
    retention_days: float
    remove_message: Callable[[str, str], None]

    def run(self) -> int:
        """Remove the reports that ended `retention_days` ago or earlier; the number removed.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        removed = 0
        for report_id in self.job_store.ended_before(self.retention_days):
            with contextlib.suppress(UnknownReport):  # another server was quicker
                self._remove_messages(self.job_store.get(report_id))
            self.files.remove(report_id)  # first: a job without files can be removed later, files without a job never
            self.job_store.remove(report_id)
            removed += 1
        self._remove_workspaces()
        return removed

    def _remove_messages(self, job: JobDocument) -> None:
        for recipient in job["recipients"]:
            if recipient.get("via") == "outbox":
                self.remove_message(str(recipient.get("reply")), recipient["message_id"])

    def _remove_workspaces(self) -> None:
        """Remove the workspaces that a killed server left."""
        with contextlib.suppress(OSError):
            for folder in self.workspaces.iterdir():
                if time.time() - folder.stat().st_mtime > _WORKSPACE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
