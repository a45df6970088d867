"""`POST /samples` against a real MongoDB: who may, what is kept, and what reads see of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.errors import BodyTooLarge
from pycemaker.metrics import CPU
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.web.middleware.path_spelling import normalize_paths
from pycemaker.web.middleware.request_bodies import LONGEST_BYTES, limit_bodies
from pycemaker.web.services import Services
from pycemaker.web.wsgi import Environ, StartResponse
from tests.services.prometheus_server import wait_until
from tests.services.report_service import service_of
from tests.services.wsgi import Answer, Client

TOKEN = "a-token-of-enough-letters"


@pytest.fixture
def client(database: Database) -> Client:
    return client_of(database)


def client_of(database: Database, **given: str) -> Client:
    settings = from_mapping(given)
    store = Store(database, 64 * 2**20)
    return Client(server.create_app(Services(settings, store, service_of(database, {}, **given))))


def post(client: Client, samples: Any, path: str = "/samples", **headers: str) -> Answer:
    return client.ask("POST", path, body=json.dumps(samples), content_type="application/json", **headers)


def cpu(minutes_ago: float, value: float = 0.5) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {"metric": "cpu", "time": at.isoformat(timespec="seconds"), "value": value}


def test_the_same_sample_twice_is_once(client: Client, database: Database) -> None:
    samples = [cpu(1), cpu(2), cpu(1)]
    assert post(client, samples).json == {"msg": "Amostras gravadas.", "stored": 2, "repeated": 1}
    assert post(client, samples).json == {"msg": "Amostras gravadas.", "stored": 0, "repeated": 3}
    assert database[CPU.collection].count_documents({}) == 2


def test_the_right_ones_are_kept_and_a_wrong_one_is_named(client: Client, database: Database) -> None:
    answer = post(client, [cpu(1), cpu(2, 7.0), cpu(3)])
    assert (answer.status, answer.json["error"], answer.json["stored"]) == (400, "invalid_samples", 2)
    assert [each["place"] for each in answer.json["rejected"]] == [2]
    assert database[CPU.collection].count_documents({}) == 2


def test_an_applications_first_sample_makes_it(client: Client) -> None:
    assert client.get("/apps/shop/cpu/now/1").status == 404
    assert post(client, [cpu(1, 0.25)], "/apps/shop/samples").json["stored"] == 1
    assert [each["value"] for each in client.get("/apps/shop/cpu/now/1").json["data"]] == [0.25]
    assert client.get("/cpu/now/1").json["data"] == []
    assert post(client, [cpu(1)], "/apps/Shop!/samples").status == 404


def test_a_cache_that_knows_the_present_sees_late_samples(client: Client) -> None:
    post(client, [cpu(minutes) for minutes in range(1, 60)])
    first = client.get("/cpu/now/3").json["data"]
    post(client, [cpu(minutes + 0.5, 0.9) for minutes in range(30, 150)])  # into hours that are in memory, and before
    assert len(first) == 59
    wait_until(lambda: len(client.get("/cpu/now/3").json["data"]) == 59 + 120, 5)  # a check may be 0.5 s old
    later = client.get("/cpu/now/3").json["data"]
    assert {each["_id"] for each in first} < {each["_id"] for each in later}


def test_only_this_machine_may_post_without_a_token(client: Client) -> None:
    answer = post(client, [cpu(1)], remote_addr="192.0.2.1")
    assert (answer.status, answer.json["error"]) == (403, "only_here")


def test_with_a_token_everybody_needs_it(database: Database) -> None:
    client = client_of(database, API_TOKEN=TOKEN)
    assert post(client, [cpu(1)]).status == 401
    assert post(client, [cpu(1)], remote_addr="192.0.2.1", authorization=f"Bearer {TOKEN}").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://other.example.com", "sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://localhost:3000", "host": "localhost:5000"}, 403),
        ({"origin": "https://panel.example.com", "sec_fetch_site": "cross-site"}, 200),
        ({}, 200),
    ],
)
def test_a_browser_posts_from_named_origins_alone(database: Database, headers: dict[str, str], status: int) -> None:
    client = client_of(database, CORS_ORIGINS="https://panel.example.com")
    assert post(client, [cpu(1)], **headers).status == status


def test_other_methods_are_refused(client: Client) -> None:
    assert client.get("/samples").status == 405
    assert client.ask("PUT", "/apps/shop/samples").status == 405


def test_ten_thousand_samples_are_taken_at_a_time(client: Client) -> None:
    start_ms = int(datetime.now(UTC).timestamp() * 1000) - 86_400_000
    samples = [{"metric": "cpu", "time": start_ms + 1000 * n, "value": 0.123456} for n in range(10_000)]
    assert post(client, samples).json["stored"] == 10_000


@pytest.mark.parametrize(
    ("path", "is_long_taken"),
    [
        *(("/samples", True), ("/apps/shop/samples", True), ("/samples/", True)),
        *(("/report/samples", False), ("/schedules/samples", False), ("/x/apps/shop/samples", False)),
    ],
)
def test_only_samples_may_be_four_megabytes(path: str, *, is_long_taken: bool) -> None:
    lengths = []

    def reads(environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
        lengths.append(len(environ["wsgi.input"].read()))
        return []

    body = b" " * (LONGEST_BYTES + 1)
    environ = {"PATH_INFO": path, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "SERVER_PORT": "1"}
    application = normalize_paths(limit_bodies(reads))
    if is_long_taken:
        application(environ, lambda *_arguments: None)
        assert lengths == [len(body)]
    else:
        with pytest.raises(BodyTooLarge):
            application(environ, lambda *_arguments: None)
