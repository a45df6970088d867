"""Closes connections whose client reads nothing, or does not send the body that it announced. Linux only.

Granian has no timeout for writing: a client that reads nothing would hold a body of up to 8 MB, or a slot for long
answers with its thread. TCP_USER_TIMEOUT has the kernel close such a connection after 30 s. Accepted connections
inherit the option from the listening socket. Granian makes that socket itself, after the application, so it is searched
for among this process's descriptors.

Granian holds a copy of each answer. So where more than MOST_STALLED clients read nothing, the others are disconnected
sooner, and while answers are refused because earlier ones have not been read (`in_flight`), every slow client is.

Granian has no timeout for reading a body either, and an application does not learn the connection of a request. The
connection of a request that waits for its body is recognised by the kernel's counters (`tcp_info`): the client has
sent something since the request began, or just before it, and nothing was sent to the client since.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STALLED_SECONDS = 30
"""The seconds for which a client may read nothing of an answer. A slow one that goes on reading may take hours."""

MOST_STALLED = 32
"""Clients that may read nothing for MOST_STALLED_SECONDS; where there are more, the others are disconnected."""

MOST_STALLED_SECONDS = 2.0

LEAST_BYTES = 32 * 1024
"""The bytes that a client has to read in MOST_STALLED_SECONDS while answers are refused: 128 kbit/s."""

_POLL_SECONDS, _MOST_POLLS = 0.1, 600
"""The search for the listening socket: a minute, as long as a start may take."""

_DESCRIPTORS = Path("/proc/self/fd")
_BEFORE_MS, _TOLERANCE_MS = 3000.0, 50.0
_INFO = struct.Struct("=8x36x3I")
"""`tcp_info` of Linux up to the milliseconds since data was last sent, an acknowledgement, and data last received."""

_SENT = struct.Struct("=120xQ16xI")
"""`tcp_info` up to the bytes that were acknowledged, and those that wait to be sent."""

BytesRead = dict[tuple[int, Any], int]
"""The bytes that clients have acknowledged, by the connection's descriptor and the client's address and port."""


def end_stalled_clients(port: int, is_full: Callable[[], bool]) -> None:
    """Start a thread that disconnects stalled clients of this port. Does nothing on systems other than Linux.

    Args:
        port: the server's.
        is_full: whether answers are refused for those that have not been read; then slow clients go too.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT") and _DESCRIPTORS.is_dir():
        threading.Thread(target=_watch, args=(port, is_full), daemon=True, name="stalled").start()


def _watch(port: int, is_full: Callable[[], bool]) -> None:
    for _ in range(_MOST_POLLS):
        if any(_set_timeout(int(each.name), port) for each in _DESCRIPTORS.iterdir()):
            break
        time.sleep(_POLL_SECONDS)
    before: BytesRead = {}
    while hasattr(socket, "TCP_INFO"):
        time.sleep(MOST_STALLED_SECONDS)
        now = _bytes_read(port)
        _disconnect_slow(before, now, is_full=is_full())
        before = now


def _set_timeout(descriptor: int, port: int) -> bool:
    with contextlib.suppress(OSError), _socket_of(descriptor) as connection:
        if _is_listener(connection, port):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
            return True
    return False


@contextlib.contextmanager
def _socket_of(descriptor: int) -> Iterator[socket.socket]:
    """A duplicate of one of this process's sockets. Raises OSError where it was closed, or is no socket."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        yield connection


def _is_ip(connection: socket.socket) -> bool:
    return connection.family in (socket.AF_INET, socket.AF_INET6)


def _is_listener(connection: socket.socket, port: int) -> bool:
    return (
        _is_ip(connection)
        and bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        and connection.getsockname()[1] == port
    )


def _disconnect_slow(before: BytesRead, now: BytesRead, *, is_full: bool) -> None:
    """Disconnect clients that have read nothing in between, except MOST_STALLED; while `is_full` every slow client."""
    least = LEAST_BYTES if is_full else 1
    slow = sorted((now[each] - before[each], each) for each in now.keys() & before.keys())
    slow = [(read_bytes, each) for read_bytes, each in slow if read_bytes < least]
    for _, (descriptor, peer) in slow[: len(slow) - (0 if is_full else MOST_STALLED)]:
        with contextlib.suppress(OSError), _socket_of(descriptor) as connection:
            if connection.getpeername() == peer:  # the kernel reuses descriptors of closed connections
                connection.shutdown(socket.SHUT_RDWR)


def _bytes_read(port: int) -> BytesRead:
    """The bytes that each client of this port has acknowledged, of clients for which more is waiting."""
    bytes_read: BytesRead = {}
    for descriptor in [int(each.name) for each in _DESCRIPTORS.iterdir()]:
        with contextlib.suppress(OSError), _socket_of(descriptor) as connection:
            if _is_ip(connection) and connection.getsockname()[1] == port:
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
                read_bytes, unsent_bytes = _SENT.unpack_from(info)
                if unsent_bytes:
                    bytes_read[descriptor, connection.getpeername()] = read_bytes
    return bytes_read


def end_incomplete_request(address: str, port: int, began: float) -> None:
    """Stop reading from connections of this address whose request began at `began` and has no answer yet.

    The request can still be answered. Another request of the same address that began within 3 s of it, and has waited
    as long, looks the same and ends too. Does nothing on systems other than Linux.

    Args:
        address: the client's.
        port: the server's.
        began: the request's start by the monotonic clock, seconds.
    """
    if not hasattr(socket, "TCP_INFO") or not _DESCRIPTORS.is_dir():
        return
    for each in list(_DESCRIPTORS.iterdir()):
        with contextlib.suppress(OSError), _socket_of(int(each.name)) as connection:
            if _waits_for_client(connection, address, port, (time.monotonic() - began) * 1000):
                connection.shutdown(socket.SHUT_RD)


def _waits_for_client(connection: socket.socket, address: str, port: int, elapsed_ms: float) -> bool:
    if not _is_ip(connection) or connection.getsockname()[1] != port or connection.getpeername()[0] != address:
        return False
    sent_ms, _, received_ms = _INFO.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))
    return bool(sent_ms >= elapsed_ms - _TOLERANCE_MS and received_ms <= elapsed_ms + _BEFORE_MS)
