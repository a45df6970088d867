"""Supervisor of the embedded mongod: stops it when no process uses it any more, however its users ended.

Run as a process of its own: `python -m pycemaker.mongo.supervisor FOLDER MONGOD [ARGUMENT ...]`. It starts mongod
(or adopts one that lost its supervisor), and looks four times a second whether the usage lock is free. A user that was
killed cannot stop what it started.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from pycemaker.mongo import mongod_address
from pycemaker.mongo.usage_lock import UsageLock

LOOK_SECONDS = 0.25
STOP_SECONDS = 10.0
SETTLED_SECONDS = 5.0
"""One that ends sooner than this does not run here at all. One that has run this long is started again whenever it
ends, this often at most: where its disk is full it ends at once, until there is room.
"""


def main(folder: Path, command: list[str]) -> int:
    """Run mongod for as long as a process shares `folder/lease`; 0 when it was stopped in good order."""
    supervised = UsageLock(folder / "keeper.lock")  # named so by earlier releases, which may run beside this one
    if not supervised.take():
        return 0
    lease = UsageLock(folder / "lease")
    mongod = _Adopted(int(command[1])) if command[0] == "adopt" else _start(command)
    started, has_settled = time.monotonic(), False
    while True:
        ended = mongod.poll()
        if ended is None and lease.take():
            status = _stop(mongod)
            mongod_address.forget(folder)
            return status
        if ended is not None:
            asked_to = ended == 0 or not lease.share(0.0) or lease.take()
            is_due = time.monotonic() - started >= SETTLED_SECONDS
            has_settled = has_settled or is_due
            if asked_to or not has_settled:
                return ended
            if is_due:
                mongod, started = _start(command), time.monotonic()
        time.sleep(LOOK_SECONDS)


class _Adopted:
    """The part of `subprocess.Popen` that is needed of a mongod which is not our child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs."""
        return None if is_running(self.pid) else 0


def is_running(pid: int) -> bool:
    """True where the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)  # noqa: S603 - our own command


def _stop(mongod: subprocess.Popen[bytes] | _Adopted) -> int:
    os.kill(mongod.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while mongod.poll() is None:
        if time.monotonic() > until:
            os.kill(mongod.pid, signal.SIGKILL)
            return 1
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
