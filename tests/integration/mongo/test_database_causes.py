"""One cause, one sentence: what stands between this server and its MongoDB, over a real one that wants a login."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pymongo
import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.cli import startup
from pycemaker.errors import DatabaseTlsFailed, DatabaseUnreachable, InvalidSettings, NoPrimary, WrongReplicaSet
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database, one_exchange, open_database
from pycemaker.mongo.indexes import KEY
from pycemaker.settings import from_mapping
from pycemaker.tools import service_checks as doctor
from pycemaker.web.services import Services
from tests.services.guarded_mongod import GuardedMongod, guarded_mongod
from tests.services.replica import replica_set
from tests.services.report_service import service_of
from tests.services.wsgi import Answer, Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
AT = "10-04-2022-09-43-23"


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedMongod]:
    with guarded_mongod() as running, running.client() as client:
        for metric in METRICS:
            client["pycemaker"][metric.collection].insert_one({"time_series": NOW, **dict.fromkeys(metric.fields, 0.5)})
            client["pycemaker"][metric.collection].create_index(KEY)
        yield running


@pytest.fixture(scope="module")
def not_initiated() -> Iterator[str]:
    """The URL of a member that belongs to no replica set yet, without options."""
    with replica_set(is_initiated=False) as url:
        yield url.partition("?")[0]


@pytest.fixture
def opened() -> Iterator[list[Database]]:
    databases: list[Database] = []
    yield databases
    for database in databases:
        database.close()


def client_of(url: str, opened: list[Database], folder: Path, cache_bytes: int = 0) -> Client:
    database = Database(url)
    opened.append(database)
    given = from_mapping({"MONGO_DB_URL": url, "DATA_DIR": str(folder)})
    services = Services(given, Store(database, cache_bytes), service_of(database, {}), clock=lambda: NOW)
    return Client(server.create_app(services))


def lacking(answer: Answer) -> dict[str, str]:
    return {name: check["why"] for name, check in answer.json["checks"].items() if not check["ok"]}


@pytest.mark.parametrize("cache_bytes", [0, 2**24])
@pytest.mark.parametrize("user", ["reader", "writer", "owner"])
def test_who_may_read_is_served_metrics(
    guarded: GuardedMongod, opened: list[Database], tmp_path: Path, user: str, cache_bytes: int
) -> None:
    client = client_of(guarded.url(user), opened, tmp_path, cache_bytes)
    for metric in METRICS:
        assert client.get(f"/{metric.id}/{AT}/1").json["mean"] in (0.5, 1.0)
    assert client.get("/").status == 200


NO_PRIMARY = "O conjunto de réplicas do MongoDB está sem primário: não foi iniciado (rs.initiate), ou falta a maioria."
NO_REPORT = "nenhum relatório é feito: veja writing"
NO_WRITING = "o usuário do banco não tem direito de gravar: só as métricas são servidas"
NO_INDEXING = "o usuário do banco não tem direito de criar índices: só as métricas são servidas"


@pytest.mark.parametrize(
    ("user", "missing"),
    [
        ("owner", {}),
        ("reader", {"writing": NO_WRITING, "queue": NO_REPORT, "schedules": NO_REPORT}),
        ("writer", {"writing": NO_INDEXING, "queue": NO_REPORT, "schedules": NO_REPORT}),
    ],
)
def test_ready_is_200_for_what_works_and_tells_the_rights_apart(
    guarded: GuardedMongod, opened: list[Database], tmp_path: Path, user: str, missing: dict[str, str]
) -> None:
    answer = client_of(guarded.url(user), opened, tmp_path).get("/ready")
    assert answer.status == 200
    assert lacking(answer) == missing
    message = (
        "Pronto para atender, menos o que falta: veja writing, queue, schedules." if missing else "Pronto para atender."
    )
    assert answer.json["msg"] == message


def test_an_index_that_cannot_be_made_is_said_and_stops_nothing(
    guarded: GuardedMongod, opened: list[Database], tmp_path: Path
) -> None:
    with guarded.client() as client:
        client["pycemaker"]["cpu_usage"].drop_index([*KEY])
        try:
            answer = client_of(guarded.url("reader"), opened, tmp_path).get("/ready")
        finally:
            client["pycemaker"]["cpu_usage"].create_index(KEY)
    assert answer.status == 200
    assert lacking(answer)["indexes"] == "falta um índice, e o usuário não o pode criar: as leituras são lentas"


@pytest.mark.parametrize(
    ("user", "code", "sentence"),
    [
        (
            "reader",
            "no_right_to_write",
            "O usuário de MONGO_DB_URL não tem direito de gravar: só as métricas são servidas, e nenhum relatório é feito.",
        ),
        (
            "writer",
            "no_right_to_index",
            "O usuário de MONGO_DB_URL não tem direito de criar índices, e sem eles nenhum relatório é feito.",
        ),
    ],
)
def test_a_report_says_which_right_is_missing(
    guarded: GuardedMongod, opened: list[Database], tmp_path: Path, user: str, code: str, sentence: str
) -> None:
    answer = client_of(guarded.url(user), opened, tmp_path).ask("POST", "/report/now/1/a@example.com?wait=0")
    assert (answer.status, answer.json["error"], answer.json["msg"]) == (503, code, sentence)


LOGIN = "O banco de dados não aceita o usuário e a senha de MONGO_DB_URL."
REPLICA_SET = "O banco de dados não é do conjunto de réplicas (replicaSet) de MONGO_DB_URL."
TLS = "A conexão TLS com o banco de dados falhou: veja tls em MONGO_DB_URL."
READ = "O usuário de MONGO_DB_URL não tem direito de ler este banco de dados."
CAUSES = [
    (("owner", "wrong", "pycemaker?authSource=admin"), LOGIN, "authSource in MONGO_DB_URL"),
    (("owner", "secret", "pycemaker"), LOGIN, "authSource in MONGO_DB_URL"),
    (("", "", "pycemaker"), LOGIN, "authSource in MONGO_DB_URL"),
    (("owner", "secret", "pycemaker?authSource=admin&replicaSet=rs0"), REPLICA_SET, "see replicaSet"),
    (("owner", "secret", "pycemaker?authSource=admin&replicaSet=rs0&directConnection=true"), REPLICA_SET, "see replicaSet"),
    (("owner", "secret", "pycemaker?authSource=admin&tls=true"), TLS, "see tls"),
    (("stranger", "secret", "pycemaker?authSource=admin"), READ, "the role readWrite"),
    (("reader", "secret", "admin"), READ, "the role readWrite"),
]  # fmt: skip


@pytest.mark.parametrize(("login", "sentence", "mend"), CAUSES)
def test_each_cause_has_its_sentence_in_the_503_in_ready_in_doctor_and_at_the_start(
    guarded: GuardedMongod,
    opened: list[Database],
    tmp_path: Path,
    login: tuple[str, str, str],
    sentence: str,
    mend: str,
) -> None:
    user, password, path = login
    url = guarded.url(user, password=password, path=path)
    client = client_of(url, opened, tmp_path)
    answer = client.get(f"/cpu/{AT}/1")
    assert (answer.status, answer.json["msg"]) == (503, sentence)
    ready = client.get("/ready")
    assert ready.status == 503
    assert sentence in lacking(ready).values()
    shared = doctor.SharedConnection(from_mapping({"MONGO_DB_URL": url, "DATA_DIR": str(tmp_path)}))
    outcome = doctor.check_database(shared)
    shared.close()
    assert outcome.level == "fail"
    assert mend in outcome.remedy
    banner = startup.banner(from_mapping({"MONGO_DB_URL": url}), opened[0])
    assert "answers are 503" in banner
    assert "not reachable" not in banner
    assert all(password not in text for text in (banner, outcome.message, answer.body.decode()) if password)


def test_a_login_database_without_metrics_is_said(
    guarded: GuardedMongod, opened: list[Database], tmp_path: Path
) -> None:
    url = guarded.url("root", path="admin")
    shared = doctor.SharedConnection(from_mapping({"MONGO_DB_URL": url, "DATA_DIR": str(tmp_path)}))
    outcome = doctor.check_database(shared)
    shared.close()
    assert outcome.level == "warn"
    assert "database 'admin' has no metric" in outcome.message
    assert "pycemaker?authSource=admin" in outcome.remedy
    opened.append(Database(url))
    banner = startup.banner(from_mapping({"MONGO_DB_URL": url}), opened[0])
    assert "(no metric in its database 'admin' yet: is that the collectors'?)" in banner


def test_the_start_says_what_a_reader_may_not(guarded: GuardedMongod, opened: list[Database]) -> None:
    url = guarded.url("reader")
    opened.append(Database(url))
    banner = startup.banner(from_mapping({"MONGO_DB_URL": url}), opened[0])
    assert "(its user may not write or make indexes: metrics are served, no report is made)" in banner


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://ana:p@ss/word@127.0.0.1:27017/pycemaker",
        "mongodb+srv://ana:p@ss/word@cluster.example.com/pycemaker",
        "mongodb+srv://[x/pycemaker",
        "mongodb+srv://cluster.example.com:27017/pycemaker",
        "mongodb+srv://",
        "mongodb://[x/pycemaker",
        "mongodb://127.0.0.1/pycemaker.cpu_usage",
    ],
)
def test_a_path_that_is_no_database_name_stops_the_start_and_is_not_repeated(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        open_database(address, tmp_path)
    takes = "MONGO_DB_URL takes mongodb://user:password@host:port/name, with %40 for an @ and %2F for a / in a password"
    assert caught.value.facts["problems"] == [takes]


def cause_in_sight(url: str, opened: list[Database]) -> type[DatabaseUnreachable]:
    """What the driver knows once it has looked for a server, whoever asks."""
    opened.append(Database(url))
    with pytest.raises(DatabaseUnreachable), one_exchange():
        opened[-1].handle.command("ping")
    return type(opened[-1].why_no_server())


def test_what_stands_between_is_known_while_nobody_has_given_up_waiting(
    guarded: GuardedMongod, not_initiated: str, opened: list[Database]
) -> None:
    login = guarded.url("owner", path="pycemaker?authSource=admin")
    assert cause_in_sight(f"{login}&replicaSet=rs0", opened) is WrongReplicaSet
    assert cause_in_sight(f"{login}&tls=true", opened) is DatabaseTlsFailed
    assert cause_in_sight(not_initiated, opened) is NoPrimary
    assert cause_in_sight("mongodb://127.0.0.1:1/x", opened) is DatabaseUnreachable


@pytest.mark.parametrize("options", ["", "?replicaSet=pm", "?directConnection=true"])
def test_a_replica_set_that_nobody_has_initiated_is_said(
    not_initiated: str, opened: list[Database], tmp_path: Path, options: str
) -> None:
    url = not_initiated + options
    client = client_of(url, opened, tmp_path)
    answer = client.get(f"/cpu/{AT}/1")
    assert (answer.status, answer.json["error"], answer.json["msg"]) == (503, "no_primary", NO_PRIMARY)
    assert NO_PRIMARY in lacking(client.get("/ready")).values()
    shared = doctor.SharedConnection(from_mapping({"MONGO_DB_URL": url, "DATA_DIR": str(tmp_path)}))
    outcome = doctor.check_database(shared)
    shared.close()
    assert (outcome.level, "rs.initiate()" in outcome.remedy) == ("fail", True)


def test_a_view_that_takes_no_index_is_no_matter_of_rights(database_url: str, opened: list[Database]) -> None:
    with pymongo.MongoClient[dict[str, object]](database_url) as client:
        samples = client.get_default_database()
        samples["raw"].insert_one({"time_series": NOW, "value": 0.5})
        samples.create_collection("cpu_usage", viewOn="raw", pipeline=[])
    database = Database(database_url)
    opened.append(database)
    services = Services(from_mapping({}), Store(database), service_of(database, {}), clock=lambda: NOW)
    client = Client(server.create_app(services))
    assert client.get(f"/cpu/{AT}/1").json["mean"] == 0.5
    ready = client.get("/ready")
    assert ready.status == 200
    assert lacking(ready)["indexes"] == "o MongoDB recusa um índice, como o de uma view: as leituras são lentas"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("tls=true&tlsCAFile=/nope.pem", "a CA file (tlsCAFile)"),
        ("tls=true&tlsCAFile={folder}", "a CA file (tlsCAFile)"),
        ("tls=true&tlsCAFile={junk}", "a CA file (tlsCAFile)"),
        ("tls=true&tlsCertificateKeyFile=/nope.pem", "a file (tlsCertificateKeyFile, tlsCRLFile)"),
        ("tls=true&tlsCertificateKeyFile={junk}", "a file (tlsCertificateKeyFile, tlsCRLFile)"),
        ("tls=true&tlsCRLFile=/nope.pem", "a file (tlsCertificateKeyFile, tlsCRLFile)"),
    ],
)
def test_a_file_that_is_not_there_stops_the_start_with_the_variables_name(
    tmp_path: Path, options: str, named: str
) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    url = f"mongodb://db.example.com/pycemaker?{options.format(folder=tmp_path, junk=junk)}"
    with pytest.raises(InvalidSettings) as caught:
        open_database(url, tmp_path)
    (problem,) = caught.value.facts["problems"]
    assert problem.startswith(f"MONGO_DB_URL names {named}")
    assert "/" not in problem
