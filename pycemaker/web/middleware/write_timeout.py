"""Connections of clients that take nothing, or do not send what they announced, are ended.

The HTTP server has no timeout for writing: who reads nothing would hold a body of up to 8 MB, or one of the places for
long answers and a thread that waits in it, for as long as it likes. Linux ends a connection where nothing that was sent
has been taken for a time (TCP_USER_TIMEOUT), and a crowd of such clients is ended sooner, since the HTTP server holds a
copy of each one's answer. Accepted connections have it from the socket that listens; the HTTP server
makes that by itself, after the application, so it is looked for among this process's descriptors.

Nor has it one for reading a body, and no application is told by which connection a request came. One whose request
waits for the rest of its body is known by what the kernel counts: the client has sent something since the request
began, or just before it, and nothing was sent to the client since.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

STALLED_SECONDS = 30
"""How long a client may take nothing of an answer. One that is slow and goes on may take hours."""

CROWD = 32
"""Clients that may take nothing for CROWD_SECONDS; of more, those that have for longest are ended."""

CROWD_SECONDS = 2.0

_LOOK_SECONDS, _MOST_LOOKS = 0.1, 600
_DESCRIPTORS = Path("/proc/self/fd")
_BEFORE_MS, _CLOCKS_DIFFER_MS = 3000.0, 50.0
_INFO = struct.Struct("=8x36x3I")
"""`tcp_info` of Linux up to the milliseconds since data was last sent, an acknowledgement, and data last received."""

_UNSENT = struct.Struct("=44xI96xI")
"""The same: the milliseconds since data was last sent, and the bytes that wait to be sent."""


def end_stalled_clients(port: int) -> None:
    """From when on this process listens on the port, clients that take nothing are ended; on Linux alone."""
    if hasattr(socket, "TCP_USER_TIMEOUT") and _DESCRIPTORS.is_dir():
        threading.Thread(target=_look_until_it_listens, args=(port,), daemon=True, name="stalled").start()


def _look_until_it_listens(port: int) -> None:
    for _ in range(_MOST_LOOKS):
        if any(_set_where_it_listens(int(each.name), port) for each in _DESCRIPTORS.iterdir()):
            break
        time.sleep(_LOOK_SECONDS)
    while hasattr(socket, "TCP_INFO"):
        time.sleep(CROWD_SECONDS / 2)
        _end_crowd(port)


def _set_where_it_listens(descriptor: int, port: int) -> bool:
    with contextlib.suppress(OSError), _socket_of(descriptor) as found:
        if _listens(found, port):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
            return True
    return False


@contextlib.contextmanager
def _socket_of(descriptor: int) -> Iterator[socket.socket]:
    """A second handle on a socket of this process. Raises OSError where it is closed by now, or is something else."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    with socket.socket(fileno=os.dup(descriptor)) as found:
        yield found


def _listens(found: socket.socket, port: int) -> bool:
    is_ip = found.family in (socket.AF_INET, socket.AF_INET6)
    return is_ip and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and found.getsockname()[1] == port


def _end_crowd(port: int) -> None:
    numbers = [int(each.name) for each in _DESCRIPTORS.iterdir()]
    if len(numbers) <= CROWD:
        return
    stalled = []
    for number in numbers:
        with contextlib.suppress(OSError), _socket_of(number) as found:
            if waited_ms := _stalled_ms(found, port):
                stalled.append((waited_ms, number))
    stalled.sort()
    for _, number in stalled[CROWD:]:
        with contextlib.suppress(OSError), _socket_of(number) as found:
            if _stalled_ms(found, port):  # the number may be another's by now
                found.shutdown(socket.SHUT_RDWR)


def _stalled_ms(found: socket.socket, port: int) -> int:
    """For how long a client of this port has taken nothing of what waits for it; 0 below CROWD_SECONDS."""
    is_ip = found.family in (socket.AF_INET, socket.AF_INET6)
    if not is_ip or found.getsockname()[1] != port:
        return 0
    sent_ms, unsent_bytes = _UNSENT.unpack_from(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))
    return int(sent_ms) if unsent_bytes and sent_ms >= CROWD_SECONDS * 1000 else 0


def end_silent_request(address: str, port: int, began: float) -> None:
    """Read no more from connections of this address by which a request came at `began` and has got no answer since.

    Their requests can still be answered. Another one of the same address that began within 3 s of it, and has waited as
    long, is taken for it and ends too. On Linux alone.

    Args:
        address: the client's.
        port: the server's.
        began: of the monotonic clock.
    """
    if not hasattr(socket, "TCP_INFO") or not _DESCRIPTORS.is_dir():
        return
    for each in list(_DESCRIPTORS.iterdir()):
        with contextlib.suppress(OSError), _socket_of(int(each.name)) as found:  # or it is no connection
            if _waits_for_client(found, address, port, (time.monotonic() - began) * 1000):
                found.shutdown(socket.SHUT_RD)


def _waits_for_client(found: socket.socket, address: str, port: int, elapsed_ms: float) -> bool:
    is_ip = found.family in (socket.AF_INET, socket.AF_INET6)
    if not is_ip or found.getsockname()[1] != port or found.getpeername()[0] != address:
        return False
    sent_ms, _, received_ms = _INFO.unpack_from(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))
    return bool(sent_ms >= elapsed_ms - _CLOCKS_DIFFER_MS and received_ms <= elapsed_ms + _BEFORE_MS)
