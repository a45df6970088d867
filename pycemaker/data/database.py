"""The connection to MongoDB: the one that is set, or the embedded one. Everything that PyMongo raises ends here."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.cursor import RawBatchCursor
from pymongo.database import Database as MongoDatabase
from pymongo.errors import ConnectionFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

from pycemaker.data import embedded
from pycemaker.data.faults import from_pymongo, from_topology
from pycemaker.data.outage import Outage
from pycemaker.data.single_flight import SingleFlight
from pycemaker.errors import DatabaseUnreachable, InvalidSettings
from pycemaker.metrics import METRICS

ANSWER_SECONDS = 2.0
"""How long one exchange with MongoDB may take, waiting for a server included."""

_CURSOR_MS = 600_000
"""After how much work MongoDB gives a cursor up by itself, all exchanges together: nobody waits for it any more."""

DEFAULT_NAME = "pycemaker"

Document = dict[str, Any]

_asked = threading.local()
"""`outage` of the database that this thread works with."""


class Database:
    """One database, reached when it is first needed, and never again once it is closed. Threads share it.

    Args:
        url: where MongoDB is; its path names the database.
        held: the share in the embedded mongod that `close` gives up.
        exchange_seconds: how long each exchange of a cursor may take.
    """

    def __init__(
        self, url: str, held: embedded.EmbeddedMongod | None = None, exchange_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._url = url
        self._held = held
        self._exchange_seconds = exchange_seconds
        self._opening = SingleFlight[pymongo.MongoClient[Document]]()
        self._opening_cursors = SingleFlight[pymongo.MongoClient[Document]]()
        self._client: pymongo.MongoClient[Document] | None = None
        self._cursor_client: pymongo.MongoClient[Document] | None = None
        self._lock = threading.Lock()
        self._clients: list[pymongo.MongoClient[Document]] = []
        self._is_closed = False
        self.outage = Outage()

    @property
    def is_embedded(self) -> bool:
        """Whether it is the one under `DATA_DIR`."""
        return self._held is not None

    def __getitem__(self, collection: str) -> Collection[Document]:
        """A collection of it.

        Raises:
            DatabaseUnreachable: the URL's host cannot be resolved, the URL is wrong, or this is closed.
        """
        return self._open()[collection]

    @property
    def handle(self) -> MongoDatabase[Document]:
        """PyMongo's own database object. Raises as `__getitem__`; once this is closed, so does all that it does."""
        return self._open()

    def find_raw_batches(self, collection: str, **find: Any) -> RawBatchCursor[Document]:
        """A cursor whose exchanges are each bounded in time by themselves, however many they are.

        Inside `one_exchange` the first of them would say to MongoDB how long all together may take (`maxTimeMS`, which
        a cursor keeps and uses up). So cursors have a client of their own, which is bounded on its connections. It
        tries nothing twice: that would take twice as long.

        Args:
            collection: whose documents.
            **find: as PyMongo's `find_raw_batches` takes them.

        Raises:
            DatabaseUnreachable: as `__getitem__`. What the cursor raises is PyMongo's: see `translated`.
        """
        self._admit()
        client = self._cursor_client or self._opening_cursors.run(self._make_cursor_client)
        database = client.get_default_database(DEFAULT_NAME)
        return database[collection].find_raw_batches(**find, max_time_ms=_CURSOR_MS)

    def has_no_metric(self) -> bool:
        """Whether no metric has a collection here. Raises DatabaseUnreachable."""
        with one_exchange():
            there = set(self.handle.list_collection_names())
        return there.isdisjoint(metric.collection for metric in METRICS)

    def has_server(self) -> bool:
        """Whether a MongoDB that takes writes is in sight, as far as is known; nothing is asked."""
        return self._open().client.topology_description.has_writable_server()

    def why_no_server(self) -> DatabaseUnreachable:
        """What stands between this and a MongoDB that takes writes, as far as is known; nothing is asked."""
        return from_topology(self._open().client.topology_description)

    def close(self) -> None:
        """Hang up; stop the embedded mongod where nobody else uses it. Twice is once."""
        with self._lock:
            self._is_closed = True
            clients, self._clients = self._clients, []
        for client in clients:
            _hang_up(client)
        if self._held is not None:
            self._held.release()
            self._held = None

    def _admit(self) -> None:
        if self._is_closed:
            raise DatabaseUnreachable(reason="closed")
        _asked.outage = self.outage
        self.outage.admit()

    def _open(self) -> MongoDatabase[Document]:
        self._admit()
        client = self._client or self._opening.run(self._make_client)
        return client.get_default_database(DEFAULT_NAME)

    def _make_client(self) -> pymongo.MongoClient[Document]:
        self._client = self._client or self._connect()
        return self._client

    def _make_cursor_client(self) -> pymongo.MongoClient[Document]:
        bounds = {"socketTimeoutMS": int(self._exchange_seconds * 1000), "retryReads": False}
        self._cursor_client = self._cursor_client or self._connect(**bounds)
        return self._cursor_client

    def _connect(self, **more: Any) -> pymongo.MongoClient[Document]:
        """A client. With a `mongodb+srv` URL this asks the network for names.

        Raises:
            DatabaseUnreachable: see `__getitem__`. What is made while another thread closes this is closed too.
        """
        with translated():
            client: pymongo.MongoClient[Document] = pymongo.MongoClient(
                self._url,
                appname="pycemaker",
                tz_aware=True,
                serverSelectionTimeoutMS=1500,
                connectTimeoutMS=1500,
                **more,
            )
        with self._lock:
            if not self._is_closed:
                self._clients.append(client)
                return client
        _hang_up(client)
        raise DatabaseUnreachable(reason="closed")


