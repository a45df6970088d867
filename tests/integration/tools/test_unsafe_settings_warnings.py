"""Warnings about dangerous settings, at the start and by `doctor`, over a real MongoDB."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pycemaker.cli import startup
from pycemaker.mongo import embedded, mongod_binary
from pycemaker.mongo.database import Database
from pycemaker.settings import Settings, from_mapping
from pycemaker.telemetry.check_runner import WARN
from pycemaker.tools import unsafe_settings
from pycemaker.tools.machine_checks import check_settings

GIVEN = {
    "HOST": "0.0.0.0",  # noqa: S104
    "REPORT_RECIPIENTS": "@com",
    "TRUSTED_PROXIES": "0.0.0.0/0",
}
SAID = [
    "anyone who reaches HOST may ask for reports (API_TOKEN)",
    "@com is nobody's own domain (REPORT_RECIPIENTS)",
    "whoever calls from 0.0.0.0/0 may say that they are somebody else (TRUSTED_PROXIES)",
]


def settings_of(database_url: str, **more: str) -> Settings:
    return from_mapping({"MONGO_DB_URL": database_url, **GIVEN, **more})


def of_version(database: Database) -> list[str]:
    version = database.handle.command("buildInfo")["version"]
    warnings = unsafe_settings.of_mongodb(version, datetime.now(UTC).date())
    return [warnings] if warnings else []


def test_the_start_says_each_in_a_line_of_its_own(
    database: Database, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    startup.print_banner(settings_of(database_url), database)
    lines = capsys.readouterr().err.splitlines()
    warnings = [line.removeprefix("  beware: ") for line in lines if line.startswith("  beware: ")]
    assert warnings == SAID + of_version(database)


def test_the_start_logs_each_where_log_lines_are_json(
    database: Database, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "pycemaker.cli.startup"):
        startup.print_banner(settings_of(database_url, LOG_FORMAT="json"), database)
    warnings = [record.getMessage().removeprefix("beware: ") for record in caplog.records]
    assert warnings == SAID + of_version(database)


def test_doctor_lists_them(database_url: str) -> None:
    finding = check_settings(settings_of(database_url))
    assert (finding.level, finding.message) == (WARN, "; ".join(SAID))


def test_a_mongod_on_path_that_does_not_run_is_passed_over_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installed one starts in its place, and what version its files have is noted beside them."""
    broken = tmp_path / "bin" / "mongod"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nkill -ILL $$\n")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", f"{broken.parent}:/bin:/usr/bin")
    warnings: list[str] = []
    held = embedded.acquire(tmp_path, warnings.append)
    held.release()
    assert warnings[0] == "the mongod on PATH (unknown) is passed over: it does not run here"
    assert (tmp_path / "mongo" / mongod_binary.NOTE).read_text() == "6.0"
