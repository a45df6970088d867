"""Settings of other people's installations, and the result of a start with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from pycemaker.errors import DatabaseUnreachable, InvalidSettings
from pycemaker.mongo.database import open_database
from pycemaker.mongo.privileges import read_privileges
from pycemaker.parsing.origins import may_read
from pycemaker.settings import from_mapping
from tests.cases.table import Row
from tests.services.guarded_mongod import guarded_mongod
from tests.services.replica import replica_set

_CA_FILE = "mongodb://db.example.com/pycemaker?tls=true&tlsCAFile=/nope.pem"
_UNESCAPED = "mongodb://ana:p@ss/word@127.0.0.1:27017/pycemaker"
_PATTERN, _SITE = "https://*.vercel.app", "https://app-git-x.vercel.app"
_PREFIXED = "https://ops.example.com/pycemaker"


def rows() -> Iterator[Row]:
    """A row for each setting."""
    problem = "MONGO_DB_URL names a CA file (tlsCAFile) that cannot be read, or that holds no certificate"
    yield Row(f"MONGO_DB_URL={_CA_FILE}", problem, _problem(_CA_FILE))
    takes = "MONGO_DB_URL takes mongodb://user:password@host:port/name, with %40 for an @ and %2F for a / in a password"
    yield Row(f"MONGO_DB_URL={_UNESCAPED}", takes, _problem(_UNESCAPED))
    with replica_set(is_initiated=False) as url:
        yield Row("MONGO_DB_URL of a replica set that nobody initiated", "NoPrimary", _outage(url))
    reads = may_read(_SITE, from_mapping({"CORS_ORIGINS": _PATTERN}).cors_origins)
    yield Row(f"CORS_ORIGINS={_PATTERN}", f"{_SITE} may read: True", f"{_SITE} may read: {reads}")
    base_path = from_mapping({"PUBLIC_URL": _PREFIXED}).base_path
    yield Row(f"PUBLIC_URL={_PREFIXED}", "links begin with /pycemaker", f"links begin with {base_path}")
    with guarded_mongod() as guarded:
        yield Row("MONGO_DB_URL of a user with the role read", "read True, write False", _rights(guarded.url("reader")))


def _problem(url: str) -> str:
    try:
        open_database(url, Path(tempfile.gettempdir())).close()
    except InvalidSettings as error:
        return str(error.facts["problems"][0])
    return "taken"


def _outage(url: str) -> str:
    database = open_database(url.partition("?")[0], Path(tempfile.gettempdir()))
    try:
        read_privileges(database)
    except DatabaseUnreachable as error:
        return type(error).__name__
    finally:
        database.close()
    return "answers"


def _rights(url: str) -> str:
    database = open_database(url, Path(tempfile.gettempdir()))
    try:
        rights = read_privileges(database)
        return f"read {rights.read}, write {rights.write}"
    finally:
        database.close()
