"""Planted secrets: in no output of reports that succeed, nor of those that fail in every way."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote_plus, urlsplit

import bson
import pymongo
import pytest

from pycemaker.collect import demo_history
from pycemaker.mongo.database import Database
from pycemaker.mongo.embedded import EmbeddedMongod
from tests.services.process import ServerProcess
from tests.services.secrets import MONGO_PASSWORD, PASSWORD, TOKEN, leaks
from tests.services.smtp import SmtpServer, smtp_server
from tests.services.storage import Storage, refusing_storage, storage_emulator

RECIPIENT = "reader@example.com"
ECHO = f"{PASSWORD} \0reports@example.com\0{PASSWORD} {TOKEN} mongodb://ana:{quote_plus(MONGO_PASSWORD)}@db/x"
"""What a mail server might repeat of what it was told, and more."""


@pytest.fixture
def locked_url(mongod: EmbeddedMongod) -> Iterator[str]:
    """A database whose URL has a password that the database checks."""
    with pymongo.MongoClient(mongod.url) as client:
        client.drop_database("locked")
        client["locked"].command("createUser", "ana", pwd=MONGO_PASSWORD, roles=["readWrite"])
        name = mongod.url.removeprefix("mongodb://").partition("/")[0]
        yield f"mongodb://ana:{quote_plus(MONGO_PASSWORD)}@{name}/locked?authSource=locked"
        client["locked"].command("dropUser", "ana")
        client.drop_database("locked")


@contextmanager
def served(mail: SmtpServer, storage: Storage, mongo_url: str) -> Iterator[ServerProcess]:
    server = ServerProcess(
        REPORT_RECIPIENTS="@example.com",
        API_TOKEN=TOKEN,
        MONGO_DB_URL=mongo_url,
        PUBLIC_URL="https://pm.example.com",
        REPORT_TIMEOUT_SECONDS="60",
        **storage.environment,
        **mail.environment | {"PASSWORD": PASSWORD},
    )
    try:
        yield server.start()
    finally:
        server.close()


def ask(server: ServerProcess, path: str, token: str = TOKEN, method: str = "GET") -> tuple[int, bytes]:
    """Status, and everything that came: headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.request(method, path, headers={"X-Api-Key": token, "Accept": "text/html, */*"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.dumps(answer.getheaders()).encode() + body


def stored_files(server: ServerProcess) -> Iterator[tuple[str, bytes]]:
    """Every file of the server's folder but its database's, its log among them."""
    for path in server.folder.rglob("*"):
        if path.is_file() and "mongo" not in path.relative_to(server.folder).parts:
            yield str(path.relative_to(server.folder)), path.read_bytes()


def stored(mongo_url: str) -> Iterator[tuple[str, bytes]]:
    """Every document of the server's database, files in it included; not the samples."""
    with pymongo.MongoClient(mongo_url) as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            for document in database[name].find().limit(2000):
                yield f"collection {name}", bson.encode(document)
                if isinstance(document.get("data"), bytes):
                    yield f"files in {name}", document["data"]


def pages(server: ServerProcess) -> Iterator[tuple[str, bytes]]:
    """The server's answers to the right token, a wrong one, and one in the URL."""
    for path in (
        "/",
        "/health",
        "/ready",
        "/metrics",
        "/notebooks",
        "/reports",
        "/openapi.json",
        "/nothing",
        "/cpu/now/1",
    ):
        for token in (TOKEN, "wrong"):
            yield f"{path} with {token[:5]}", ask(server, path, token)[1]
    told = f"/report/now/6/{RECIPIENT}?token=%s" % quote_plus(TOKEN)
    status, body = ask(server, told)
    assert status == 400
    yield "a token in the address", body
    with_token = (f"/cpu/now/1?max_points={quote_plus(TOKEN)}", f"/reports?before={quote_plus(TOKEN)}")
    for path in with_token:  # it repeats nothing of it, or nothing but what it was given
        ask(server, path)


def secrets_of(storage: Storage) -> dict[str, str]:
    lines = storage.key.content["private_key"].splitlines()
    return {"password": PASSWORD, "token": TOKEN, "mongo password": MONGO_PASSWORD, "private key": lines[5]}


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ({"message": f"250 2.0.0 OK {ECHO}".replace("\0", " ")}, 200),
        ({"login": f"535 5.7.8 {ECHO}".replace("\0", " ")}, 502),
        ({"recipient": f"550 5.1.1 {ECHO}".replace("\0", " ")}, 502),
    ],
    ids=["accepted", "login refused", "recipient refused"],
)
def test_a_mail_server_that_repeats_secrets(locked_url: str, script: dict[str, str], status: int) -> None:
    with smtp_server("ssl", script) as mail, storage_emulator() as storage:
        mail.password = PASSWORD
        fill(locked_url)
        with served(mail, storage, locked_url) as server:
            answered, told = ask(server, f"/report/now/1/{RECIPIENT}", method="POST")
            assert answered == status, told
            places = [("answer", told), *pages(server), *stored_files(server), *stored(locked_url)]
            places += [("message", received.content) for received in mail.received]
            assert status != 200 or mail.received
            looked_at = {place for place, _ in places}
            assert looked_at >= {"answer", "server.log", "collection reports", "files in report_files.chunks"}
            assert leaks(secrets_of(storage), places) == []


def test_a_storage_that_refuses(locked_url: str) -> None:
    with smtp_server("ssl") as mail, refusing_storage(403) as storage:
        mail.password = PASSWORD
        fill(locked_url)
        with served(mail, storage, locked_url) as server:
            _, told = ask(server, f"/report/now/1/{RECIPIENT}", method="POST")
            assert storage.requests
            places = [("answer", told), *stored_files(server), *stored(locked_url)]
            places += [("message", received.content) for received in mail.received]
            assert leaks(secrets_of(storage), places) == []


def test_a_database_that_is_away_and_one_that_refuses_the_login(mongod: EmbeddedMongod) -> None:
    name = mongod.url.removeprefix("mongodb://").partition("/")[0]
    for host in ("127.0.0.1:9", name):
        url = f"mongodb://ana:{quote_plus(MONGO_PASSWORD)}@{host}/x?authSource=nowhere"
        with smtp_server("ssl") as mail, storage_emulator() as storage, served(mail, storage, url) as server:
            paths = (f"/report/now/1/{RECIPIENT}", "/cpu/now/1", "/", "/ready", "/metrics", "/notebooks")
            asked = [(path, ask(server, path)) for path in paths]
            assert dict(asked)["/cpu/now/1"][0] == 503
            places = [(path, body) for path, (_, body) in asked]
            assert leaks(secrets_of(storage), [*places, *stored_files(server)]) == []


def fill(mongo_url: str) -> None:
    """Samples to report on, written by whoever has the right to."""
    database = Database(mongo_url)
    if not demo_history.has_samples(database):
        demo_history.write_history(database, datetime.now(UTC), 2)
    database.close()


def test_the_secrets_are_found_where_they_stand() -> None:
    """Else nothing above would show anything."""
    planted = {"password": PASSWORD, "token": TOKEN, "mongo password": MONGO_PASSWORD}
    url = f"mongodb://ana:{quote_plus(MONGO_PASSWORD)}@{urlsplit('//db').netloc}/x"
    assert leaks(planted, [("log", f"could not log in as {PASSWORD!r}".encode()), ("url", url.encode())]) == [
        "mongo password in url",
        "password in log",
    ]
    encoded = base64.encodebytes(f"x\0reports@example.com\0{PASSWORD}\n and more".encode())
    assert leaks(planted, [("mail", encoded)]) == ["password in mail"]
