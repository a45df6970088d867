"""`python -m pycemaker schedule` over a real mongod."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycemaker.__main__ import main
from pycemaker.mongo.database import Database


def test_a_schedule_is_added_listed_paused_run_and_removed(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    added = ["add", "--name", "Week", "--cron", "0 8 * * 1", "--period", "last_week", "--recipients", "ana@example.com"]
    assert main(["schedule", *added]) == 0
    output = capsys.readouterr()
    schedule_id = output.out.strip()
    assert len(output.err.splitlines()) == 5
    assert main(["schedule", "list"]) == 0
    columns = capsys.readouterr().out.strip().split("\t")
    assert (columns[0], columns[2:]) == (schedule_id, ["-", "ana@example.com", "Week"])
    assert main(["schedule", "pause", schedule_id]) == 0
    main(["schedule", "list"])
    assert capsys.readouterr().out.split("\t")[1] == "paused"
    assert main(["schedule", "pause", schedule_id, "--resume"]) == 0
    assert main(["schedule", "run", schedule_id, "--at", "02-11-2026-08-00-00"]) == 0
    report_id = capsys.readouterr().out.strip()
    job = database["reports"].find_one({"_id": report_id})
    assert job is not None
    assert (job["state"], job["hours"], job["schedule"]["id"]) == ("queued", 168, schedule_id)
    assert main(["schedule", "remove", schedule_id]) == 0
    assert main(["schedule", "list"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "--name", "Week", "--cron", "0 8 * *", "--recipients", "ana@example.com"],
        ["add", "--name", "Week", "--cron", "0 8 * * 1"],
        ["remove", "nothing"],
        ["run", "nothing"],
        ["pause", "nothing"],
    ],
)
def test_a_wrong_request_ends_with_2(
    arguments: list[str], tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main(["schedule", *arguments]) == 2
