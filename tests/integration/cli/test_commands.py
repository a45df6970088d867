"""The command line with real parts: previews with a kernel, and what it says and returns where something is wrong."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pycemaker.__main__ import main
from pycemaker.collect import demo_history
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT, from_mapping
from pycemaker.tools.preview_builder import RECIPIENT, PreviewBuilder
from pycemaker.window import Window
from tests.integration.jobs.test_reports import NOW
from tests.services.report_service import service_of
from tests.services.shared_template import TEMPLATE
from tests.services.smtp import DROP, smtp_server


def test_a_preview_of_the_capacity_review_shows_the_mail_and_mails_nothing(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    demo_history.write_history(database, NOW, 30)
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    arguments = ["preview", "capacity", "--no-open", "--date", "10-04-2022-09-43-23", "-p", "limit", "0.8"]
    assert main(arguments) == 0
    output = capsys.readouterr().err
    assert "nothing is wrong with it" in output
    page = (tmp_path / "preview" / "capacity" / "preview.html").read_text()
    assert "Chega a 80%" in page
    assert "histórico curto" in page
    assert page.count("<iframe") == 6
    assert (tmp_path / "preview" / "capacity" / "stamp.js").read_text().startswith("pycemakerStamp(")
    assert not (tmp_path / "outbox").exists()


def test_a_preview_of_an_unknown_notebook_or_parameter_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main(["preview", "missing", "--no-open"]) == 2
    assert main(["preview", "capacity", "--no-open", "-p", "limt", "1"]) == 2
    assert main(["preview", "capacity", "--no-open", "-p", "limit", "1", "-p", "limit", "1"]) == 2
    assert main(["preview", "--no-open", "--hours", "0"]) == 2
    assert main(["report", "--hours", "745"]) == 2
    assert main(["check", "missing"]) == 2
    output = capsys.readouterr().err
    assert "no notebook 'missing'" in output
    assert "parameter 'limt': unknown" in output
    assert "parameter 'limit': given more than once" in output
    assert list(tmp_path.iterdir()) == []


def test_a_preview_says_what_would_keep_the_mail_from_leaving(tmp_path: Path) -> None:
    """The same check that a report has to pass, this installation's secrets included."""
    notebook = new_notebook(
        cells=[
            new_code_cell('date_now = "now"\ntime_range = 6', metadata={"tags": ["parameters"]}),
            new_code_cell(
                "from matplotlib import pyplot as plt\nfrom pycemaker import figure, picture\n"
                'fig, _ = plt.subplots()\nfigure(picture(fig, "a-figure", "Uma figura sem nada."))'
            ),
            new_code_cell('print("made-up-password")'),
        ]
    )
    path = tmp_path / "leaky.ipynb"
    nbformat.write(notebook, path)
    settings = from_mapping({"EMAIL_FROM": "a@example.com", "PASSWORD": "made-up-password"})
    preview_builder = PreviewBuilder(
        ReportRequest("preview", path, Window(NOW, 6), RECIPIENT), settings, tmp_path / "preview", template=TEMPLATE
    )
    preview_builder.run()
    page = preview_builder.render()
    assert {flaw.rule for flaw in page.flaws} == {"secret"}
    page = preview_builder.file.read_text()
    assert "<strong>secret</strong>" in page


def test_a_report_by_command_whose_mail_may_have_left_says_so(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mail server hangs up after it has the message: it may have been sent."""
    with smtp_server("ssl") as mail:
        mail.script["message"] = DROP
        given = {
            "MONGO_DB_URL": database_url,
            "DATA_DIR": str(tmp_path),
            "EMAIL_FROM": mail.user,
            "PASSWORD": mail.password,
            "SMTP_HOST": mail.host,
            "SMTP_PORT": str(mail.port),
            "SSL_CERT_FILE": str(mail.ca_file),
        }
        for name, text in given.items():
            monkeypatch.setenv(name, text)
        assert main(["report", "--date", "10-04-2022-09-43-23"]) == 1
    output = capsys.readouterr().err
    assert "the mail may have left all the same" in output
    assert "the mail server refused: waiting for the answer to the message" in output
    assert len(mail.received) == 1


def test_a_report_by_command_is_the_one_that_was_just_sent_however_its_date_is_written(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Two schedulers with the same command are one mail."""
    given = {"MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path)}
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    report_service = service_of(database, given)
    to, iso = ("outbox@localhost.localdomain",), "2022-04-10T12:43:23Z"
    request = ReportRequest("first", ROOT / "notebooks" / "report.ipynb", Window(NOW, 6), to, date_text=iso)
    report_service.enqueue(request, report_service.submission(request), claimed=True)
    report_service.job_store.record_result("first", 0, "written", reply="first.eml", via="outbox")
    report_service.job_store.finish("first", "written", subject="the first one's subject")
    assert main(["report", "--date", "10-04-2022-09-43-23", "--hours", "6"]) == 0
    output = capsys.readouterr().err
    assert "asked for a moment ago" in output
    assert "the first one's subject" in output
    assert [entry["_id"] for entry in report_service.job_store.newest(5)] == ["first"]


def test_a_report_by_command_is_made_again_where_that_is_wanted(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path)}
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    report_service = service_of(database, given)
    to = ("outbox@localhost.localdomain",)
    request = ReportRequest("first", ROOT / "notebooks" / "report.ipynb", Window(NOW, 6), to)
    report_service.enqueue(request, report_service.submission(request), claimed=True)
    monkeypatch.setattr(
        ReportService,
        "run_now",
        lambda report_service, report_id, _on_progress: report_service.job_store.get(report_id),
    )
    main(["report", "--hours", "6", "--again"])
    assert len(report_service.job_store.newest(5)) == 2


def test_demo_data_of_an_application_is_its_own(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, text in {"MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, text)
    demo_history.write_history(database, NOW, 1)
    cpu, alone = database["cpu_usage"], database["cpu_usage"].count_documents({})
    assert main(["sample", "--app", "loja, blog", "--hours", "1"]) == 0
    loja, blog = ([each["value"] for each in cpu.find({"application": name})] for name in ("loja", "blog"))
    assert len(loja) == len(blog) == alone
    assert loja != blog
    assert main(["sample", "--app", "loja", "--hours", "1"]) == 1
    assert main(["sample", "--app", "loja", "--remove"]) == 0
    assert cpu.count_documents({"application": "loja"}) == 0
    assert cpu.count_documents({"application": "blog"}) == cpu.count_documents({"application": None}) == alone
    assert main(["sample", "--app", "Loja"]) == 2
    assert main(["report", "--app", "missing"]) == 2
    assert "no application 'missing'" in capsys.readouterr().err
