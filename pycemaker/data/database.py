"""The connection to MongoDB: the one that is set, or the embedded one. Everything that PyMongo raises ends here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from pycemaker.data import embedded
from pycemaker.errors import DatabaseUnreachable, InvalidSettings

ANSWER_SECONDS = 2.0
"""How long one exchange with MongoDB may take, waiting for a server included."""

DEFAULT_NAME = "pycemaker"

Document = dict[str, Any]


class Database:
    """One database, reached when it is first needed. Threads share it.

    Args:
        url: where MongoDB is; its path names the database.
        held: the share in the embedded mongod that `close` gives up.
    """

    def __init__(self, url: str, held: embedded.EmbeddedMongod | None = None) -> None:
        self._url = url
        self._held = held
        self._opening = threading.Lock()
        self._client: pymongo.MongoClient[Document] | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether it is the one under `DATA_DIR`."""
        return self._held is not None

    def __getitem__(self, collection: str) -> Collection[Document]:
        """A collection of it.

        Raises:
            DatabaseUnreachable: the URL's host cannot be resolved, or the URL is wrong.
        """
        return self._open()[collection]

    @property
    def handle(self) -> MongoDatabase[Document]:
        """PyMongo's own database object. Raises as `__getitem__`; once this is closed, so does all that it does."""
        return self._open()

    def has_server(self) -> bool:
        """Whether a MongoDB that takes writes is in sight, as far as is known; nothing is asked."""
        return self._open().client.topology_description.has_writable_server()

    def close(self) -> None:
        """Hang up; stop the embedded mongod where nobody else uses it. Twice is once."""
        if self._client is not None:
            with pymongo.timeout(0.3):  # it says goodbye to the server, which may be gone
                self._client.close()
            self._client = None
        if self._held is not None:
            self._held.release()
            self._held = None

    def _open(self) -> MongoDatabase[Document]:
        with self._opening:
            if self._client is None:
                with translated():
                    self._client = pymongo.MongoClient(
                        self._url,
                        appname="pycemaker",
                        tz_aware=True,
                        serverSelectionTimeoutMS=1500,
                        connectTimeoutMS=1500,
                    )
        return self._client.get_default_database(DEFAULT_NAME)


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


def _check(url: str) -> None:
    """Read the URL without asking the network; a `mongodb+srv` one needs a look-up to be read at all."""
    if url.startswith("mongodb+srv://"):
        return
    try:
        parse_uri(url)
    except (PyMongoError, ValueError):
        takes = "MONGO_DB_URL takes mongodb://user:password@host:port/name, with %40 for an @ in the password"
        raise InvalidSettings(problems=[takes]) from None


@contextmanager
def translated() -> Iterator[None]:
    """PyMongo's faults inside become DatabaseUnreachable, which names the fault and no host."""
    try:
        yield
    except PyMongoError as error:
        code = getattr(error, "code", None)
        raise DatabaseUnreachable(reason=type(error).__name__ + (f" {code}" if code else "")) from error


@contextmanager
def one_exchange(seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """What is inside is one exchange with MongoDB: bounded in time, its faults translated."""
    with translated(), pymongo.timeout(seconds):
        yield