def _hang_up(client: pymongo.MongoClient[Document]) -> None:
    with pymongo.timeout(0.3):  # it says goodbye to the server, which may be gone
        client.close()


def open_database(url: str | None, data_dir: Path, say: Callable[[str], None] = lambda _text: None) -> Database:
    """The database at `url`; without one, the embedded one under `data_dir`, started where it is not running.

    Raises:
        DatabaseNotStarted: the embedded one does not start. One that is set but away raises nothing here.
        InvalidSettings: the URL can never lead anywhere.
    """
    if url:
        _check(url)
        return Database(url)
    held = embedded.hold(data_dir, say)
    return Database(held.url, held)


_URL_TAKES = (
    "MONGO_DB_URL takes mongodb://user:password@host:port/name, with %40 for an @ and %2F for a / in a password"
)


def _check(url: str) -> None:
    """Read the URL without asking the network; a `mongodb+srv` one needs a look-up to be read at all."""
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    if "@" in path or "." in path:  # the rest of a password with a /, or `database.collection`
        raise InvalidSettings(problems=[_URL_TAKES])
    if url.startswith("mongodb+srv://"):
        return
    try:
        parse_uri(url)
        pymongo.MongoClient(url, connect=False).close()
    except (PyMongoError, OSError, ValueError) as error:
        raise InvalidSettings(problems=[_url_problem(error)]) from None


def _url_problem(error: Exception) -> str:
    text = str(error).lower()
    if "tlscafile" in text or isinstance(error, ssl.SSLError):
        return "MONGO_DB_URL names a CA file (tlsCAFile) that cannot be read, or that holds no certificate"
    if isinstance(error, OSError) or "certificate" in text or "private key" in text:
        return "MONGO_DB_URL names a file (tlsCertificateKeyFile, tlsCRLFile) that cannot be read or used"
    return _URL_TAKES


@contextmanager
def translated() -> Iterator[None]:
    """PyMongo's faults inside become DatabaseUnreachable, by their cause; no host is named."""
    try:
        yield
    except PyMongoError as error:
        raise from_pymongo(error) from error


@contextmanager
def noted() -> Iterator[None]:
    """What is inside asks MongoDB: its faults are translated, and an outage begins or ends with it."""
    began = time.monotonic()
    try:
        with translated():
            yield
    except DatabaseUnreachable as error:
        fault = error.__cause__
        if isinstance(fault, ConnectionFailure) and hasattr(_asked, "outage"):
            _asked.outage.note_failure(began, error, sees_no_server=isinstance(fault, ServerSelectionTimeoutError))
        raise
    if hasattr(_asked, "outage"):
        _asked.outage.note_answer()


@contextmanager
def one_exchange(seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """What is inside is one exchange with MongoDB, bounded in time."""
    with noted(), pymongo.timeout(seconds):
        yield
