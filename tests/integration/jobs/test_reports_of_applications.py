"""Reports about an application, with a kernel: its name in mail and record, its samples alone."""

from __future__ import annotations

import email
from dataclasses import replace
from email import policy
from pathlib import Path

import pytest

from pycemaker import errors
from pycemaker.collect import demo_history
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.settings import ROOT
from tests.integration.jobs.test_reports import (
    FIGURE,
    NOW,
    database,
    database_url,
    folder,
    notebook_of,
    nothing_of_another_test,
    report_service,
    request_for,
)
from tests.services.report_service import make

__all__ = ["database", "database_url", "folder", "nothing_of_another_test", "report_service"]


def test_a_report_about_an_application_names_it_and_has_its_samples_alone(
    report_service: ReportService, folder: Path, database: Database
) -> None:
    database["cpu_usage"].insert_many({"time_series": NOW, "value": 0.123 + n} for n in range(3))
    demo_history.write_history(database, NOW, 12, application="loja")
    about = replace(request_for(ROOT / "notebooks" / "report.ipynb"), application="loja", attach=("csv",))
    record = make(report_service, about)
    assert record["application"] == "loja"
    assert "— loja, 10/04/2022" in record["subject"]
    assert record["attachments"][0]["name"].startswith("pycemaker-loja-")
    [message] = (folder / "outbox").glob("*.eml")
    html = email.message_from_bytes(message.read_bytes(), policy=policy.default).get_body(("html",))
    assert html is not None
    assert "loja" in html.get_content()
    alone = make(report_service, replace(about, report_id="default", application="", attach=()))
    assert "application" not in alone
    assert "loja" not in alone["subject"]
    assert record["data_digest"] != alone["data_digest"]


def test_a_notebook_older_than_the_parameter_makes_no_report_about_an_application(
    report_service: ReportService, folder: Path, database: Database
) -> None:
    demo_history.write_history(database, NOW, 1)
    database["cpu_usage"].insert_one({"time_series": NOW, "value": 0.5, "application": "loja"})
    older = notebook_of(folder, "from pycemaker import read_period\nread_period(date_now, time_range)", FIGURE)
    with pytest.raises(errors.NotebookFailed) as caught:
        make(report_service, replace(request_for(older), application="loja"))
    assert caught.value.facts["exception"] == "InvalidParameter"
    assert make(report_service, request_for(older, "default"))["state"] == "written"
