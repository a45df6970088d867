"""Retention: removes reports after their days, with the job document, the files and the messages in the outbox.

Workspaces that a killed server left are removed after a day.

Figures in the Firebase bucket stay: mails that were sent show them, and nobody knows how long readers keep those.
"""

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from pycemaker.errors import UnknownReport
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_store import JobStore

_WORKSPACE_SECONDS = 86_400


def remove_old(
    job_store: JobStore,
    files: ArtifactStore,
    workspaces: Path,
    retention_days: float,
    remove_message: Callable[[str, str], None],
) -> int:
    """Remove the reports that ended `retention_days` ago or earlier, and workspaces older than a day.

    Args:
        workspaces: the folder of the workspaces.
        remove_message: removes a message from the outbox, by its file's name and its Message-ID.

    Returns:
        The number of reports removed.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    removed = 0
    for report_id in job_store.ended_before(retention_days):
        with contextlib.suppress(UnknownReport):  # another server was quicker
            for recipient in job_store.get(report_id)["recipients"]:
                if recipient.get("via") == "outbox":  # whose `reply` is the name of the message's file
                    remove_message(str(recipient.get("reply")), recipient["message_id"])
        files.remove(report_id)  # first: a job without files can be removed later, files without a job never
        job_store.remove(report_id)
        removed += 1
    with contextlib.suppress(OSError):
        for folder in workspaces.iterdir():
            if time.time() - folder.stat().st_mtime > _WORKSPACE_SECONDS:  # a killed server left it
                shutil.rmtree(folder, ignore_errors=True)
    return removed
