"""Several notebooks: requested over the routes and by hand, and the parameters that reach their kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

import server
from pycemaker.cache.sample_store import Store
from pycemaker.collect import demo_history
from pycemaker.collect.sample_document import sample_document
from pycemaker.jobs.report_service import ReportService
from pycemaker.metrics import CPU
from pycemaker.mongo.database import Database
from pycemaker.reports.render import render_page
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.services import Services
from pycemaker.window import Window
from tests.integration.jobs.test_reports import (
    FIGURE,
    NOW,
    database,
    database_url,
    folder,
    nothing_of_another_test,
    record_of,
    report_service,
)
from tests.services.periods import SAO_PAULO
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Answer, Client

__all__ = ["database", "database_url", "folder", "nothing_of_another_test", "report_service"]
REPORT = "/report/10-04-2022-09-43-23/6/a@b.com"
PARAMETERS = 'date_now = "now"\ntime_range = 6\nlimit: float = 0.9  # 0..1: o limite\nword = "a"'


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """A folder with two reports, `report` and `other`; the second has parameters of its own."""
    for name, parameters in (("report", "x = 1"), ("other", PARAMETERS)):
        cells = [
            nbformat.v4.new_markdown_cell(f"# O {name}\n\nO que diz.", metadata={"tags": ["remove-cell"]}),
            nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("print(f'limit is {limit}, word is {word}')\n" + FIGURE),
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    return tmp_path


def client_over(store: Store, notebooks: Path, spent: ReportService, **given: str) -> Client:
    services = Services(from_mapping(given), store, spent, clock=lambda: NOW, notebooks=notebooks)
    return Client(server.create_app(services))


def test_the_list_tells_how_to_ask_for_each_report(store: Store, notebooks: Path) -> None:
    listed = client_over(store, notebooks, RecordingReportService()).get("/notebooks").json["notebooks"]
    assert [entry["name"] for entry in listed] == ["other", "report"]
    other = listed[0]
    assert other["url"] == "/report/{date_now}/{time_range}/{email_to}?notebook=other&limit={limit}&word={word}"
    assert other["path"]["time_range"] == {"type": "integer", "default": 6}
    assert (other["schema"]["title"], other["schema"]["description"]) == ("O other", "O que diz.")
    assert other["schema"]["properties"]["limit"] == {
        "type": "number",
        "description": "o limite",
        "minimum": 0,
        "maximum": 1,
        "default": 0.9,
    }


def test_the_list_needs_the_token_where_the_reports_do(store: Store, notebooks: Path) -> None:
    client = client_over(store, notebooks, RecordingReportService(), API_TOKEN="s3cret")
    assert client.get("/notebooks").status == 401
    assert client.get("/notebooks", x_api_key="s3cret").status == 200


def asked_of(store: Store, notebooks: Path, query: str) -> tuple[Answer, list[Any]]:
    spent = RecordingReportService()
    return client_over(store, notebooks, spent).get(REPORT + query), spent.wanted


def test_the_query_chooses_the_notebook_and_gives_its_parameters(store: Store, notebooks: Path) -> None:
    answer, asked = asked_of(store, notebooks, "?notebook=other&limit=0.5&word=%C3%A9+%22x%22")
    assert answer.status == 200
    assert (asked[0].notebook, asked[0].parameters) == (notebooks / "other.ipynb", {"limit": 0.5, "word": 'é "x"'})
    assert asked[0].papermill_parameters["time_range"] == 6
    answer, asked = asked_of(store, notebooks, "")
    assert (asked[0].notebook.stem, asked[0].parameters) == ("report", {})


@pytest.mark.parametrize("name", ["missing", "", "..%2Freport", "report.ipynb", "%00", "r" * 10_000, "%C3%A9"])
def test_an_unknown_notebook_is_404_before_anything_runs(store: Store, notebooks: Path, name: str) -> None:
    answer, asked = asked_of(store, notebooks, f"?notebook={name}")
    assert (answer.status, answer.json["error"], asked) == (404, "unknown_notebook", [])
    assert str(notebooks) not in answer.body.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("&limt=0.5", "limt"),
        ("&limit=2", "limit"),
        ("&limit=", "limit"),
        ("&limit=0.5&limit=0.6", "limit"),
        ("&time_range=7", "time_range"),
        ("&word=" + "x" * 201, "word"),
    ],
)
def test_an_unknown_or_wrong_parameter_is_400_and_named_before_anything_runs(
    store: Store, notebooks: Path, query: str, field: str
) -> None:
    answer, asked = asked_of(store, notebooks, "?notebook=other" + query)
    assert (answer.status, answer.json["error"], answer.json["field"], asked) == (400, "invalid_parameter", field, [])


def test_a_query_that_is_no_utf_8_is_400(store: Store, notebooks: Path) -> None:
    assert asked_of(store, notebooks, "?notebook=other&word=%FF%FE")[0].status == 400


def test_parameters_reach_the_kernel_and_the_record(
    report_service: ReportService,
    folder: Path,
    store: Store,
    notebooks: Path,
) -> None:
    report_service.notebooks = notebooks
    report_service.start()
    answer = client_over(store, notebooks, report_service).get(
        REPORT + "?notebook=other&limit=0.25&word=%22%5C%27%C3%A9"
    )
    assert answer.status == 200, answer.body
    told = answer.json["report"]
    assert (told["notebook"], told["parameters"]) == ("other", {"limit": 0.25, "word": "\"\\'é"})
    assert record_of(report_service, told["id"])["parameters"] == told["parameters"]
    page = report_service.files.get(told["id"], "page.html").decode()
    assert "limit is 0.25, word is &#34;\\&#39;é" in page or "limit is 0.25, word is \"\\'é" in page


def run_by_hand(notebook: Path, out: Path, **parameters: Any) -> None:
    papermill.execute_notebook(
        str(notebook), str(out), parameters=parameters, kernel_name="python3", progress_bar=False
    )


def test_papermill_by_hand_refuses_a_misspelt_parameter(tmp_path: Path) -> None:
    with pytest.raises(PapermillExecutionError) as caught:
        run_by_hand(ROOT / "notebooks" / "report.ipynb", tmp_path / "out.ipynb", time_rage=6)
    assert caught.value.ename == "InvalidParameter"
    assert "time_rage" in caught.value.evalue


def test_a_metric_added_to_the_registry_is_reported_without_touching_the_notebook(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_history.write_history(database, NOW, 1)
    documents = [sample_document(CPU, NOW, reading) for reading in (0.25, 0.75)]
    database["queue_length"].insert_many(documents)
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    notebook = nbformat.read(ROOT / "notebooks" / "report.ipynb", 4)
    registered = (
        'import pycemaker.metrics as m\nm.METRICS += (m.Metric("queue", "queue_length", "ratio", "Fila de pedidos"),)'
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(registered))
    nbformat.write(notebook, tmp_path / "in.ipynb")
    run_by_hand(tmp_path / "in.ipynb", tmp_path / "out.ipynb", date_now="10-04-2022-09-43-23", time_range=1)
    page = render_page(tmp_path / "out.ipynb", Window(NOW, 1), zone=SAO_PAULO)
    (course,) = [figure for figure in page.figures if figure.name == "queue-course.png"]
    assert "média 50,0%" in course.alt
    assert page.text.count("Fila de pedidos") >= 2
