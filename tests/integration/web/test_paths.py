"""Normalized paths: too many slashes, and the prefix of a proxy."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.services.report_service import RecordingReportService, service_of
from tests.services.wsgi import Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
AT = "10-04-2022-09-43-23"
ID = "Zm9vYmFyYmF6cXV4LV9hYg"
PREFIXED = "https://ops.example.com/pycemaker"
SITE = "https://panel.example.com"


def client_of(database: Database, **given: str) -> Client:
    """An app over a sample of each metric and one report."""
    report_service = service_of(database, {})
    report_service.files.put(ID, {"page.html": b'<img src="figures/cpu.png">', "figures/cpu.png": b"png"})
    people = [{"address": "ana@example.com", "state": "sent", "via": "smtp", "reply": "250", "message_id": "<i@h>"}]
    entry = {"_id": ID, "state": "sent", "notebook": "report", "parameters": {}, "stage_seconds": {}, "subject": "Bom"}
    database["reports"].replace_one({"_id": ID}, entry | {"recipients": people, "asked_at": NOW}, upsert=True)
    for metric in METRICS:
        database[metric.collection].insert_one({"time_series": NOW, **dict.fromkeys(metric.fields, 0.5)})
    services = Services(from_mapping(given), Store(database), report_service, clock=lambda: NOW)
    return Client(server.create_app(services))


@pytest.mark.parametrize("path", [f"/cpu/{AT}/1", f"/cpu/{AT}", "/health", "/notebooks", "/reports", f"/reports/{ID}"])
def test_a_slash_too_many_is_the_same_route(database: Database, path: str) -> None:
    client = client_of(database)
    plain = client.get(path)
    assert plain.status == 200
    for spelling in (f"{path}/", f"{path}//", f"/{path}", path.replace("/", "//"), path.replace("/", "///") + "/"):
        answer = client.get(spelling)
        assert (answer.status, answer.body) == (200, plain.body)


def test_the_start_page_is_there_however_many_slashes(database: Database) -> None:
    assert client_of(database).get("///").json["name"] == "pycemaker"


@pytest.mark.parametrize("path", ["//reports", "/reports//", f"///reports/{ID}.json", f"//reports//{ID}.json/"])
def test_a_slash_too_many_opens_no_list_of_recipients_to_other_sites(database: Database, path: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = client_of(database).ask(method, path, origin=SITE)
        assert answer.status in (200, 204)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_slash_too_many_asks_for_the_same_report(database: Database) -> None:
    report_service = RecordingReportService()
    client = Client(server.create_app(Services(from_mapping({}), Store(database), report_service)))
    assert client.ask("POST", "//report/now/6//a@b.com/").status == 200
    assert [wanted.recipients for wanted in report_service.wanted] == [("a@b.com",)]


@pytest.mark.parametrize("path", ["/", "/pycemaker", "/pycemaker/", "//pycemaker//"])
def test_under_a_path_every_link_of_the_start_page_has_it_and_works(database: Database, path: str) -> None:
    client = client_of(database, PUBLIC_URL=PREFIXED)
    index = client.get(path).json
    links = {link for metric in index["metrics"] for link in (metric["interval"], metric["tail"])}
    page = client.get(path, accept="text/html").body.decode()
    assert len(links) == 12
    shown = {f"/pycemaker/{metric['id']}/now/1" for metric in index["metrics"]} | {"/pycemaker/"}
    shown |= {
        f"/pycemaker/{name}"
        for name in ("notebooks", "alerts", "reports", "schedules", "apps", "openapi.json", "metrics", "ready")
    }
    shown.add("/pycemaker/health_score/now/6")
    foreseen = "/pycemaker/forecast/health/now/6"  # a 503 without history
    assert set(re.findall(r'href="([^"]*)"', page)) == shown | {foreseen}
    parts = set(re.findall(r'(?:src|data-url)="([^"]*)"', page))
    assert parts == {"/pycemaker/overview", "/pycemaker/overview.js"}
    assert "<code>/pycemaker/cpu/10-04-2022-09-43-23/6</code>" in page
    assert index["routes"][0] == "/pycemaker/{metric}/{date_now}/{time_range}"
    for link in links | shown | parts:
        assert client.get(link).status == client.get(link.removeprefix("/pycemaker")).status == 200


def test_under_a_path_every_link_of_the_reports_has_it_and_works(database: Database) -> None:
    client = client_of(database, PUBLIC_URL=PREFIXED)
    told = client.get("/reports?limit=1").json
    links = [told["reports"][0]["url"], told["next"]]
    assert links[0] == f"/pycemaker/reports/{ID}.json"
    assert links[1].startswith("/pycemaker/reports?limit=1&before=")
    page = client.get("/reports", accept="text/html").body.decode()
    shown = re.findall(r'href="([^"]*)"', page)
    assert set(shown) == {f"/pycemaker/reports/{ID}", f"/pycemaker/reports/{ID}.json", "/pycemaker/"}
    for link in [*links, *shown]:
        assert client.get(link).status == client.get(link.removeprefix("/pycemaker")).status == 200


def test_under_a_base_path_a_stored_page_finds_its_figures(database: Database) -> None:
    client = client_of(database, PUBLIC_URL=PREFIXED)
    page = client.get(f"/reports/{ID}/").body.decode()
    assert page == f'<img src="/pycemaker/reports/{ID}/figures/cpu.png">'
    assert client.get(f"/pycemaker/reports/{ID}/figures/cpu.png").body == b"png"


def test_under_a_path_the_list_of_notebooks_has_it(database: Database) -> None:
    listed = client_of(database, PUBLIC_URL=PREFIXED).get("/notebooks").json["notebooks"]
    assert {entry["url"].partition("?")[0] for entry in listed} == {
        "/pycemaker/report/{date_now}/{time_range}/{email_to}"
    }


def test_the_path_of_a_proxy_opens_no_list_of_recipients_to_other_sites(database: Database) -> None:
    answer = client_of(database, PUBLIC_URL=PREFIXED).get("/pycemaker/reports", origin=SITE)
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_path_of_the_public_url_that_is_a_routes_own_is_not_taken_away(database: Database) -> None:
    client = client_of(database, PUBLIC_URL="https://ops.example.com/reports")
    assert client.get("/reports").json["reports"][0]["url"] == f"/reports/reports/{ID}.json"
    assert client.get(f"/reports/{ID}").status == 200


@pytest.mark.parametrize("path", ["/pycemakercpu/now/1", "/other/cpu/now/1", "/cpu/pycemaker/now/1"])
def test_only_the_whole_prefix_is_taken_away(database: Database, path: str) -> None:
    assert client_of(database, PUBLIC_URL=PREFIXED).get(path).status == 404


def test_tails_that_do_not_ask_are_thinned_where_it_is_set(database: Database) -> None:
    client = client_of(database, DEFAULT_MAX_POINTS="2")
    database["cpu_usage"].insert_many({"time_series": NOW, "value": turn / 10} for turn in range(9))
    tail = client.get(f"/cpu/{AT}")
    assert tail.headers["X-Amostragem"] == "metodo=minmax; pontos=2; de=10; lacunas=0"
    assert sorted(sample["value"] for sample in tail.json) == [0.5, 0.8]
    assert len(client.get(f"/cpu/{AT}?max_points=4").json) == 4
    assert len(client.get(f"/cpu/{AT}?max_points=0").json) == 10
    assert len(client.get(f"/cpu/{AT}/1").json["data"]) == 10


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/cpu/now/1", "GET, HEAD, OPTIONS"),
        ("/apps/shop/cpu/now/1", "GET, HEAD, OPTIONS"),
        ("/report/now/1/a@b.com", "GET, POST, OPTIONS"),
        ("/schedules", "GET, HEAD, POST, OPTIONS"),
        ("/schedules/x", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
        ("/schedules/preview", "POST, OPTIONS"),
        ("/schedules/new", "GET, HEAD, POST, OPTIONS"),
        ("/schedules/x/run", "POST, OPTIONS"),
        ("/jobs", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        ("/notebooks/report", "POST, OPTIONS"),
        ("/nothing/there", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_preflight_and_a_405_name_the_methods_of_the_path(database: Database, path: str, methods: str) -> None:
    client = client_of(database)
    headers = client.ask("OPTIONS", path).headers
    assert (headers["Allow"], headers["Access-Control-Allow-Methods"]) == (methods, methods)
    refused = client.ask("TRACE", path)
    if path != "/nothing/there":
        assert (refused.status, refused.headers["Allow"]) == (405, methods)
