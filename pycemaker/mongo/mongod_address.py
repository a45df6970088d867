"""Address of the embedded mongod: a Unix socket that only its owner reaches; without those, a port and a password.

A socket's path has room for some 100 bytes. Where `DATA_DIR` is longer, the socket is in a private folder elsewhere,
which the file `socket` names. That folder's name has the device and inode of the database's folder, so that a copy of a
`DATA_DIR` does not lead to the database of the original.
"""

import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pycemaker.errors import DatabaseNotStarted

HAS_UNIX_SOCKETS = sys.platform != "win32" and hasattr(socket, "AF_UNIX")
_LONGEST_BYTES = 100
_NAME = "mongod.sock"
_USER = "pycemaker"


def known_url(folder: Path, *, unix_sockets: bool = HAS_UNIX_SOCKETS) -> str | None:
    """The URL of this folder's mongod, whether it runs or not; None where none was started here."""
    if unix_sockets:
        path = _socket_path(folder)
        return f"mongodb://{quote(str(path), safe='')}" if path and path.exists() else None
    port, password = _read(folder / "port"), _read(folder / "password")
    return f"mongodb://{_USER}:{password}@127.0.0.1:{port}/?authSource=admin" if port and password else None


def arguments(folder: Path, *, unix_sockets: bool = HAS_UNIX_SOCKETS) -> list[str]:
    """The arguments with which a new mongod listens; the private folder of the last one is removed.

    Raises:
        DatabaseNotStarted: there is no folder whose path is short enough.
    """
    forget(folder)
    if unix_sockets:
        path = folder / _NAME if _fits(folder / _NAME) else _make_private(folder) / _NAME
        return ["--nounixsocket", "--bind_ip", str(path)]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    (folder / "port").write_text(port, encoding="ascii")
    if not _read(folder / "password"):
        _write_private(folder / "password", secrets.token_hex(24))
    quiet_sockets = ["--nounixsocket"] if HAS_UNIX_SOCKETS else []
    return [*quiet_sockets, "--auth", "--bind_ip", "127.0.0.1", "--port", port]


def lock_up(url: str) -> None:
    """Create the URL's user in a mongod without users, which it lets its own machine do once."""
    parts = urlsplit(url)
    if parts.password:
        ask(f"mongodb://127.0.0.1:{parts.port}", "createUser", _USER, pwd=parts.password, roles=["root"])


def ask(url: str, command: str, value: object = 1, **more: Any) -> dict[str, Any] | None:
    """A mongod's answer to a command; None where it does not answer within 2 s, or refuses."""
    import pymongo  # 20 MB that the supervisor does without
    from pymongo.errors import PyMongoError

    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url, serverSelectionTimeoutMS=500)
    with suppress(PyMongoError), client, pymongo.timeout(2):
        return dict(client.admin.command(command, value, **more))
    return None


def forget(folder: Path) -> None:
    """Remove the private folder of a mongod that has ended. May be called twice."""
    path = _socket_path(folder)
    if path and path.parent != folder:
        shutil.rmtree(path.parent, ignore_errors=True)
        (folder / "socket").unlink(missing_ok=True)


def listens(url: str) -> bool:
    """True where anything listens at the address; a driver takes half a second to find out that nothing does."""
    parts = urlsplit(url)
    path = unquote(parts.netloc)
    family, address = (socket.AF_UNIX, path) if path.startswith("/") else (socket.AF_INET, (parts.hostname, parts.port))
    with socket.socket(family) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(address) == 0


def _socket_path(folder: Path) -> Path | None:
    """The socket beside the data, or the one elsewhere; None where that is not this folder's."""
    if _fits(folder / _NAME):
        return folder / _NAME
    elsewhere = _read(folder / "socket")
    path = Path(elsewhere) if elsewhere else None
    return path if path and path.parent.name.startswith(_prefix(folder)) and _is_private(path.parent) else None


def _make_private(folder: Path) -> Path:
    for base in filter(None, (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")):  # noqa: S108 - a folder of ours in it
        with suppress(OSError):
            private = Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=base))  # its mode is 0700
            if _fits(private / _NAME):
                _write_private(folder / "socket", str(private / _NAME))
                return private
            private.rmdir()
    raise DatabaseNotStarted(reason="DATA_DIR is too long for a socket, and so is every folder for temporary files")


def _prefix(folder: Path) -> str:
    status = folder.stat()
    return f"pycemaker-{status.st_dev:x}-{status.st_ino:x}-"


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST_BYTES


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
