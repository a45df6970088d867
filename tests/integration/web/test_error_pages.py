"""Errors and reports without a page as a person meets them in a browser; programs get the JSON of the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.errors import NotebookFailed
from pycemaker.jobs import states
from pycemaker.jobs.job_document import new_document
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.services.periods import WINDOW
from tests.services.report_service import service_of
from tests.services.submissions import submit
from tests.services.wsgi import Answer, Client

ID = "Zm9vYmFyYmF6cXV4LV9hYg"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ELSEWHERE = "203.0.113.9"
CELLS = [
    {"cell_type": "code", "metadata": {"tags": ["papermill-error-cell-tag"]}, "source": "the note"},
    {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["time_range = 6"]},
    {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": ["time_range = 12"]},
    {"cell_type": "code", "metadata": {}, "source": ["table = {}\n", "table['<b>']"]},
]


@pytest.fixture
def report_service(database: Database) -> Iterator[ReportService]:
    opened = service_of(database, {})
    yield opened
    opened.close()


def client_of(store: Store, report_service: ReportService, **given: str) -> Client:
    return Client(server.create_app(Services(from_mapping(given), store, report_service)))


def put_report(report_service: ReportService, state: str = states.RUNNING) -> None:
    request = ReportRequest(ID, Path("report.ipynb"), WINDOW, ("ana@example.com",))
    report_service.enqueue(request, submit(ID), claimed=True)
    if state == states.FAILED:
        report_service.files.put(ID, {"executed.ipynb": json.dumps({"cells": CELLS}).encode()})
        failed = NotebookFailed(cell=2, exception="KeyError", reason="KeyError: '<b>'")
        report_service.job_store.finish(ID, states.FAILED, error=failed.to_facts())


def text_of(answer: Answer) -> str:
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert int(answer.headers.get("Content-Length", len(answer.body))) == len(answer.body)
    body = answer.body.decode().partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.mark.parametrize(
    ("path", "status", "code", "said"),
    [
        ("/nada", 404, "not_found", "Não encontrado"),
        ("/gpu/now", 404, "unknown_metric", "As métricas que existem estão na página inicial."),
        (f"/reports/{ID}", 404, "unknown_report", "Relatórios são apagados algum tempo depois de feitos."),
        ("/reports", 401, "not_authenticated", "escreva o API_TOKEN como senha"),
        ("/report/now/6/a@b.com", 401, "not_authenticated", "um relatório se pede na página inicial"),
    ],
)
def test_a_browser_gets_a_page_and_a_program_json(
    store: Store, report_service: ReportService, path: str, status: int, code: str, said: str
) -> None:
    client = client_of(store, report_service, API_TOKEN="a-token-of-16-characters")
    for accept in ("*/*", "application/json, text/plain, */*", ""):
        plain = client.get(path, accept=accept)
        assert (plain.status, plain.json["error"]) == (status, code)
        assert plain.headers["Vary"] in ("Accept", "Origin")  # /reports has both lines
    page = client.get(path, accept=BROWSER)
    assert page.status == status
    assert said in text_of(page)
    assert plain.json["msg"] in text_of(page)
    assert page.headers.get("Www-Authenticate") == plain.headers.get("Www-Authenticate")
    assert "script" not in page.headers["Content-Security-Policy"]
    assert 'href="/reports"' in page.body.decode()


def test_a_refused_browser_gets_a_page_and_other_errors_stay_json(store: Store, report_service: ReportService) -> None:
    client = client_of(store, report_service)
    foreign = client.get("/report/now/6/a@b.com", accept=BROWSER, sec_purpose="prefetch")
    assert foreign.status == 403
    assert "Sem permissão" in text_of(foreign)
    assert client.get("/cpu/yesterday/6", accept=BROWSER).json["error"] == "invalid_date"


def test_a_failed_report_has_its_cell_and_the_reason_for_who_may_see_them(
    store: Store, report_service: ReportService
) -> None:
    put_report(report_service, states.FAILED)
    client = client_of(store, report_service)
    here = text_of(client.get(f"/reports/{ID}", accept=BROWSER, host="localhost"))
    assert "Relatório: falhou" in here
    assert "O notebook do relatório falhou na célula 2 (KeyError). Nada foi enviado." in here
    assert "Motivo KeyError: &#39;&lt;b&gt;&#39;" in here
    assert "table = {} table[&#39;&lt;b&gt;&#39;]" in here
    assert "ana@example.com" in here
    there = text_of(client.get(f"/reports/{ID}", accept=BROWSER, remote_addr=ELSEWHERE))
    assert "O notebook do relatório falhou na célula 2 (KeyError)." in there
    assert "Motivo" not in there
    assert "table" not in there
    assert "ana@" not in there
    assert client.get(f"/reports/{ID}").json["error"] == "unknown_report"


def test_with_a_token_the_reason_is_for_its_holders(store: Store, report_service: ReportService) -> None:
    put_report(report_service, states.FAILED)
    client = client_of(store, report_service, API_TOKEN="a-token-of-16-characters")
    assert "Motivo" not in text_of(client.get(f"/reports/{ID}", accept=BROWSER))
    assert "Motivo" not in text_of(client.get(f"/reports/{ID}", accept=BROWSER, x_api_key="wrong"))
    assert "Motivo" in text_of(client.get(f"/reports/{ID}", accept=BROWSER, x_api_key="a-token-of-16-characters"))


def test_a_report_that_waits_says_its_place_and_its_application(store: Store, report_service: ReportService) -> None:
    document = new_document(ReportRequest(ID, Path("report.ipynb"), WINDOW, ("a@b.com",), application="loja"), "b.com")
    report_service.job_store.insert_absent([document], 60)
    client = client_of(store, report_service)
    record = client.get(f"/reports/{ID}.json").json["report"]
    assert (record["application"], record["place"], record["ready_in_seconds"]) == ("loja", 1, None)
    page = text_of(client.get(f"/reports/{ID}", accept=BROWSER))
    assert "Aplicação loja" in page
    assert "Posição na fila 1" in page
    assert "Pronto em" not in page
    other = new_document(ReportRequest("made", Path("report.ipynb"), WINDOW, ("a@b.com",)), "b.com")
    report_service.job_store.insert_absent([other], 60)
    report_service.job_store.claim(states.TO_RENDER)
    report_service.job_store.finish("made", states.WRITTEN, stage_seconds={"notebook": 170.0, "compose": 10.0})
    page = text_of(client.get(f"/reports/{ID}", accept=BROWSER))
    assert "Posição na fila 1 Pronto em cerca de 6 min" in page


def test_a_report_that_is_being_made_has_a_page_that_asks_again(store: Store, report_service: ReportService) -> None:
    put_report(report_service)
    page = client_of(store, report_service).get(f"/reports/{ID}", accept=BROWSER)
    assert page.status == 200
    assert "Esta página se atualiza sozinha." in text_of(page)
    assert page.headers["Refresh"] == "3"
    report_service.files.put(ID, {"page.html": b"<p>o relat\xc3\xb3rio</p>"})
    report_service.job_store.release(ID, states.RENDERED)
    made = client_of(store, report_service).get(f"/reports/{ID}", accept=BROWSER)
    assert made.body.decode() == "<p>o relatório</p>"
    assert "Refresh" not in made.headers
