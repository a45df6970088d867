"""Retention: an old report's files and messages are removed, and neither another's nor figures that mails show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pycemaker.errors import UnknownReport
from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.firebase import FirebaseFigures
from pycemaker.reports.report_model import Figure
from tests.services.rendered import put_rendered
from tests.services.report_service import service_of
from tests.services.storage import Storage, storage_emulator
from tests.services.stored_jobs import edit_job

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FIGURES = (Figure("a.png", b"\x89PNG", "a"), Figure("b.png", b"\x89PNG", "b"))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    with storage_emulator() as emulator:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        yield emulator


def desk_over(database: Database, folder: Path, storage: Storage) -> ReportService:
    return service_of(database, storage.environment, DATA_DIR=str(folder))


def written(database: Database, report_service: ReportService, report_id: str, *, is_old: bool) -> None:
    """A report in the outbox."""
    put_rendered(report_service, report_id, "a@b.com", "c@d.com")
    claimed = report_service.job_store.claim(states.TO_SEND, report_id)
    assert claimed is not None
    report_service.deliver(claimed)
    if is_old:
        edit_job(database, report_id, {"$set": {"ended_at": LONG_AGO}})


def test_its_files_and_its_messages_go_and_no_others_and_figures_that_mails_show_stay(
    database: Database, tmp_path: Path, storage: Storage
) -> None:
    report_service = desk_over(database, tmp_path, storage)
    store = FirebaseFigures(storage.key, storage.bucket)
    links = store("old", FIGURES)
    written(database, report_service, "old", is_old=True)
    written(database, report_service, "new", is_old=False)
    (tmp_path / "outbox" / "own.eml").write_text("kept by hand")
    assert len(list((tmp_path / "outbox").iterdir())) == 5
    assert report_service.apply_retention() == 1
    assert len(storage.objects()) == len(links) == 2
    kept = {recipient["reply"] for recipient in report_service.job_store.get("new")["recipients"]}
    assert {path.name for path in (tmp_path / "outbox").iterdir()} == kept | {"own.eml"}
    assert (report_service.files.names("old"), report_service.files.names("new")) == ([], ["message.eml"])
    with pytest.raises(UnknownReport):
        report_service.job_store.get("old")
    assert report_service.apply_retention() == 0


@pytest.mark.parametrize("name", ["../kept.eml", "kept.eml", "20220410T124323Z-00000000.eml", "", "/etc/hostname"])
def test_only_a_message_of_its_own_is_removed_whatever_the_record_names(
    database: Database, tmp_path: Path, storage: Storage, name: str
) -> None:
    report_service = desk_over(database, tmp_path, storage)
    written(database, report_service, "old", is_old=True)
    edit_job(database, "old", {"$set": {"recipients.0.reply": name, "recipients.1.via": "smtp"}})
    for path in (tmp_path / "kept.eml", tmp_path / "outbox" / "kept.eml", tmp_path / "outbox" / Path(name or "x").name):
        path.write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    assert report_service.apply_retention() == 1
    assert sorted(tmp_path.rglob("*")) == before
