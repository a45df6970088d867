"""The page at `/notebooks` and the forms on it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import nbformat
import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Answer, Client

FORM = "application/x-www-form-urlencoded"
PARAMETERS = 'date_now = "now"\ntime_range = 12\nlimit: float = 0.9  # 0..1: o limite\nfull: bool = True\n'


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    cells = [
        nbformat.v4.new_markdown_cell("# O <b>meu</b>\n\nO que diz."),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "report.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")
    return tmp_path


@pytest.fixture
def recorder() -> RecordingReportService:
    return RecordingReportService()


def client_of(store: Store, recorder: RecordingReportService, notebooks: Path, **given: str) -> Client:
    return Client(server.create_app(Services(from_mapping(given), store, recorder, notebooks=notebooks)))


def post(client: Client, headers: dict[str, str] | None = None, **fields: str) -> Answer:
    given = {
        "notebook": "report",
        "email_to": "a@b.com, c@d.com",
        "time_range": "3",
        "date_now": "now",
        "acao": "pedir",
    }
    return client.ask("POST", "/notebooks/report", body=urlencode(given | fields), content_type=FORM, **(headers or {}))


def test_each_notebook_has_a_form_with_its_parameters(
    store: Store, recorder: RecordingReportService, notebooks: Path
) -> None:
    client = client_of(store, recorder, notebooks)
    page = client.get("/notebooks", accept="text/html")
    html = page.body.decode()
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert "O &lt;b&gt;meu&lt;/b&gt;" in html
    assert 'name="time_range" type="number" min="1" max="744" value="12"' in html
    assert 'name="limit" value="0.9" type="number" step="any" min="0" max="1"' in html
    assert '<option value="true" selected>sim</option><option value="false">não</option>' in html
    assert "broken" in html
    assert "API_TOKEN" not in html
    assert [each["name"] for each in client.get("/notebooks").json["notebooks"]] == ["broken", "report"]


def test_a_form_asks_for_the_report_and_leads_to_its_page(
    store: Store, recorder: RecordingReportService, notebooks: Path
) -> None:
    answer = post(client_of(store, recorder, notebooks), limit="0.5", full="false", attach="csv")
    (request,) = recorder.wanted
    assert (answer.status, answer.headers["Location"]) == (303, f"/reports/{request.report_id}")
    assert request.recipients == ("a@b.com", "c@d.com")
    assert (request.window.hours, request.attach) == (3, ("csv",))
    assert request.parameters == {"limit": 0.5, "full": False}


def test_what_is_wrong_in_a_form_is_said_on_a_page(
    store: Store, recorder: RecordingReportService, notebooks: Path
) -> None:
    answer = post(client_of(store, recorder, notebooks), time_range="0")
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert recorder.wanted == []


def test_the_token_is_a_field_of_the_form(store: Store, recorder: RecordingReportService, notebooks: Path) -> None:
    client = client_of(store, recorder, notebooks, API_TOKEN="um-token-de-teste-ção")
    assert client.get("/notebooks").status == 401
    page = client.get("/notebooks", accept="text/html", x_api_key="um-token-de-teste-ção".encode().decode("latin-1"))
    assert 'name="api_token" type="password"' in page.body.decode()
    assert post(client).status == 401
    assert post(client, api_token="wrong").status == 401
    assert recorder.wanted == []
    assert post(client, api_token="um-token-de-teste-ção").status == 303


def test_another_site_s_form_asks_for_nothing(store: Store, recorder: RecordingReportService, notebooks: Path) -> None:
    foreign = {"origin": "https://evil.example", "sec_fetch_site": "cross-site", "host": "pm.example"}
    assert post(client_of(store, recorder, notebooks), foreign).status == 403
    assert recorder.wanted == []
