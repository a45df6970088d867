"""`doctor` against real parts that are well, and ones that are not: what it says, how soon, and with which status."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from pycemaker.__main__ import main
from pycemaker.alerts.evaluation_rounds import EvaluationRounds
from pycemaker.cache.sample_store import Store
from pycemaker.mail.smtp import SmtpSender
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.reports.attachments.pdf import find_chromium
from pycemaker.reports.firebase import FirebaseFigures
from pycemaker.settings import ROOT, from_mapping
from pycemaker.telemetry.check_runner import FAIL, OK, SKIP, WARN, Check, CheckRunner, Outcome
from pycemaker.tools import machine_checks, service_checks, unsafe_settings
from pycemaker.tools.service_checks import SharedConnection
from pycemaker.window import to_epoch_ms
from tests.services.smtp import DRIP, SILENT, SmtpServer, smtp_server
from tests.services.storage import make_key, refusing_storage, storage_emulator

Usage = namedtuple("Usage", "total used free")
CHECKS = ["settings", "folder", "disk", "database", "indexes", "samples", "ledger", "schedules", "alerts", "clock", "sources", "zones", "mail",
          "bucket", "dask", "kernel", "brand", "notebooks", "fonts", "chromium"]  # fmt: skip


def sender_to(server: SmtpServer, **changed: Any) -> SmtpSender:
    plain = SmtpSender(
        server.host, server.port, "ssl", server.user, server.password, timeout_seconds=2, total_seconds=4, context=server.trust
    )  # fmt: skip
    return replace(plain, **changed)


@contextmanager
def shared_over(url: str, folder: Path) -> Iterator[SharedConnection]:
    shared = SharedConnection(from_mapping({"MONGO_DB_URL": url, "DATA_DIR": str(folder)}))
    yield shared
    shared.close()


# --- the mail server


@pytest.mark.parametrize(("security", "level"), [("ssl", OK), ("starttls", OK), ("none", WARN)])
def test_a_mail_server_that_takes_the_login_is_well_and_is_sent_nothing(security: str, level: str) -> None:
    with smtp_server(security) as server:
        outcome = service_checks.check_mail(sender_to(server, security=security), "outbox")
        assert outcome.level == level
        assert ("TLSv1" in outcome.message) is (security != "none")
        assert server.received == []
        assert "MAIL" not in server.said
        assert server.said[-1:] in (["AUTH"], ["QUIT"])


def test_a_relay_without_a_login_is_well() -> None:
    with smtp_server("none", wants_login=False) as server:
        outcome = service_checks.check_mail(sender_to(server, security="none", password=None), "outbox")
    assert (outcome.level, outcome.message) == (
        OK,
        f"127.0.0.1:{server.port} answers; mail goes to it without a login, no TLS",
    )


def test_a_server_whose_logins_cannot_be_done_here_is_reported_with_a_way_out() -> None:
    with smtp_server("ssl", logins=["XOAUTH2"]) as server:
        outcome = service_checks.check_mail(sender_to(server), "outbox")
    assert outcome.level == FAIL
    assert "the server offers XOAUTH2 alone" in outcome.message
    assert (
        outcome.remedy
        == "use a server that takes an app password, or a relay of your own without a login (SMTP_SECURITY=none)"
    )


def test_a_wrong_password_is_reported_without_it() -> None:
    with smtp_server() as server:
        outcome = service_checks.check_mail(sender_to(server, password="wr0ng-made-up"), "outbox")
    assert outcome.level == FAIL
    assert "535" in outcome.message
    assert "app password" in outcome.remedy
    assert "wr0ng-made-up" not in outcome.message + outcome.remedy


def test_a_certificate_that_nobody_vouches_for_is_reported() -> None:
    with smtp_server() as server:
        outcome = service_checks.check_mail(sender_to(server, context=None), "outbox")
    assert (outcome.level, "certificate" in outcome.message, "SSL_CERT_FILE" in outcome.remedy) == (FAIL, True, True)


@pytest.mark.parametrize(("spoken", "security", "mend"), [("none", "ssl", "starttls"), ("ssl", "starttls", "ssl")])
def test_the_wrong_kind_of_security_is_reported(spoken: str, security: str, mend: str) -> None:
    with smtp_server(spoken) as server:
        outcome = service_checks.check_mail(sender_to(server, security=security, timeout_seconds=0.5), "outbox")
    assert (outcome.level, "587" in outcome.remedy) == (FAIL, True)
    assert outcome.message.endswith(f"takes SMTP_SECURITY={mend}")


@pytest.mark.parametrize("answer", [SILENT, DRIP])
@pytest.mark.parametrize("step", ["greet", "login"])
def test_a_mail_server_that_hangs_is_reported_in_time(step: str, answer: str) -> None:
    with smtp_server(script={step: answer}) as server:
        began = time.monotonic()
        outcome = service_checks.check_mail(sender_to(server, timeout_seconds=0.5, total_seconds=1), "outbox")
        assert time.monotonic() - began < 3
    assert outcome.level == FAIL


def test_no_mail_server_at_all_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = service_checks.check_mail(SmtpSender("127.0.0.1", port, "ssl", "a@b.com", "x", 1, 2), "outbox")
    assert (outcome.level, "SMTP_PORT" in outcome.remedy) == (FAIL, True)
    assert "SMTP_PORT" in outcome.remedy


def test_no_account_is_something_to_know_and_no_failure() -> None:
    assert service_checks.check_mail(None, "the-outbox").level == WARN


# --- the bucket


def test_a_bucket_takes_an_object_gives_it_back_and_lets_it_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with storage_emulator() as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        outcome = service_checks.check_bucket(FirebaseFigures(storage.key, storage.bucket))
        assert (outcome.level, outcome.remedy) == (OK, "")
        assert storage.objects() == []


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_bucket_that_refuses_is_reported_with_its_status_and_no_secret(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing_storage(status) as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        outcome = service_checks.check_bucket(FirebaseFigures(storage.key, storage.bucket, total_seconds=3))
    assert outcome.level == FAIL
    assert f"HTTP {status}" in outcome.message
    for secret in ("ya29", "PRIVATE"):
        assert secret not in outcome.message


def test_a_key_that_gets_no_token_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with storage_emulator(token=400) as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        # A bucket of its own: another test's emulator may have had this port, and the app that is kept has its token.
        outcome = service_checks.check_bucket(FirebaseFigures(storage.key, "without-a-token.example.com"))
    assert (outcome.level, "token" in outcome.message, "FIREBASE_SETTINGS" in outcome.remedy) == (FAIL, True, True)


def test_a_bucket_that_hangs_is_reported_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing_storage("silent") as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        began = time.monotonic()
        outcome = service_checks.check_bucket(FirebaseFigures(storage.key, storage.bucket, total_seconds=1))
        assert time.monotonic() - began < 4
    assert outcome.level == FAIL


# --- the database


def level_of(output: str) -> str:
    """That of a database without a fault: its version may be past its end."""
    version = output.partition("MongoDB ")[2].partition(",")[0]
    return WARN if unsafe_settings.of_mongodb(version, datetime.now(UTC).date()) else OK


def test_a_database_that_is_there_names_its_version_and_how_far_it_is(database_url: str, tmp_path: Path) -> None:
    with shared_over(database_url, tmp_path) as shared:
        outcome = service_checks.check_database(shared)
        assert outcome.level == level_of(outcome.message)
        assert "MongoDB 6.0" in outcome.message
        assert "at MONGO_DB_URL" in outcome.message
        assert service_checks.check_clock(shared).level == OK


def test_indexes_that_are_missing_are_named_and_none_is_made(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    database["cpu_usage"].insert_one({"value": 1})
    with shared_over(database_url, tmp_path) as shared:
        outcome = service_checks.check_indexes(shared)
        assert (outcome.level, outcome.message) == (WARN, "none on time_series and _id: cpu_usage")
        assert len(list(database["cpu_usage"].list_indexes())) == 1
        for metric in METRICS:
            Store(database).reader.prepare(metric)
        assert service_checks.check_indexes(shared).message == "6 of 6 collections have theirs"


def test_samples_are_looked_at_for_their_dates_their_distance_and_whether_they_come(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    now_utc = datetime.now(UTC)
    with shared_over(database_url, tmp_path) as shared:
        assert service_checks.check_samples(shared).message == "no metric has a document in this database"
        for metric in METRICS:
            Store(database).reader.prepare(metric)
        times = [now_utc - timedelta(seconds=60 * back) for back in range(1, 50)]
        database["cpu_usage"].insert_many([{"time_series": time, "value": 0.5} for time in times])
        outcome = service_checks.check_samples(shared)
        assert (outcome.level, outcome.message) == (OK, "1 of 6 metrics, a sample every 60 s")
        database["disk_usage"].insert_many([{"time_series": time - timedelta(hours=3), "value": 0.5} for time in times])
        outcome = service_checks.check_samples(shared)
        assert (outcome.level, outcome.message) == (WARN, "no sample comes any more: disk_usage for 181 min")
        database["disk_usage"].insert_one({"value": 0.5})
        outcome = service_checks.check_samples(shared)
        assert (outcome.level, outcome.message) == (WARN, "some documents carry no date: disk_usage")
        database["http_fail"].insert_one({"time_series": now_utc.isoformat(), "value": 0})
        outcome = service_checks.check_samples(shared)
        assert (outcome.level, outcome.message) == (FAIL, "no document carries a date: http_fail")


def test_readings_that_are_no_numbers_are_named(database_url: str, database: Database, tmp_path: Path) -> None:
    for metric in METRICS:
        Store(database).reader.prepare(metric)
    now_utc = datetime.now(UTC)
    database["disk_usage"].insert_one({"time_series": now_utc, "value": "0.53"})
    database["cpu_usage"].insert_one({"time_series": now_utc, "value": "53%"})
    with shared_over(database_url, tmp_path) as shared:
        outcome = service_checks.check_samples(shared)
        assert (outcome.level, outcome.message) == (FAIL, "no number is the reading of the newest documents: cpu_usage")
        database["cpu_usage"].insert_one({"time_series": now_utc, "value": 0.53})
        assert service_checks.check_samples(shared).level == OK


def test_a_view_is_named_and_not_looked_at(database_url: str, database: Database, tmp_path: Path) -> None:
    for metric in METRICS[1:]:
        Store(database).reader.prepare(metric)
    database["raw"].insert_one({"time_series": datetime.now(UTC), "value": 0.5})
    database.handle.create_collection(METRICS[0].collection, viewOn="raw", pipeline=[])
    with shared_over(database_url, tmp_path) as shared:
        indexes, samples = service_checks.check_indexes(shared), service_checks.check_samples(shared)
    assert (indexes.level, indexes.message) == (WARN, "a view takes none of its own: cpu_usage")
    assert (samples.level, samples.message) == (WARN, "a view is not looked at: cpu_usage")


def test_a_database_that_reports_can_be_written_to_is_left_as_it_was(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    with shared_over(database_url, tmp_path) as shared:
        outcome = service_checks.check_job_store(shared)
    assert (outcome.level, outcome.message) == (OK, "a file was written, read and removed; reports waiting: 0")
    assert database["report_files.files"].count_documents({}) == 0
    assert database["report_files.chunks"].count_documents({}) == 0
    assert database["reports"].count_documents({}) == 0


def test_a_database_that_takes_no_report_fails(database_url: str, database: Database, tmp_path: Path) -> None:
    database.handle.create_collection("report_files.files", validator={"$expr": False})
    with shared_over(database_url, tmp_path) as shared:
        outcome = service_checks.check_job_store(shared)
    assert (outcome.level, outcome.message) == (FAIL, "no report can be written down: WriteError 121")
    assert "readWrite" in outcome.remedy


def test_a_database_that_is_away_fails_once_and_what_needs_it_is_skipped(tmp_path: Path) -> None:
    began = time.monotonic()
    with shared_over("mongodb://made-user:made-word@127.0.0.1:1/x", tmp_path) as shared:
        outcome = service_checks.check_database(shared)
        levels = [service_checks.check_indexes(shared).level, service_checks.check_clock(shared).level]
    assert time.monotonic() - began < 5
    assert (outcome.level, levels) == (FAIL, [SKIP, SKIP])
    assert "MONGO_DB_URL" in outcome.remedy
    for hidden in ("made-user", "made-word", "127.0.0.1"):
        assert hidden not in outcome.message + outcome.remedy


def test_alerts_that_nobody_evaluates_are_reported(database_url: str, database: Database, tmp_path: Path) -> None:
    rounds = EvaluationRounds(database)
    with shared_over(database_url, tmp_path) as shared:
        assert service_checks.check_alerts(shared) == Outcome(OK, "none was evaluated yet")
        for minutes, level, message in ((5, WARN, "none was evaluated for 5 min; open: 0"), (1, OK, "open: 0")):
            minute_ms = to_epoch_ms(database.now() - timedelta(minutes=minutes))
            rounds.claim(minute_ms)
            assert rounds.finish(minute_ms, is_last=True)
            outcome = service_checks.check_alerts(shared)
            assert (outcome.level, outcome.message) == (level, message)


def test_an_embedded_one_that_cannot_start_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mongo").write_text("a file where a folder has to be")
    shared = SharedConnection(from_mapping({"DATA_DIR": str(tmp_path)}))
    outcome = service_checks.check_database(shared)
    assert (outcome.level, "embedded" in outcome.message, "MONGO_DB_URL" in outcome.remedy) == (FAIL, True, True)


@pytest.mark.parametrize(("seconds", "level"), [(0, OK), (10, WARN), (-10, WARN), (600, FAIL)])
def test_a_clock_that_is_off_is_reported(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, level: str
) -> None:
    class Shifted(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(seconds=seconds)

    monkeypatch.setattr(service_checks, "datetime", Shifted)
    with shared_over(database_url, tmp_path) as shared:
        outcome = service_checks.check_clock(shared)
    assert outcome.level == level
    if seconds:
        assert ("ahead" if seconds > 0 else "behind") in outcome.message
        assert "NTP" in outcome.remedy


# --- the machine


def test_settings_that_let_too_many_in_are_something_to_know() -> None:
    assert machine_checks.check_settings(from_mapping({})).level == OK
    assert "API_TOKEN" in machine_checks.check_settings(from_mapping({"HOST": "192.0.2.1"})).message
    assert (
        machine_checks.check_settings(
            from_mapping({"HOST": "192.0.2.1", "API_TOKEN": "s3cret-token-of-24-signs"})
        ).level
        == OK
    )
    mail = {"EMAIL_FROM": "a@b.com", "PASSWORD": "x", "REPORT_RECIPIENTS": "*"}
    assert "REPORT_RECIPIENTS" in machine_checks.check_settings(from_mapping(mail)).message
    assert "PUBLIC_URL" in machine_checks.check_settings(from_mapping(mail)).message


def test_a_folder_that_cannot_be_written_is_reported_and_one_that_can_is_left_as_it_was(tmp_path: Path) -> None:
    assert machine_checks.check_folder(tmp_path / "new").level == OK
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("")
    outcome = machine_checks.check_folder(tmp_path / "file" / "below")
    assert (outcome.level, "DATA_DIR" in outcome.remedy) == (FAIL, True)


@pytest.mark.parametrize(
    ("free", "level"), [(100 * 2**20, FAIL), (2**30, WARN), (2**40, OK)], ids=["100 MB", "1 GB", "1 TB"]
)
def test_room_that_runs_out_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**41, 0, free))
    assert machine_checks.check_disk(tmp_path / "not there yet").level == level


@pytest.mark.parametrize("name", ["America/Sao_Paulo", "UTC", "America/Argentina/Buenos_Aires", "Asia/Kolkata"])
def test_zone_data_that_agrees_is_well(name: str) -> None:
    assert machine_checks.check_zones(ZoneInfo(name)).level == OK


def test_zone_data_of_another_opinion_is_reported() -> None:
    with resources.files("tzdata.zoneinfo.Europe").joinpath("Paris").open("rb") as file:
        stale = ZoneInfo.from_file(file, "America/Sao_Paulo")
    outcome = machine_checks.check_zones(stale)
    assert (outcome.level, "tzdata" in outcome.remedy) == (WARN, True)


def test_a_kernel_starts_and_nothing_of_it_is_left() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    assert machine_checks.check_kernel().level == OK
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_a_kernel_without_a_library_says_which() -> None:
    outcome = machine_checks.check_kernel("import no_such_library")
    assert (outcome.level, "no_such_library" in outcome.message, "requirements.txt" in outcome.remedy) == (
        FAIL,
        True,
        True,
    )


def test_notebooks_are_read(tmp_path: Path) -> None:
    assert machine_checks.check_notebooks().message.split(", ") == ["alert", "capacity", "fleet", "report"]
    assert machine_checks.check_notebooks(tmp_path).level == FAIL
    (tmp_path / "broken.ipynb").write_text("{")
    assert "broken" in machine_checks.check_notebooks(tmp_path).message


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a script")
def test_the_browser_that_prints_pdfs_is_the_one_that_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = machine_checks.check_browser()
    assert (missing.level, find_chromium()) == (WARN, None)
    assert "PDF" in str(missing.remedy)
    program = tmp_path / "google-chrome-stable"
    program.write_text("#!/bin/sh\necho Google Chrome 131.0\n")
    program.chmod(0o755)
    assert find_chromium() == str(program)
    assert machine_checks.check_browser() == Outcome(OK, "Google Chrome 131.0")


def test_fonts_and_chromium_are_found_or_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycemaker.presentation.figures.canvas.font_families", lambda: ("DejaVu Sans", "Symbola"))
    assert machine_checks.check_fonts() == Outcome(
        OK,
        "figures are drawn with DejaVu Sans, which has no signs for Chinese, Japanese and Korean"
        " (only needed where figures show them; in Debian: apt-get install fonts-noto-cjk)",
    )
    monkeypatch.setenv("PATH", "")
    assert machine_checks.check_browser().level == WARN


# --- all of it


def test_checks_run_side_by_side_in_bounded_time_and_are_reported_in_order() -> None:
    release = threading.Event()

    def hangs() -> Outcome:
        release.wait(20)
        return Outcome(OK, "late")

    def breaks() -> Outcome:
        raise ZeroDivisionError

    began = time.monotonic()
    checks = [Check("hangs", hangs, 0.3), Check("breaks", breaks), Check("well", lambda: Outcome(OK, "x"))]
    output = [(result.name, result.outcome.level) for result in CheckRunner(checks).results()]
    release.set()
    assert time.monotonic() - began < 2
    assert output == [("hangs", FAIL), ("breaks", FAIL), ("well", OK)]


def run(folder: Path, *options: str, **given: str) -> subprocess.CompletedProcess[str]:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    command = [sys.executable, "-m", "pycemaker", "doctor", *options]
    environment = {**plain, "DATA_DIR": str(folder), "FIREBASE_SETTINGS": "none", **given}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_where_all_is_well_the_status_is_0_and_json_says_so(database_url: str, tmp_path: Path) -> None:
    with smtp_server() as server, storage_emulator() as storage:
        given = storage.environment | {
            "MONGO_DB_URL": database_url, "SMTP_HOST": server.host, "SMTP_PORT": str(server.port),
            "EMAIL_FROM": server.user, "PASSWORD": server.password, "SSL_CERT_FILE": str(server.ca_file),
            "PUBLIC_URL": "https://reports.example.com",
        }  # fmt: skip
        output = run(tmp_path, "--json", **given)
        assert server.received == []
    outcome = json.loads(output.stdout)
    levels = {check["name"]: check["level"] for check in outcome["checks"]}
    assert list(levels) == CHECKS
    assert {name: level for name, level in levels.items() if level == FAIL} == {}, output.stdout
    assert levels["mail"] == levels["bucket"] == levels["kernel"] == OK
    (database_message,) = [check["told"] for check in outcome["checks"] if check["name"] == "database"]
    assert levels["database"] == level_of(database_message)
    assert (outcome["ok"], output.returncode) == (True, 0)


def test_where_something_failed_the_status_is_1_and_every_failing_line_says_how_to_mend_it(tmp_path: Path) -> None:
    key = json.dumps(make_key("http://127.0.0.1:1").content)
    secrets = {
        "PASSWORD": "made-up-pa55",
        "MONGO_DB_URL": "mongodb://ana:made-word@127.0.0.1:1/x",
        "API_TOKEN": "made-t0ken",
    }
    output = run(tmp_path, FIREBASE_SETTINGS=key, EMAIL_FROM="a@b.com", SMTP_HOST="127.0.0.1", SMTP_PORT="1", **secrets)
    assert output.returncode == 1
    lines = output.stdout.splitlines()
    failing = [index for index, line in enumerate(lines) if line.startswith(" fail")]
    assert [lines[index].split()[1] for index in failing] == ["database", "mail", "bucket"]
    assert all(lines[index + 1].strip().startswith("-> ") for index in failing)
    assert [line[7:17].strip() for line in lines if line[:1] == " " and not line[1:6].isspace()] == CHECKS
    for secret in ("made-up-pa55", "made-word", "made-t0ken", "PRIVATE KEY", "Traceback"):
        assert secret not in output.stdout + output.stderr


def test_settings_that_cannot_be_used_are_a_table_too_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("TIMEZONE", "Mars/Olympus")
    assert main(["doctor", "--json"]) == 2
    outcome = json.loads(capsys.readouterr().out)
    assert [check["told"].split()[0] for check in outcome["checks"]] == ["TIMEZONE", "PORT"]
    assert main(["doctor"]) == 2
    assert capsys.readouterr().out.count("fail  settings") == 2
