"""Stored reports in a browser: under their ids alone, with nothing that runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Decimal128, Regex, Timestamp
from bson.codec_options import CodecOptions

import server
from pycemaker import brand
from pycemaker.cache.sample_store import Store
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.services.rendered import put_rendered
from tests.services.report_service import service_of
from tests.services.wsgi import Client

TOKEN = {"x_api_key": "a-token"}
ID = "Zm9vYmFyYmF6cXV4LV9hYg"


@pytest.fixture
def report_service(database: Database) -> ReportService:
    """A report service with one stored report."""
    opened = service_of(database, {})
    page = b'<a href="figures/cpu.png"><img src="figures/cpu.png" alt="x"></a> figures/cpu.png'
    opened.files.put(
        ID,
        {
            "page.html": page,
            "figures/cpu.png": b"\x89PNG",
            "executed.ipynb": b"{}",
            "message.eml": b"Subject: x\r\n\r\ny",
            "secret.png": b"s",
        },
    )
    return opened


@pytest.fixture
def client(store: Store, report_service: ReportService) -> Client:
    return Client(server.create_app(Services(from_mapping({"API_TOKEN": "a-token"}), store, report_service)))


def test_a_stored_report_is_a_page_that_runs_nothing_and_is_not_indexed(client: Client) -> None:
    answer = client.get(f"/reports/{ID}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; ")
    assert "script" not in policy
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body.decode() == (
        f'<a href="/reports/{ID}/figures/cpu.png"><img src="/reports/{ID}/figures/cpu.png" alt="x"></a> figures/cpu.png'
    )


ASKED = datetime(2100, 1, 1, tzinfo=UTC)
ODD: list[dict[str, Any]] = [
    {},
    {"recipients": "x"},
    {"recipients": [{"address": 1}]},
    {"asked_at": Timestamp(1, 1)},
    {"asked_at": Regex("x")},
    {"asked_at": DatetimeMS(2**50)},
    {"seconds": "x"},
    {"stage_seconds": {"x": "y"}},
    {"state": ["sent"]},
    {"error": {"kind": "NotebookFailed"}},
    {"error": 1},
    {"ended_at": DatetimeMS(2**50)},
    {"subject": Decimal128("1")},
    {"parameters": {"x": Binary(b"x")}},
]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_document_that_somebody_else_wrote_takes_no_report_off_the_list(
    client: Client, report_service: ReportService, database: Database, accept: str
) -> None:
    put_rendered(report_service, ID, "ana@example.com")
    whole = report_service.job_store.get(ID)
    odd = [{**(whole if fields else {}), "asked_at": ASKED, **fields, "_id": n} for n, fields in enumerate(ODD)]
    database["reports"].with_options(CodecOptions(tz_aware=True)).insert_many(
        [{name: value for name, value in each.items() if not name.endswith("_key")} for each in odd]
    )
    answer = client.get("/reports", accept=accept, **TOKEN)
    assert answer.status == 200
    assert answer.body.count(f"/reports/{ID}.json".encode()) == 1
    first = client.get("/reports?limit=1", **TOKEN)
    assert first.status == 200
    assert json.loads(first.body)["next"] is not None


def test_the_brand_s_logo_is_the_only_picture_from_elsewhere(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(brand.load(), logo="https://farol.example/a/logo.png")
    monkeypatch.setattr(brand, "load", lambda: own)
    policy = client.get(f"/reports/{ID}").headers["Content-Security-Policy"]
    assert "; img-src 'self' https://farol.example/; " in policy


def test_its_figures_are_beside_it(client: Client) -> None:
    answer = client.get(f"/reports/{ID}/figures/cpu.png")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/png", b"\x89PNG")


@pytest.mark.parametrize(
    "path",
    [
        "/reports/Zm9vYmFyYmF6cXV4LV9hYh",
        "/reports/x",
        "/reports/..",
        "/reports/%2e%2e%2f%2e%2e%2fetc",
        f"/reports/{ID}%00",
        f"/reports/{ID}%0A",
        f"/reports/{'a' * 10_000}",
        f"/reports/{ID}/figures/ram.png",
        f"/reports/{ID}/figures/..%2Fexecuted.ipynb",
        f"/reports/{ID}/figures/..%2F..%2F..%2Fsecret.png",
        f"/reports/{ID}/figures/%2Fetc%2Fpasswd",
        f"/reports/{ID}/figures/cpu.PNG",
    ],
)
def test_anything_else_is_an_unknown_report_or_no_route(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 404
    assert answer.json["error"] in ("unknown_report", "not_found")
    assert set(answer.json) == {"msg", "error"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=" + "9" * 5000, "limit"),
        ("limit=" + "0" * 5000 + "1", "limit"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=%C2%B2", "limit"),
        ("limit=-1", "limit"),
        ("before=0001-01-01T00:00:00%2B23:00", "before"),
        ("before=9999-12-31T23:59:59-23:00", "before"),
        ("before=2022-04-10T12:43:23", "before"),
        ("before=", "before"),
    ],
    ids=lambda text: text[:24],
)
def test_a_list_that_nobody_could_have_is_a_400(
    report_service: ReportService, store: Store, query: str, field: str
) -> None:
    client = Client(server.create_app(Services(from_mapping({}), store, report_service)))
    answer = client.get(f"/reports?{query}")
    assert (answer.status, answer.json["error"], answer.json["field"]) == (400, "invalid_parameter", field)
    assert client.get("/reports?limit=0200&before=2022-04-10T12:43:23.5%2B01:00").status == 200


def test_a_report_without_a_page_is_not_shown(client: Client, report_service: ReportService) -> None:
    other = ID[:-1] + "h"
    report_service.files.put(other, {"executed.ipynb": b"{}"})
    assert client.get(f"/reports/{other}").json == {"msg": "Relatório desconhecido.", "error": "unknown_report"}


@pytest.mark.parametrize(
    ("ending", "content_type", "body"),
    [
        ("ipynb", "application/x-ipynb+json", b"{}"),
        ("eml", "message/rfc822", b"Subject: x\r\n\r\ny"),
    ],
)
def test_the_message_and_the_notebook_are_downloads_for_who_has_the_token(
    client: Client, ending: str, content_type: str, body: bytes
) -> None:
    path = f"/reports/{ID}.{ending}"
    refused = client.get(path)
    assert (refused.status, refused.headers["Www-Authenticate"][:14]) == (401, 'Basic realm="P')
    assert client.get(path, authorization="Basic OmEtdG9rZW4=").status == 200  # a browser's user, for whom it asks
    answer = client.get(path, x_api_key="a-token")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, content_type, body)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{ID}.{ending}"'
