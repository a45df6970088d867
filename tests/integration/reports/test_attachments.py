"""Attachments of real reports over real samples, read back by the programs that readers use."""

from __future__ import annotations

import email
import email.policy
import io
import os
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.attachments.pdf import find_chromium
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT
from pycemaker.window import Window
from tests.services.report_service import make, service_of

CHROMIUM = find_chromium()
NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
STEM = "pycemaker-20220410T124323Z-1h"


@pytest.fixture
def report_service(tmp_path: Path, database: Database, database_url: str) -> ReportService:
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    environment = plain | {"DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url}
    return service_of(database, environment)


@pytest.fixture
def samples(database: Database) -> None:
    """An hour of CPU: 720 samples, one of them without a finite reading, one word that a spreadsheet would compute."""
    words = ["low", "high", "=1+1", "a,b"]
    database["cpu_usage"].insert_many(
        {"time_series": NOW - timedelta(seconds=5 * back), "value": back / 1000, "criticity": words[back % 4]}
        for back in range(720)
    )
    database["cpu_usage"].update_one({"time_series": NOW}, {"$set": {"value": "broken"}})
    database["http_fail"].insert_one({"time_series": NOW, "value": 3})


def sent(report_service: ReportService, folder: Path, *kinds: str) -> tuple[dict[str, object], EmailMessage]:
    request = ReportRequest("a-report", ROOT / "notebooks" / "report.ipynb", Window(NOW, 1), ("a@b.com",), attach=kinds)
    record = make(report_service, request)
    (written,) = (folder / "outbox").glob("*.eml")
    message = email.message_from_bytes(written.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return record, message


@pytest.mark.usefixtures("samples")
def test_the_samples_travel_as_csv_which_pandas_reads(report_service: ReportService, tmp_path: Path) -> None:
    record, message = sent(report_service, tmp_path, "csv")
    (attached,) = message.iter_attachments()
    content = attached.get_content()
    assert attached.get_filename() == f"{STEM}-csv.zip"
    assert record["attachments"] == [{"kind": "csv", "name": f"{STEM}-csv.zip", "bytes": len(content)}]
    assert record["attachments_missing"] == {}
    with ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        cpu = pd.read_csv(archive.open("cpu.csv"), parse_dates=["time_utc"])
        ram = archive.read("ram.csv")
        fail = archive.read("http_fail.csv")
        summary = pd.read_csv(archive.open("summary.csv"), index_col="metric")
    assert list(cpu.columns) == ["time_utc", "value_ratio", "criticity"]
    assert (len(cpu), cpu["time_utc"].iloc[-1]) == (720, pd.Timestamp(NOW))
    assert (cpu["value_ratio"].isna().sum(), cpu["value_ratio"].max()) == (1, 0.719)
    assert set(cpu["criticity"]) == {"low", "high", "'=1+1", "a,b"}
    assert ram == b"time_utc,value_ratio,criticity\r\n"
    assert fail == b"time_utc,value_requests_per_sample,criticity\r\n2022-04-10T12:43:23.000Z,3.0,unknown\r\n"
    assert summary.loc["cpu", "mean"] == pytest.approx(0.36)
    assert tuple(summary.loc["cpu", ["samples_received", "samples_expected"]]) == (720, 720)
    assert summary.loc["cpu", "highest_first_utc"] == "2022-04-10T11:43:28.000Z"
    assert summary.loc["ram"].isna().sum() == 9


@pytest.mark.usefixtures("samples")
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_all_three_travel_together_and_the_pdf_is_the_page(report_service: ReportService, tmp_path: Path) -> None:
    record, message = sent(report_service, tmp_path, "csv", "xlsx", "pdf")
    names = [f"{STEM}-{name}" for name in ("csv.zip", "samples.xlsx", "report.pdf")]
    assert [part.get_filename() for part in message.iter_attachments()] == names
    assert [each["name"] for each in record["attachments"]] == names
    assert "attachments" in record["stage_seconds"]
    workbook, pdf = (part.get_content() for part in list(message.iter_attachments())[1:])
    cpu = pd.read_excel(io.BytesIO(workbook), sheet_name="Consumo de CPU")
    assert len(cpu) == 720
    assert cpu["Horário (UTC)"].iloc[-1] == pd.Timestamp(NOW).tz_localize(None)
    assert pdf.startswith(b"%PDF-1.")
    assert b"/StructTreeRoot" in pdf
    assert b"/Lang (pt-BR)" in pdf
    assert pdf.count(b"/Type /Page\n") == len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) >= 3


def test_without_chromium_the_report_leaves_and_says_that_the_pdf_does_not(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    environment = {"PATH": str(tmp_path / "empty"), "DATA_DIR": str(tmp_path), "MONGO_DB_URL": database_url}
    report_service = service_of(database, environment)
    record, message = sent(report_service, tmp_path, "csv", "pdf")
    assert record["state"] == "written"
    assert record["attachments_missing"] == {"pdf": "no Chromium on PATH"}
    assert [part.get_filename() for part in message.iter_attachments()] == [f"{STEM}-csv.zip"]
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert "O anexo em PDF não pôde ser feito." in " ".join(body.get_content().split())


def test_a_report_that_is_asked_for_nothing_more_carries_nothing_more(
    report_service: ReportService, tmp_path: Path
) -> None:
    record, message = sent(report_service, tmp_path)
    assert list(message.iter_attachments()) == []
    assert "attachments" not in record
