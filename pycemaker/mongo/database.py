"""Connection to MongoDB: the one that is set, or the embedded one. PyMongo's errors become this project's here."""

import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from pymongo import WriteConcern
from pymongo.collection import Collection
from pymongo.cursor import RawBatchCursor
from pymongo.database import Database as MongoDatabase
from pymongo.errors import ConnectionFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

from pycemaker.errors import DatabaseUnreachable, InvalidSettings
from pycemaker.metrics import METRICS
from pycemaker.mongo import caller_deadline, embedded
from pycemaker.mongo.circuit_breaker import CircuitBreaker
from pycemaker.mongo.error_translation import from_pymongo, from_topology
from pycemaker.mongo.single_flight import SingleFlight
from pycemaker.parsing.hosts import parse_host

EXCHANGE_SECONDS = 2.0  # Bound of one exchange with MongoDB, waiting for a server included
_CURSOR_MS = 600_000
"""The work after which MongoDB ends a cursor, all exchanges together: nobody waits for it any more."""

_EXCHANGES, _CURSORS = "exchanges", "cursors"  # The clients of a database, by what they are for
DEFAULT_NAME = "pycemaker"
_DURABLE = WriteConcern(w="majority", j=True, wtimeout=5000)

Document = dict[str, Any]

_thread = threading.local()
"""`circuit_breaker` of the database that this thread works with."""


class Database:
    """One database, reached when it is first needed, and not again once it is closed. Threads share it.

    Args:
        url: where MongoDB is; its path names the database.
        embedded_mongod: the share in it that `close` releases; None of another MongoDB.
        exchange_seconds: how long each exchange of a cursor may take.
    """

    def __init__(
        self,
        url: str,
        embedded_mongod: embedded.EmbeddedMongod | None = None,
        exchange_seconds: float = EXCHANGE_SECONDS,
    ) -> None:
        self._url = url
        self._embedded_mongod = embedded_mongod
        self._exchange_seconds = exchange_seconds
        self._opening = {kind: SingleFlight[pymongo.MongoClient[Document]]() for kind in (_EXCHANGES, _CURSORS)}
        self._clients: dict[str, pymongo.MongoClient[Document]] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self.circuit_breaker = CircuitBreaker()

    @property
    def is_embedded(self) -> bool:
        """True where it is the one under `DATA_DIR`."""
        return self._embedded_mongod is not None

    def __getitem__(self, collection: str) -> Collection[Document]:
        """A collection of it.

        Raises:
            DatabaseUnreachable: the URL's host cannot be resolved, the URL is wrong, or this is closed.
        """
        return self._open()[collection]

    def durable(self, collection: str, codec_options: CodecOptions[Document] | None = None) -> Collection[Document]:
        """A collection whose writes survive a failover and a crash: acknowledged by a majority, and journaled.

        Raises:
            DatabaseUnreachable: as `__getitem__`.
        """
        return self[collection].with_options(codec_options, write_concern=_DURABLE)

    @property
    def handle(self) -> MongoDatabase[Document]:
        """PyMongo's own database object. Raises as `__getitem__`; once this is closed, so does all that it does."""
        return self._open()

    def find_raw_batches(self, collection: str, **find: Any) -> RawBatchCursor[Document]:
        """A cursor whose exchanges are each bounded in time by themselves, however many they are.

        Inside `one_exchange` the first of them would bound all together: a cursor keeps `maxTimeMS` and uses it up. So
        cursors have a client of their own, which is bounded on its connections. It tries nothing twice: that would take
        twice as long.

        Raises:
            DatabaseUnreachable: as `__getitem__`. What the cursor raises is PyMongo's: see `translated`.
        """
        return self._open(_CURSORS)[collection].find_raw_batches(**find, max_time_ms=_CURSOR_MS)

    def has_no_metric(self) -> bool:
        """True where no metric has a collection here. Raises DatabaseUnreachable."""
        with one_exchange():
            collections = set(self.handle.list_collection_names())
        return collections.isdisjoint(metric.collection for metric in METRICS)

    def now(self) -> datetime:
        """The present by MongoDB's clock, aware UTC. Raises DatabaseUnreachable."""
        with one_exchange():
            now: datetime = self.handle.command("hello")["localTime"]
        return now.replace(tzinfo=UTC)

    def why_no_server(self) -> DatabaseUnreachable | None:
        """The reason why the driver knows of no MongoDB that takes writes, or None; MongoDB is not asked."""
        topology = self._open().client.topology_description
        return None if topology.has_writable_server() else from_topology(topology)

    def close(self) -> None:
        """Disconnect; stop the embedded mongod where nobody else uses it. May be called twice."""
        with self._lock:
            self._is_closed = True
            clients, self._clients = self._clients, {}
        for client in clients.values():
            _disconnect(client)
        if self._embedded_mongod is not None:
            self._embedded_mongod.release()
            self._embedded_mongod = None

    def _open(self, kind: str = _EXCHANGES) -> MongoDatabase[Document]:
        if self._is_closed:
            raise DatabaseUnreachable(reason="closed")
        _thread.circuit_breaker = self.circuit_breaker
        self.circuit_breaker.admit()
        client = self._clients.get(kind) or self._opening[kind].run(partial(self._connect, kind))
        return client.get_default_database(DEFAULT_NAME)

    def _connect(self, kind: str) -> pymongo.MongoClient[Document]:
        """The client of that kind. With a `mongodb+srv` URL this asks the network for names.

        Raises:
            DatabaseUnreachable: see `__getitem__`. A client made while another thread closes this is closed too.
        """
        if known := self._clients.get(kind):
            return known
        bounds: dict[str, Any] = {"socketTimeoutMS": int(self._exchange_seconds * 1000), "retryReads": False}
        with translated():
            client: pymongo.MongoClient[Document] = pymongo.MongoClient(
                self._url,
                appname="pycemaker",
                tz_aware=True,
                serverSelectionTimeoutMS=1500,
                connectTimeoutMS=1500,
                **(bounds if kind == _CURSORS else {}),
            )
        with self._lock:
            if not self._is_closed:
                self._clients[kind] = client
                return client
        _disconnect(client)
        raise DatabaseUnreachable(reason="closed")


