"""The render worker over a real mongod, without a kernel: the files that it stores, and those of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from pycemaker.errors import DatabaseUnreachable, NothingToSend, PycemakerError
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_document import new_recipients, sha256_hex
from pycemaker.jobs.job_store import JobStore, LeaseLost
from pycemaker.jobs.outage_retry import outage_retry
from pycemaker.jobs.render_job import RenderWorker
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import OnProgress
from tests.services.rendered import NOW
from tests.services.submissions import submit


@pytest.fixture
def job_store(database: Database) -> JobStore:
    return JobStore(database, "one", lease_seconds=5)


def taken(job_store: JobStore) -> dict[str, Any]:
    """A job that this store has claimed."""
    document = {"_id": "r", "notebook": "report", "parameters": {}, "attach": [], "hours": 6, "end": NOW}
    job_store.enqueue(document | {"recipients": new_recipients("r", ["a@b.com"], "b.com")}, submit("key"), claimed=True)
    return job_store.get("r")


def worker_of(
    job_store: JobStore, database: Database, workspaces: Path, fails_with: PycemakerError | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> RenderWorker:  # fmt: skip
    """A worker whose process makes up a message, or fails; `meanwhile` happens while it does."""

    def run(task: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        folder = Path(task["folder"])
        folder.mkdir(parents=True)
        (folder / "executed.ipynb").write_text("ours")
        (folder / "message.eml").write_bytes(b"Subject: ours\r\n\r\nours\r\n")
        for stage in ("notebook", "render"):
            on_progress(stage, 0, 1)
        meanwhile()
        if fails_with:
            raise fails_with
        return {"subject": "ours", "message_bytes": 100}

    retry_on_outage = outage_retry(5, lambda _seconds: None, lambda: 0.0)
    return RenderWorker(job_store, ArtifactStore(database), workspaces, run, retry_on_outage, workspaces)


def test_a_message_that_is_passed_on_already_is_not_touched_when_the_answer_was_lost(
    job_store: JobStore, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery worker may be reading it."""
    release = JobStore.release
    kept: list[str] = []
    put = ArtifactStore.put

    def lose_first_answer(job_store: JobStore, *given: Any, **more: Any) -> None:
        release(job_store, *given, **more)
        kept.append("passed on")
        raise DatabaseUnreachable(reason="its answer was lost")

    def note_put(files: ArtifactStore, report_id: str, contents: dict[str, bytes]) -> None:
        kept.extend(contents)
        put(files, report_id, contents)

    monkeypatch.setattr(JobStore, "release", lose_first_answer)
    monkeypatch.setattr(ArtifactStore, "put", note_put)
    job = taken(job_store)
    with pytest.raises(LeaseLost):
        worker_of(job_store, database, tmp_path).render(job, lambda *_: None)
    assert kept == ["executed.ipynb", "message.eml", "passed on"]
    assert job_store.get("r")["state"] == "rendered"


@pytest.mark.parametrize("fails_with", [None, NothingToSend(reason="no figure")])
def test_a_worker_that_lost_the_lease_leaves_the_new_owners_files_alone(
    job_store: JobStore, database: Database, tmp_path: Path, fails_with: PycemakerError | None
) -> None:
    files = ArtifactStore(database)

    def lose() -> None:
        job_store.release("r", states.QUEUED)
        JobStore(database, "another").claim(states.TO_RENDER)
        files.put("r", {"executed.ipynb": b"theirs", "message.eml": b"theirs"})

    job = taken(job_store)
    with pytest.raises(LeaseLost):
        worker_of(job_store, database, tmp_path, fails_with, lose).render(job, lambda *_: None)
    assert [files.get("r", name) for name in files.names("r")] == [b"theirs", b"theirs"]


def test_the_stored_message_is_the_one_that_the_first_recipient_gets(
    job_store: JobStore, database: Database, tmp_path: Path
) -> None:
    job = taken(job_store) | {"request_id": "asked-1"}
    worker_of(job_store, database, tmp_path).render(job, lambda *_: None)
    kept = message_from_bytes(ArtifactStore(database).get("r", "message.eml"))
    assert (kept["To"], kept["Message-ID"], kept["Subject"]) == ("a@b.com", "<r.0@b.com>", "ours")
    assert kept["X-Pycemaker-Request"] == "asked-1"


def test_a_failed_report_s_record_says_of_what_it_was_to_be_made_and_how_long_that_took(
    job_store: JobStore, database: Database, tmp_path: Path
) -> None:
    notebook = tmp_path / "report.ipynb"
    notebook.write_text("{}")
    worker = worker_of(
        job_store,
        database,
        tmp_path,
        NothingToSend(reason="no figure"),
        lambda: notebook.write_text("edited meanwhile"),
    )
    worker.render(taken(job_store), lambda *_: None)
    job = job_store.get("r")
    assert job["notebook_sha256"] == sha256_hex("{}")
    assert job["versions"].keys() >= {"papermill", "pandas"}
    assert job["stage_seconds"].keys() == {"notebook", "render"}
    (recipient,) = job["recipients"]
    assert recipient["at"] == {"queued": job["asked_at"], "failed": job["ended_at"]}
    assert job["progress"] == {"done": 0, "total": 1}  # where it ended


def test_a_made_report_s_record_shows_no_progress_any_more(
    job_store: JobStore, database: Database, tmp_path: Path
) -> None:
    worker_of(job_store, database, tmp_path).render(taken(job_store), lambda *_: None)
    assert job_store.get("r").keys() & {"progress", "stage_seconds"} == {"stage_seconds"}


@pytest.mark.parametrize(
    ("only_if", "severity", "state"),
    [
        ("always", 0, "rendered"),
        ("finding", 0, "quiet"),
        ("finding", 1, "rendered"),
        ("critical", 2, "quiet"),
        ("critical", 3, "rendered"),
        ("critical", None, "rendered"),
    ],
)
def test_a_report_without_the_findings_that_its_schedule_wants_is_mailed_to_nobody(
    only_if: str, severity: int | None, state: str, job_store: JobStore, database: Database, tmp_path: Path
) -> None:
    job = taken(job_store) | {"only_if": only_if}
    worker = worker_of(job_store, database, tmp_path)

    def run(task: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        return worker.run(task, on_progress) | {"severity": severity}

    replace(worker, run=run).render(job, lambda _stage, _done, _total: None)
    assert job_store.get("r")["state"] == state
    assert (job_store.claim(states.TO_SEND) is None) == (state == "quiet")
