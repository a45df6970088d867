"""MongoDB away, silent, gone while reading, and back: what the routes say, and how soon."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import psutil
import pymongo
import pytest
from pymongo.errors import InvalidOperation, OperationFailure, PyMongoError

import server
from pycemaker.cache.sample_store import BATCH_DOCUMENTS, Store
from pycemaker.errors import DatabaseUnreachable, InvalidSettings
from pycemaker.metrics import CPU
from pycemaker.mongo import embedded, mongod_address
from pycemaker.mongo.database import Database, open_database
from pycemaker.mongo.indexes import Indexes
from pycemaker.mongo.supervisor import SETTLED_SECONDS
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from pycemaker.window import Interval
from tests.services.report_service import service_of
from tests.services.wsgi import Answer, Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)


class OwnMongod:
    """A mongod of one test's own, to be stopped, killed and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pm-"))
        self.held = embedded.acquire(self.folder)

    @property
    def process_id(self) -> int:
        return int((self.folder / "mongo" / "mongod.lock").read_text())

    def kill(self) -> None:
        """As a crash would, its supervisor included, which would start it again."""
        process_id = self.process_id
        psutil.Process(process_id).parent().kill()
        os.kill(process_id, signal.SIGKILL)
        while embedded.is_running(process_id):
            time.sleep(0.01)

    def start(self) -> None:
        again = embedded.acquire(self.folder)
        self.held.release()
        self.held = again

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It takes connections and says nothing."""
        os.kill(self.process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process_id, signal.SIGCONT)

    def close(self) -> None:
        self.held.release()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def mongod_of_its_own() -> Iterator[OwnMongod]:
    started = OwnMongod()
    yield started
    started.close()


def client_over(database: Database, cache_bytes: int = 0) -> Client:
    store = Store(database, cache_bytes)
    report_service = service_of(database, {"DATA_DIR": "/nonexistent"})
    return Client(server.create_app(Services(from_mapping({}), store, report_service, clock=lambda: NOW)))


WITH_AND_WITHOUT_MEMORY = pytest.mark.parametrize("cache_bytes", [0, 2**26], ids=["read", "kept"])


def timed(client: Client, path: str) -> tuple[Answer, float]:
    began = time.monotonic()
    return client.get(path), time.monotonic() - began


@WITH_AND_WITHOUT_MEMORY
@pytest.mark.parametrize("path", ["/cpu/now/6", "/cpu/now", "/", "/report/now/6/a@b.com"])
def test_a_database_that_is_not_there_is_a_503_within_3_seconds(path: str, cache_bytes: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    database = Database(f"mongodb://127.0.0.1:{port}/x")
    answer, seconds = timed(client_over(database, cache_bytes), path)
    database.close()
    assert answer.status == 503
    assert answer.json["error"] == "database_unreachable"
    assert seconds < 3
    assert str(port).encode() not in answer.body


@pytest.mark.filterwarnings("ignore:Unclosed MongoClient")  # one that its own constructor gave up on
@pytest.mark.parametrize(
    "url", ["mongodb://user:hidden@no-such-host.invalid/x", "mongodb+srv://no-such-host.invalid/x"]
)
def test_a_host_that_cannot_be_resolved_is_a_503_that_names_neither_it_nor_the_password(url: str) -> None:
    database = Database(url)
    answer, seconds = timed(client_over(database), "/cpu/now/6")
    database.close()
    assert answer.status == 503
    assert seconds < 3
    assert b"hidden" not in answer.body
    assert b"invalid" not in answer.body


def test_one_that_is_away_is_not_said_to_be_building_an_index_however_slow_the_machine() -> None:
    away = Database("mongodb://127.0.0.1:1/x")
    with pytest.raises(DatabaseUnreachable) as raised:
        Indexes(away).ensure("cpu_usage", wait_seconds=0.0)
    away.close()
    assert type(raised.value) is DatabaseUnreachable


def test_one_that_is_closed_is_never_opened_again(database_url: str) -> None:
    database = Database(database_url)
    assert database["x"].find_one() is None
    database.close()
    for use in (lambda: database["x"], lambda: database.handle, lambda: database.find_raw_batches("x")):
        with pytest.raises(DatabaseUnreachable, match="closed"):
            use()


def test_one_that_is_closed_while_it_opens_leaves_no_client(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database, made = Database(database_url), []

    class Slow(pymongo.MongoClient[dict[str, object]]):
        def __init__(self, *arguments: object, **keywords: object) -> None:
            super().__init__(*arguments, **keywords)
            made.append(self)
            database.close()

    monkeypatch.setattr(pymongo, "MongoClient", Slow)
    with pytest.raises(DatabaseUnreachable, match="closed"):
        database["x"].find_one()
    with pytest.raises(InvalidOperation):
        made[0].admin.command("ping")


@WITH_AND_WITHOUT_MEMORY
def test_a_silent_database_is_a_503_within_3_seconds_and_a_200_once_it_speaks(
    mongod_of_its_own: OwnMongod, cache_bytes: int
) -> None:
    database = Database(mongod_of_its_own.held.url)
    client = client_over(database, cache_bytes)
    assert client.get("/cpu/now/6").status == 200
    with mongod_of_its_own.silent():
        time.sleep(1.0)  # for so long an answer may rest on the last check
        answer, seconds = timed(client, "/cpu/now/6")
        assert answer.status == 503
        assert seconds < 3
    assert client.get("/cpu/now/6").status == 200
    database.close()


@WITH_AND_WITHOUT_MEMORY
def test_a_database_that_was_killed_and_is_back_is_a_200_without_a_restart(
    mongod_of_its_own: OwnMongod, cache_bytes: int
) -> None:
    database = Database(mongod_of_its_own.held.url)
    client = client_over(database, cache_bytes)
    database[CPU.collection].insert_one({"time_series": NOW, "value": 0.5})
    assert len(client.get("/cpu/now/6").json["data"]) == 1
    mongod_of_its_own.kill()
    time.sleep(1.0)
    answer, seconds = timed(client, "/cpu/now/6")
    assert answer.status == 503
    assert seconds < 3
    mongod_of_its_own.start()
    assert len(client.get("/cpu/now/6").json["data"]) == 1
    database.close()


def test_a_database_that_goes_while_a_long_answer_is_read_ends_it_with_our_own_error(
    mongod_of_its_own: OwnMongod,
) -> None:
    database = Database(mongod_of_its_own.held.url)
    documents = [
        {"time_series": NOW - timedelta(seconds=5 * back), "value": 0.5, "note": "x" * 1000} for back in range(20_000)
    ]
    database[CPU.collection].insert_many(documents)
    batches = Store(database).read(CPU, Interval(NOW - timedelta(days=2), NOW))
    assert len(next(batches)) <= BATCH_DOCUMENTS
    mongod_of_its_own.kill()
    began = time.monotonic()
    with pytest.raises(DatabaseUnreachable):
        list(batches)
    assert time.monotonic() - began < 3
    database.close()


def test_a_user_that_was_killed_leaves_no_mongod_behind(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.acquire(folder)
    process_id = int((folder / "mongo" / "mongod.lock").read_text())
    held.usage_lock.release()  # what the operating system does for a process that was killed
    until = time.monotonic() + 5
    while embedded.is_running(process_id) and time.monotonic() < until:
        time.sleep(0.05)
    assert not embedded.is_running(process_id)
    embedded.wait_for_supervisors()
    shutil.rmtree(folder)


def test_one_that_crashes_while_it_is_used_is_started_again(mongod_of_its_own: OwnMongod) -> None:
    database = Database(mongod_of_its_own.held.url)
    database["x"].insert_one({"a": 1})
    process_id = mongod_of_its_own.process_id
    time.sleep(SETTLED_SECONDS)
    os.kill(process_id, signal.SIGKILL)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with contextlib.suppress(PyMongoError):
            assert database["x"].count_documents({}) == 1
            break
    assert mongod_of_its_own.process_id != process_id
    database.close()


def test_one_that_does_not_stop_when_asked_is_killed_and_usable_again() -> None:
    mongod = OwnMongod()
    database = Database(mongod.held.url)
    database["x"].insert_one({"a": 1})
    time.sleep(0.5)  # its journal is written ten times a second
    os.kill(mongod.process_id, signal.SIGSTOP)
    began = time.monotonic()
    database.close()
    mongod.held.release()
    assert time.monotonic() - began < 4
    again = embedded.acquire(mongod.folder)
    database = Database(again.url, again)
    assert database["x"].count_documents({}) == 1
    database.close()
    shutil.rmtree(mongod.folder)


def test_the_last_one_to_leave_stops_it_and_no_other(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    first, second = embedded.acquire(folder), embedded.acquire(folder)
    process_id = int((folder / "mongo" / "mongod.lock").read_text())
    assert (first.started_here, second.started_here) == (True, False)
    assert first.url == second.url
    first.release()
    assert embedded.is_running(process_id)
    second.release()
    assert not embedded.is_running(process_id)
    shutil.rmtree(folder)


def test_where_its_path_is_too_long_for_a_socket_it_is_in_a_private_folder_that_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    held, again = embedded.acquire(folder), embedded.acquire(folder)
    socket_path = Path(unquote(held.url.removeprefix("mongodb://")))
    assert again.url == held.url
    assert socket_path.is_socket()
    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    assert [each for each in psutil.Process(process_id_of(folder)).net_connections("inet") if each.laddr] == []
    database = Database(held.url, held)
    database["x"].insert_one({})
    database.close()
    again.release()
    assert not socket_path.parent.exists()
    reopened = embedded.acquire(folder)
    database = Database(reopened.url, reopened)
    assert database["x"].count_documents({}) == 1
    database.close()


def test_every_process_reaches_it_there_whatever_its_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)
    held = embedded.acquire(folder)
    with tempfile.TemporaryDirectory(prefix="pm-") as elsewhere:
        monkeypatch.setenv("XDG_RUNTIME_DIR", elsewhere)
        again = embedded.acquire(folder)
        assert (again.url, again.started_here, list(Path(elsewhere).iterdir())) == (held.url, False, [])
        again.release()
    held.release()


def test_a_copy_of_its_folder_and_a_folder_that_others_may_write_lead_to_no_database(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "mongo"
    held = embedded.acquire(folder.parent)
    copied = tmp_path / ("copy" * 30) / "mongo"
    copied.mkdir(parents=True)
    shutil.copy(folder / "socket", copied / "socket")
    assert mongod_address.known_url(copied) is None
    private = Path(unquote(held.url.removeprefix("mongodb://"))).parent
    private.chmod(0o755)
    assert mongod_address.known_url(folder) is None
    private.chmod(0o700)
    assert mongod_address.known_url(folder) == held.url
    held.release()


def test_a_user_that_was_killed_leaves_no_private_folder_behind(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    code = "import sys, time, pathlib; from pycemaker.mongo import embedded;"
    code += " print(embedded.acquire(pathlib.Path(sys.argv[1])).url, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        private = Path(unquote(user.stdout.readline().strip().removeprefix("mongodb://"))).parent
        assert private.exists()
        user.kill()
    until = time.monotonic() + 15
    while private.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not private.exists()


def test_where_there_are_no_unix_sockets_its_port_takes_a_password_that_is_kept(tmp_path: Path) -> None:
    held = embedded.acquire(tmp_path, unix_sockets=False)
    database = Database(held.url)
    database["x"].insert_one({})
    database.close()
    port = int((tmp_path / "mongo" / "port").read_text())
    with pymongo.MongoClient("127.0.0.1", port, serverSelectionTimeoutMS=2000) as stranger:
        with pytest.raises(OperationFailure, match="requires authentication"):
            stranger["pycemaker"]["x"].find_one()
        with pytest.raises(OperationFailure, match="requires authentication"):
            stranger["admin"].command("createUser", "eve", pwd="eve", roles=["root"])
    assert stat.S_IMODE((tmp_path / "mongo" / "password").stat().st_mode) == 0o600
    held.release()
    again = embedded.acquire(tmp_path, unix_sockets=False)
    database = Database(again.url, again)
    assert database["x"].count_documents({}) == 1
    database.close()


def process_id_of(folder: Path) -> int:
    return int((folder / "mongo" / "mongod.lock").read_text())


def test_a_folder_that_cannot_be_used_is_said_so_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(embedded.DatabaseNotStarted, match="folder cannot be used"):
        embedded.acquire(tmp_path / "file")


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://user:p@ss@host/x", "mongodb://127.0.0.1:99999/x"])
def test_a_url_that_leads_nowhere_is_a_wrong_setting_and_not_shown(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="MONGO_DB_URL takes mongodb://") as caught:
        open_database(url, tmp_path)
    assert "p@ss" not in str(caught.value)