def _disconnect(client: pymongo.MongoClient[Document]) -> None:
    with pymongo.timeout(0.3):  # it says goodbye to the server, which may be gone
        client.close()


def open_database(url: str | None, data_dir: Path, echo: Callable[[str], None] = lambda _text: None) -> Database:
    """The database at `url`; without one, the embedded one under `data_dir`, started where it is not running.

    Raises:
        DatabaseNotStarted: the embedded one does not start. One that is set but away raises nothing here;
            InvalidSettings: the URL can never lead anywhere.
    """
    if url:
        _check(url)
        return Database(url)
    embedded_mongod = embedded.acquire(data_dir, echo)
    return Database(embedded_mongod.url, embedded_mongod)


_URL_FORM = "MONGO_DB_URL takes mongodb://user:password@host:port/name, with %40 for an @ and %2F for a / in a password"


def _check(url: str) -> None:
    """Read the URL without asking the network; a `mongodb+srv` one needs a look-up to be read at all."""
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    if "@" in path or "." in path:  # the rest of a password with a /, or `database.collection`
        raise InvalidSettings(problems=[_URL_FORM])
    try:
        if url.startswith("mongodb+srv://"):
            parse_host(re.split("[/?]", url.removeprefix("mongodb+srv://"))[0].rpartition("@")[2])
            return
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
    return _URL_FORM


@contextmanager
def translated() -> Iterator[None]:
    """PyMongo's errors become DatabaseUnreachable by their cause, without a host's name."""
    try:
        yield
    except PyMongoError as error:
        raise from_pymongo(error) from error


@contextmanager
def tracked_exchange() -> Iterator[None]:
    """Exchanges with MongoDB: PyMongo's errors are translated, and the circuit breaker notes answers and failures."""
    began = time.monotonic()
    try:
        with translated():
            yield
    except DatabaseUnreachable as error:
        fault = error.__cause__
        is_cut_short = caller_deadline.bounded_seconds(EXCHANGE_SECONDS) < EXCHANGE_SECONDS  # so it shows no outage
        if isinstance(fault, ConnectionFailure) and hasattr(_thread, "circuit_breaker") and not is_cut_short:
            _thread.circuit_breaker.note_failure(
                began, error, sees_no_server=isinstance(fault, ServerSelectionTimeoutError)
            )
        raise
    caller_deadline.lift()
    if hasattr(_thread, "circuit_breaker"):
        _thread.circuit_breaker.note_answer()


@contextmanager
def one_exchange(seconds: float = EXCHANGE_SECONDS) -> Iterator[None]:
    """One exchange with MongoDB, tracked and bounded in time, also by the deadline of this thread's caller."""
    with tracked_exchange(), pymongo.timeout(caller_deadline.bounded_seconds(seconds)):
        yield
