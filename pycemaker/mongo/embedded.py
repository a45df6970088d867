"""A real mongod under `DATA_DIR`, for a machine that has no MongoDB set up.

It listens on a Unix socket and on no port (`mongod_address`). The first process that needs it starts it, later ones
share it, and the last one to leave stops it. `supervisor` stops it for processes that were killed.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from pycemaker.errors import DatabaseNotStarted
from pycemaker.mongo import mongod_address, mongod_binary
from pycemaker.mongo.mongod_address import HAS_UNIX_SOCKETS
from pycemaker.mongo.supervisor import is_running
from pycemaker.mongo.usage_lock import UsageLock, fcntl
from pycemaker.settings import ROOT, module_command, without_secrets

START_SECONDS = 60.0
STOP_SECONDS = 2.0
CACHE_GB = 0.5
_STARTED: list[subprocess.Popen[bytes]] = []


@dataclass
class EmbeddedMongod:
    """A process's share in the mongod of a folder.

    Attributes:
        started_here: whether this process started it.
        usage_lock: the lock that is the share; the operating system releases it for a process that is killed.
    """

    url: str
    started_here: bool
    usage_lock: UsageLock
    _folder: Path

    def release(self) -> None:
        """Give up the share; where it was the last one, stop the mongod and wait until it has stopped."""
        if (fcntl is not None or self.started_here) and self.usage_lock.take():
            _shut_down(self.url, self._folder)
            mongod_address.forget(self._folder)
            wait_for_supervisors()
        self.usage_lock.release()


def acquire(
    data_dir: Path, echo: Callable[[str], None] = lambda _text: None, *, unix_sockets: bool = HAS_UNIX_SOCKETS
) -> EmbeddedMongod:
    """A share in the mongod under `data_dir`, started where it is not running.

    Args:
        echo: gets a message when this takes longer than a second, or passes over a mongod on PATH.
        unix_sockets: whether it listens on one; else on a loopback port, with a password.

    Raises:
        DatabaseNotStarted: no binary, or one that does not run here.
    """
    folder = data_dir / "mongo"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lease = UsageLock(folder / "lease")
    except OSError as error:
        raise DatabaseNotStarted(reason=f"its folder cannot be used ({error.strerror})") from None
    if not lease.share(wait_seconds=15.0):
        lease.release()
        raise DatabaseNotStarted(reason="another process is stopping it and does not finish")
    try:
        url, started_here = _running_url(folder, echo, unix_sockets)
    except BaseException:
        lease.release()
        raise
    return EmbeddedMongod(url, started_here, lease, folder)


def _running_url(folder: Path, echo: Callable[[str], None], unix_sockets: bool) -> tuple[str, bool]:
    starting = UsageLock(folder / "start.lock")
    try:
        if not starting.take(wait_seconds=START_SECONDS):
            raise DatabaseNotStarted(reason="another process is starting it and does not finish")
        url = mongod_address.known_url(folder, unix_sockets=unix_sockets)
        if url and _answers(url):
            _adopt_orphan(folder)
            return url, False
        return _start(folder, echo, unix_sockets), True
    finally:
        starting.release()


def _answers(url: str) -> bool:
    return mongod_address.listens(url) and mongod_address.ask(url, "ping") is not None


def _start(folder: Path, echo: Callable[[str], None], unix_sockets: bool) -> str:
    address = mongod_address.arguments(folder, unix_sockets=unix_sockets)
    supervisor = _run_supervisor(folder, [mongod_binary.find(folder, echo), *_arguments(folder), *address])
    began, is_echoed = time.monotonic(), False
    while supervisor.poll() is None and time.monotonic() - began < START_SECONDS:
        url = mongod_address.known_url(folder, unix_sockets=unix_sockets)
        if url and mongod_address.listens(url):
            mongod_address.lock_up(url)
        if url and _answers(url):
            mongod_binary.note_compatibility(folder, url)
            return url
        if not is_echoed and time.monotonic() - began > 1.0:
            echo("starting the embedded MongoDB ...")
            is_echoed = True
        time.sleep(0.05)
    raise DatabaseNotStarted(reason=_startup_failure(folder))


def _arguments(folder: Path) -> list[str]:
    files = ["--dbpath", str(folder), "--logpath", str(folder / "mongod.log"), "--logappend", "--quiet"]
    return [*files, f"--wiredTigerCacheSizeGB={CACHE_GB}", "--setParameter=diagnosticDataCollectionEnabled=false"]


def _run_supervisor(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the supervisor, or mongod itself where there are no locks; it outlives this share."""
    null = subprocess.DEVNULL
    python, variables = module_command(without_secrets(os.environ))
    supervisor = [] if fcntl is None else [*python, "pycemaker.mongo.supervisor", str(folder)]
    started = subprocess.Popen(  # noqa: S603 - our own command
        [*supervisor, *command], stdin=null, stdout=null, stderr=null, start_new_session=True, cwd=ROOT, env=variables
    )
    _STARTED[:] = [process for process in _STARTED if process.poll() is None] + [started]
    return started


def wait_for_supervisors() -> None:
    """Wait for the supervisors that this process started and that end by themselves."""
    for process in _STARTED:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)


def _adopt_orphan(folder: Path) -> None:
    """Give a mongod whose supervisor was killed a new one; that ends at once where there is one by now."""
    if fcntl is None:
        return
    supervised = UsageLock(folder / "keeper.lock")
    orphaned = supervised.take()
    supervised.release()
    pid = _process_id(folder)
    if orphaned and pid:
        _run_supervisor(folder, ["adopt", str(pid)])


def _process_id(folder: Path) -> int | None:
    """The mongod's process id, which it writes in its own lock file and takes out as it ends."""
    lock = folder / "mongod.lock"
    text = lock.read_text(encoding="ascii").strip() if lock.exists() else ""
    return int(text) if text.isdigit() else None


def _shut_down(url: str, folder: Path) -> None:
    """Stop it and wait until its process has ended; one that does not in time is killed, which its journal bears."""
    pid = _process_id(folder)
    if pid is None or not is_running(pid):
        return
    if fcntl is None:
        mongod_address.ask(url, "shutdown", force=True)  # where there are no signals; it answers by disconnecting
    else:
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).kill()


def _startup_failure(folder: Path) -> str:
    """The last fault in mongod's log; never the whole log."""
    log = folder / "mongod.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:] if log.exists() else []
    faults = [line for line in lines if '"s":"E"' in line or '"s":"F"' in line]
    return (faults[-1][-300:] if faults else "it ended without a word") + f" (see {log.name})"
