"""A mongod that is a replica set of one: what offers change streams."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pymongo
from pymongo.errors import PyMongoError

from pycemaker.mongo import mongod_binary


@contextlib.contextmanager
def replica_set(*, is_initiated: bool = True) -> Iterator[str]:
    """Its URL, until the block ends; that of a member which nobody has initiated, where it is not."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    socket_path = folder / "m.sock"
    command = [mongod_binary.find(folder), "--dbpath", str(folder), "--replSet", "pm", "--bind_ip", str(socket_path)]
    command += ["--nounixsocket", "--logpath", str(folder / "log"), "--wiredTigerCacheSizeGB", "0.25"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"mongodb://{quote(str(socket_path), safe='')}/?directConnection=true"
    try:
        if is_initiated:
            _initiate(url, str(socket_path))
        else:
            _await(url)
        yield url.replace("/?", "/replicated?")
    finally:
        process.terminate()
        process.wait(15)
        shutil.rmtree(folder, ignore_errors=True)


def _await(url: str) -> None:
    with pymongo.MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=20_000) as client:
        client.admin.command("hello")


def _initiate(url: str, member: str) -> None:
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(url, serverSelectionTimeoutMS=10_000)
    try:
        config = {"_id": "pm", "members": [{"_id": 0, "host": member}]}
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(PyMongoError):
                client.admin.command("replSetInitiate", config)
            if client.admin.command("hello").get("isWritablePrimary"):
                return
            time.sleep(0.1)
        raise RuntimeError("the replica set has no primary")
    finally:
        client.close()
