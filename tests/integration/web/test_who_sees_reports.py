"""Access to stored reports and to their recipients' addresses, above all without a token."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.services.report_service import service_of
from tests.services.wsgi import Client

ID = "Zm9vYmFyYmF6cXV4LV9hYg"
LIST, RECORD, MESSAGE, NOTEBOOK = "/reports", f"/reports/{ID}.json", f"/reports/{ID}.eml", f"/reports/{ID}.ipynb"
EVERYTHING = [LIST, "/reports?limit=9999", RECORD, MESSAGE, NOTEBOOK, f"/reports/{ID}", f"/reports/{ID}/figures/a.png"]
SITE = "https://site.example.com"
REMOTE: dict[str, str] = {"remote_addr": "192.0.2.7"}
OTHERS: list[dict[str, str]] = [
    REMOTE,
    {"x_forwarded_for": "192.0.2.7"},
    {"x_forwarded_for": "127.0.0.1"},
    {"forwarded": "for=192.0.2.7"},
    {"x_real_ip": "192.0.2.7"},
    {"x_forwarded_proto": "https"},
    {"x_forwarded_server": "proxy"},
    {"via": "1.1 proxy"},
    {"host": "site.example.com:5000"},  # its name suddenly means 127.0.0.1
    {"host": "127.0.0.1.example.com"},
    {"host": "localhost.example.com"},
    {"remote_addr": ""},
]
HERE: list[dict[str, str]] = [
    {},
    {"host": "127.0.0.1:5000"},
    {"host": "localhost:5000"},
    {"host": "LOCALHOST"},
    {"host": "[::1]:5000", "remote_addr": "::1"},
    {"remote_addr": "::ffff:127.0.0.1"},
]


def client_of(store: Store, database: Database, **given: str) -> Client:
    """An app over one report that was refused to Ana and sent to Bo, by a server that quotes whom it is about."""
    report_service = service_of(database, {})
    report_service.files.put(
        ID, {"message.eml": b"To: ana@example.com\r\n\r\ny", "executed.ipynb": b"{}", "page.html": b"<p>"}
    )
    document = {"_id": ID, "state": "partly_sent", "notebook": "report", "parameters": {}, "stage_seconds": {}}
    people = [
        {"address": "Ana@example.com", "state": "refused", "reason": "550 <ana@EXAMPLE.com> unknown"},
        {
            "address": "b@example.com",
            "state": "sent",
            "via": "smtp",
            "reply": "250 b@example.com",
            "message_id": "<i@h>",
        },
    ]
    database["reports"].insert_one(document | {"recipients": people, "asked_at": datetime(2026, 4, 10, 12, tzinfo=UTC)})
    return Client(server.create_app(Services(from_mapping(given), store, report_service)))


@pytest.fixture
def client(store: Store, database: Database) -> Client:
    return client_of(store, database)


@pytest.mark.parametrize("path", [*EVERYTHING, "/reports/x", "/reports/", "/reports.json"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_no_site_that_was_not_named_reads_anything_of_the_reports(client: Client, path: str, method: str) -> None:
    for origin in (SITE, "null", "*"):
        answer = client.ask(method, path, origin=origin)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"
    assert client.get("/report/x/6/a@b.com", origin=SITE).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", EVERYTHING)
def test_a_site_that_was_named_may_even_beside_a_star(store: Store, database: Database, path: str) -> None:
    client = client_of(store, database, CORS_ORIGINS=f"*, {SITE}")
    assert client.get(path, origin=SITE).headers["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Origin" not in client.get(path, origin="https://other.example.com").headers
    assert client.get("/health", origin="https://other.example.com").headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", [LIST, RECORD, MESSAGE, NOTEBOOK])
def test_nobody_keeps_a_copy_of_a_list_a_record_or_a_message(client: Client, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("caller", HERE, ids=str)
def test_without_a_token_who_is_on_this_machine_sees_whom_reports_were_for(
    client: Client, caller: dict[str, str]
) -> None:
    assert [one["address"] for one in client.get(LIST, **caller).json["reports"][0]["recipients"]] == [
        "Ana@example.com",
        "b@example.com",
    ]
    assert "Ana@example.com" in client.get(LIST, accept="text/html", **caller).body.decode()
    assert client.get(RECORD, **caller).json["report"]["email_to"] == "Ana@example.com,b@example.com"
    assert client.get(MESSAGE, **caller).status == client.get(NOTEBOOK, **caller).status == 200


@pytest.mark.parametrize("caller", OTHERS, ids=str)
def test_without_a_token_nobody_else_learns_an_address(client: Client, caller: dict[str, str]) -> None:
    for answer in (
        client.get(LIST, **caller),
        client.get(RECORD, **caller),
        client.get(LIST, accept="text/html", **caller),
    ):
        assert answer.status == 200
        assert "ana@example" not in answer.body.decode().lower()
        assert "b@example" not in answer.body.decode()
    assert "A***@example.com" in answer.body.decode()
    report = client.get(RECORD, **caller).json["report"]
    assert report["email_to"] == "A***@example.com,b***@example.com"
    assert report["recipients"][0]["reason"] == "550 <a***@EXAMPLE.com> unknown"
    assert (report["reply"], report["message_id"]) == ("250 b***@example.com", "<i@h>")
    for path in (MESSAGE, NOTEBOOK):
        refused = client.get(path, **caller)
        assert (refused.status, refused.json["error"]) == (403, "only_here")
    assert client.get(f"/reports/{ID}", **caller).status == 200


@pytest.mark.parametrize("quoted", ["boss@partner.com", "o'neil@partner.com", "b+tag@partner.com"])
def test_nobody_else_learns_an_address_that_a_mail_server_names_besides(
    client: Client, database: Database, quoted: str
) -> None:
    reason = f"550 '{quoted}', to whom <ana@example.com> is passed on, is full"
    told = {"reason": reason, "refusals": [{"at": datetime(2026, 4, 10, 12, tzinfo=UTC), "reason": reason}]}
    change = {f"recipients.0.{name}": value for name, value in told.items()}
    database["reports"].update_one({"_id": ID}, {"$set": change | {"recipients.1.reply": f"250 passed on to {quoted}"}})
    for path in (LIST, RECORD):
        body = client.get(path, **REMOTE).body.decode()
        assert "partner.com" in body
        assert quoted not in body
        assert quoted.partition("@")[0][1:] + "@" not in body
    assert reason in client.get(RECORD).body.decode()
    first = client.get(RECORD, **REMOTE).json["report"]["recipients"][0]
    masked = f"550 '{quoted[0]}***@partner.com', to whom <a***@example.com> is passed on, is full"
    assert first["reason"] == first["refusals"][0]["reason"] == masked


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_proxy_on_this_machine_that_says_nothing_is_not_taken_for_who_is_here(
    store: Store, database: Database, peer: str
) -> None:
    client = client_of(store, database, TRUSTED_PROXIES="127.0.0.1, ::1")
    assert client.get(RECORD, remote_addr=peer).json["report"]["email_to"] == "A***@example.com,b***@example.com"
    assert client.get(MESSAGE, remote_addr=peer).status == 403


def test_with_the_token_it_does_not_matter_where_one_is(store: Store, database: Database) -> None:
    client = client_of(store, database, API_TOKEN="a-token")
    assert client.get(LIST).status == 401
    for caller in OTHERS:
        told = client.get(RECORD, x_api_key="a-token", **caller)
        assert told.json["report"]["email_to"] == "Ana@example.com,b@example.com"
        assert client.get(MESSAGE, x_api_key="a-token", **caller).status == 200
