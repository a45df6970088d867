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

import contextlib
import errno
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
_BEFORE_MS, _TOLERANCE_MS = 3000.0, 500.0
_INFO = struct.Struct("=8x36x3I")
"""`tcp_info` of Linux up to the milliseconds since data was last sent, an acknowledgement, and data last received."""

_SENT = struct.Struct("=120xQ16xI")
"""`tcp_info` up to the bytes that were acknowledged, and those that wait to be sent."""

Connections = set[tuple[int, Any]]
"""Connections by descriptor, and the client's address and port."""

BytesRead = dict[tuple[int, Any], int]
"""The bytes that clients have acknowledged, by the connection's descriptor and the client's address and port."""


def end_stalled_clients(port: int, is_full: Callable[[], bool]) -> None:
    """Start a thread that disconnects stalled clients of this port. Does nothing on systems other than Linux.

    Args:
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
    for _, each in slow[: len(slow) - (0 if is_full else MOST_STALLED)]:
        _shut(each, socket.SHUT_RDWR)


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


def end_late_requests(address: str, port: int, begun: Sequence[float]) -> None:
    """Stop reading from the connections of the requests of this address that wait for their bodies for too long.

    They can still be answered. Where other requests of the address look the same, none is ended: once those have their
    answers, another call does it. Does nothing on systems other than Linux.

    Args:
        begun: the start of each of the requests by the monotonic clock, seconds.
    """
    if not hasattr(socket, "TCP_INFO") or not _DESCRIPTORS.is_dir():
        return
    waiting: Connections = set()
    for descriptor in [int(each.name) for each in _DESCRIPTORS.iterdir()]:
        with contextlib.suppress(OSError), _socket_of(descriptor) as connection:
            if _is_ip(connection) and connection.getsockname()[1] == port and connection.getpeername()[0] == address:
                now = time.monotonic()
                if any(_may_wait(connection, (now - began) * 1000) for began in begun):
                    waiting.add((descriptor, connection.getpeername()))
    if len(waiting) <= len(begun):
        for each in waiting:
            _shut(each, socket.SHUT_RD)


def _may_wait(connection: socket.socket, elapsed_ms: float) -> bool:
    """True where its request may have begun so long ago, and has no answer yet."""
    sent_ms, _, received_ms = _INFO.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))
    return bool(sent_ms >= elapsed_ms - _TOLERANCE_MS and received_ms <= elapsed_ms + _BEFORE_MS)


def _shut(connection: tuple[int, Any], how: int) -> None:
    with contextlib.suppress(OSError), _socket_of(connection[0]) as own:
        if own.getpeername() == connection[1]:  # the kernel reuses descriptors of closed connections
            own.shutdown(how)
