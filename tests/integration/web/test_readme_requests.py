"""The README's requests, made as it says, over the demo data."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.collect import demo_history
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mongo.database import Database
from pycemaker.mongo.embedded import EmbeddedMongod
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.services import Services
from tests.services.wsgi import Answer, Client

END = datetime(2026, 11, 23, 19, 54, 25, 533_000, UTC)
HOURS = 13
REQUEST = re.compile(r'^\$ curl -s "?http://127\.0\.0\.1:5000([^\s"]+)"?\n((?:(?!\$|```).*\n)*)', re.MULTILINE)
REQUESTS = dict(REQUEST.findall((ROOT / "README.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, mongod: EmbeddedMongod) -> dict[str, Answer]:
    settings = from_mapping({"DATA_DIR": str(tmp_path_factory.mktemp("readme"))})
    database = Database(f"{mongod.url}/readme")
    try:
        demo_history.write_history(database, END, HOURS)
        report_service = make_report_service(settings, database, {}, keep_spare=False)
        services = Services(settings, Store(database), report_service, clock=lambda: END)
        client = Client(server.create_app(services))
        return {path: client.get(path) for path in REQUESTS}
    finally:
        database.handle.client.drop_database("readme")
        database.close()


@pytest.mark.parametrize("path", REQUESTS)
def test_a_request_of_the_readme_is_answered(path: str, answers: dict[str, Answer]) -> None:
    assert answers[path].status == 200
    assert len(answers[path].body) > 10


@pytest.mark.parametrize("path", [path for path, shown in REQUESTS.items() if shown])
def test_an_answer_has_the_keys_that_the_readme_shows(path: str, answers: dict[str, Answer]) -> None:
    shown = re.findall(r'"(\w+)":', REQUESTS[path])
    there = re.findall(r'"(\w+)":', answers[path].body.decode())
    assert list(dict.fromkeys(shown)) == list(dict.fromkeys(there))
