"""Clients that take nothing: the kernel ends their connections after a while, and with them what they were to get.

The HTTP server has no timeout for writing: who reads nothing would hold a body of up to 8 MB, or one of the places for
long answers and a thread that waits in it, for as long as it likes. Linux ends a connection where nothing that was sent
has been taken for a time (TCP_USER_TIMEOUT). Accepted connections have it from the socket that listens; the HTTP server
makes that by itself, after the application, so it is looked for among this process's descriptors.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from pathlib import Path

STALLED_SECONDS = 30
"""How long a client may take nothing of an answer. One that is slow and goes on may take hours."""

_LOOK_SECONDS, _MOST_LOOKS = 0.1, 600
_DESCRIPTORS = Path("/proc/self/fd")


def end_stalled_clients(port: int) -> None:
    """From when on this process listens on the port, clients that take nothing are ended; on Linux alone."""
    if hasattr(socket, "TCP_USER_TIMEOUT") and _DESCRIPTORS.is_dir():
        threading.Thread(target=_look_until_it_listens, args=(port,), daemon=True, name="stalled").start()


def _look_until_it_listens(port: int) -> None:
    for _ in range(_MOST_LOOKS):
        if any(_set_where_it_listens(int(each.name), port) for each in _DESCRIPTORS.iterdir()):
            return
        time.sleep(_LOOK_SECONDS)


def _set_where_it_listens(descriptor: int, port: int) -> bool:
    with contextlib.suppress(OSError):  # it is closed by now
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with socket.socket(fileno=os.dup(descriptor)) as found:
            if _listens(found, port):
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
                return True
    return False


def _listens(found: socket.socket, port: int) -> bool:
    is_ip = found.family in (socket.AF_INET, socket.AF_INET6)
    return is_ip and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and found.getsockname()[1] == port
