"""The database, the disk or the storage goes away in the midst of a report."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.testbed import Testbed, table, testbed
from tests.services.storage import refusing_storage

STAGES = ("queued", "notebook", "render", "storage", "compose", "rendered", "sending")
TIMES = 3


def main() -> None:
    """Each outage, and what became of the reports that it met."""
    with testbed() as bed:
        bed.start_worker()
        bed.enqueue("first")
        bed.ended("first")
        rows: Counter[tuple[Any, ...]] = Counter()
        for number in range(TIMES):
            for stage in STAGES:
                rows[_database_dies(bed, stage, number)] += 1
        table("mongod killed (-9) and started again", rows, ("asked to be at", "met at", "state", "mails"))
    rows = Counter()
    for name, made in (("full", _small_disk), ("read-only", _frozen_disk)):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(made())
            if folder is None:
                print(f"\n  no {name} disk: this machine lets nobody mount one")
                continue
            bed = stack.enter_context(testbed())
            bed.environment["DATA_DIR"] = str(folder)
            bed.start_worker()
            bed.enqueue(name)
            rows[(name, *_outcome(bed, name))] += 1
    with refusing_storage(500) as storage, testbed(**storage.environment) as bed:
        bed.start_worker()
        bed.enqueue("storage")
        rows["storage down", *_outcome(bed, "storage")] += 1
    table("the disk, the storage", rows, ("outage", "state", "mails", "said"))


def _database_dies(bed: Testbed, stage: str, number: int) -> tuple[Any, ...]:
    report_id = f"{stage}-{number}"
    time.sleep(4)
    bed.enqueue(report_id)
    until = time.monotonic() + 20
    job: dict[str, Any] = {}
    while time.monotonic() < until:
        job = bed.report_service.job_store.get(report_id)
        if stage in (job["state"], job["stage"]) or job["state"] == "sent":
            break
    lock = bed.folder / "mongo" / "mongod.lock"
    os.kill(int(lock.read_text()), signal.SIGKILL)
    met = f"{job['state']} {job['stage'] or ''}".strip()
    return stage, met, *_outcome(bed, report_id)[:2]


def _outcome(bed: Testbed, report_id: str) -> tuple[str, int, str]:
    job: dict[str, Any] = {}
    until = time.monotonic() + 180
    while time.monotonic() < until:
        try:
            job = bed.ended(report_id)
            break
        except Exception:  # noqa: BLE001 - the database is on its way back
            time.sleep(0.5)
    mails = bed.mails()[f"{report_id}@example.com"]
    said = job.get("error", {}).get("message") or job.get("storage_problem") or ""
    state = job.get("state", "?")
    if mails > 1 or (mails != 1 if state == "sent" else state not in ("failed", "possibly_sent")):
        raise SystemExit(f"{report_id}: {state}, {mails} mails")
    return state, mails, said[:80]


@contextlib.contextmanager
def _mounted(options: str) -> Iterator[Path | None]:
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    try:
        yield folder if done.returncode == 0 else None
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def _small_disk() -> contextlib.AbstractContextManager[Path | None]:
    return _mounted("size=64k")


def _frozen_disk() -> contextlib.AbstractContextManager[Path | None]:
    return _mounted("ro")
