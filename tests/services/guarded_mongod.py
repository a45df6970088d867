"""A mongod that wants a login: users by what they may do in the database `pycemaker`."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pymongo

from pycemaker.mongo import mongod_binary

_FIND = ["find", "listIndexes", "listCollections", "changeStream"]
_WRITE = ["insert", "update", "remove"]
ROLES = {"owner": ["readWrite"], "reader": ["read"], "stranger": []}


@dataclass(frozen=True)
class GuardedMongod:
    """Its host and port, as in a URL."""

    place: str

    def url(self, user: str = "", *, password: str = "secret", path: str = "pycemaker?authSource=admin") -> str:  # noqa: S107 - made up
        """A URL for one of `owner`, `reader`, `writer` (all but indexes) and `stranger`; without a login for nobody."""
        return f"mongodb://{f'{user}:{password}@' if user else ''}{self.place}/{path}"

    @contextlib.contextmanager
    def client(self) -> Iterator[pymongo.MongoClient[dict[str, object]]]:
        """A client that may do everything."""
        with pymongo.MongoClient[dict[str, object]](self.url("root")) as client:
            yield client


@contextlib.contextmanager
def guarded_mongod() -> Iterator[GuardedMongod]:
    """It, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    path = folder / "m.sock"
    command = [mongod_binary.find(folder), "--auth", "--dbpath", str(folder), "--bind_ip", str(path), "--nounixsocket"]
    command += ["--logpath", str(folder / "log"), "--wiredTigerCacheSizeGB", "0.25"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    guarded = GuardedMongod(quote(str(path), safe=""))
    try:
        with pymongo.MongoClient[dict[str, object]](guarded.url(), serverSelectionTimeoutMS=20_000) as client:
            client.admin.command("createUser", "root", pwd="secret", roles=["root"])
        with guarded.client() as client:
            _make_users(client)
        yield guarded
    finally:
        process.terminate()
        process.wait(15)
        shutil.rmtree(folder, ignore_errors=True)


def _make_users(client: pymongo.MongoClient[dict[str, object]]) -> None:
    for user, roles in ROLES.items():
        granted = [{"role": role, "db": "pycemaker"} for role in roles]
        client.admin.command("createUser", user, pwd="secret", roles=granted)
    privilege = {"resource": {"db": "pycemaker", "collection": ""}, "actions": [*_FIND, *_WRITE]}
    client.admin.command("createRole", "all but indexes", privileges=[privilege], roles=[])
    client.admin.command("createUser", "writer", pwd="secret", roles=["all but indexes"])
