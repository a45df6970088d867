"""Closes connections whose client reads nothing, or does not send the body that it announced. Linux only.

Granian has no timeout for writing: a client that reads nothing would hold a body of up to 8 MB, or a slot for long
answers with its thread. TCP_USER_TIMEOUT has the kernel close such a connection after 30 s; where there are many of
them, those stalled for longest are closed sooner, since Granian holds a copy of each answer. Accepted connections
inherit the option from the listening socket. Granian makes that socket by itself, after the application, so it is
looked for among the descriptors of this process.

Nor has Granian a timeout for reading a body, and an application does not learn the connection of a request. The
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
from collections.abc import Iterator
from pathlib import Path

STALLED_SECONDS = 30
"""The seconds for which a client may read nothing of an answer. A slow one that goes on reading may take hours."""

MOST_STALLED = 32
"""Clients that may be stalled for MOST_STALLED_SECONDS; of more, those stalled for longest are disconnected."""

MOST_STALLED_SECONDS = 2.0

_LOOK_SECONDS, _MOST_LOOKS = 0.1, 600
_DESCRIPTORS = Path("/proc/self/fd")
_BEFORE_MS, _CLOCKS_DIFFER_MS = 3000.0, 50.0
_INFO = struct.Struct("=8x36x3I")
"""`tcp_info` of Linux up to the milliseconds since data was last sent, an acknowledgement, and data last received."""

_UNSENT = struct.Struct("=44xI96xI")
"""The same: the milliseconds since data was last sent, and the bytes that wait to be sent."""


def end_stalled_clients(port: int) -> None:
    """Watch the connections of this port from a thread, once this process listens. Does nothing but on Linux."""
    if hasattr(socket, "TCP_USER_TIMEOUT") and _DESCRIPTORS.is_dir():
        threading.Thread(target=_watch, args=(port,), daemon=True, name="stalled").start()


def _watch(port: int) -> None:
    for _ in range(_MOST_LOOKS):
        if any(_set_timeout(int(each.name), port) for each in _DESCRIPTORS.iterdir()):
            break
        time.sleep(_LOOK_SECONDS)
    while hasattr(socket, "TCP_INFO"):
        time.sleep(MOST_STALLED_SECONDS / 2)
        _end_longest_stalled(port)


def _set_timeout(descriptor: int, port: int) -> bool:
    with contextlib.suppress(OSError), _socket_of(descriptor) as connection:
        if _is_listener(connection, port):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
            return True
    return False


@contextlib.contextmanager
def _socket_of(descriptor: int) -> Iterator[socket.socket]:
    """A second handle on a socket of this process. Raises OSError where it is closed by now, or is something else."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        yield connection


def _is_listener(connection: socket.socket, port: int) -> bool:
    is_ip = connection.family in (socket.AF_INET, socket.AF_INET6)
    return (
        is_ip
        and bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        and connection.getsockname()[1] == port
    )


def _end_longest_stalled(port: int) -> None:
    numbers = [int(each.name) for each in _DESCRIPTORS.iterdir()]
    if len(numbers) <= MOST_STALLED:
        return
    stalled = []
    for number in numbers:
        with contextlib.suppress(OSError), _socket_of(number) as connection:
            if waited_ms := _stalled_ms(connection, port):
                stalled.append((waited_ms, number))
    stalled.sort()
    for _, number in stalled[MOST_STALLED:]:
        with contextlib.suppress(OSError), _socket_of(number) as connection:
            if _stalled_ms(connection, port):  # the number may be another connection's by now
                connection.shutdown(socket.SHUT_RDWR)


def _stalled_ms(connection: socket.socket, port: int) -> int:
    """For how long a client of this port has read nothing of its answer; 0 below MOST_STALLED_SECONDS."""
    is_ip = connection.family in (socket.AF_INET, socket.AF_INET6)
    if not is_ip or connection.getsockname()[1] != port:
        return 0
    sent_ms, unsent_bytes = _UNSENT.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))
    return int(sent_ms) if unsent_bytes and sent_ms >= MOST_STALLED_SECONDS * 1000 else 0


def end_incomplete_request(address: str, port: int, began: float) -> None:
    """Read no more from connections of this address that brought a request at `began` and have got no answer since.

    Their requests can still be answered. Another request of the same address that began within 3 s of it, and has
    waited as long, cannot be told from it and ends too. Does nothing but on Linux.

    Args:
        address: the client's.
        port: the server's.
        began: of the monotonic clock.
    """
    if not hasattr(socket, "TCP_INFO") or not _DESCRIPTORS.is_dir():
        return
    for each in list(_DESCRIPTORS.iterdir()):
        with contextlib.suppress(OSError), _socket_of(int(each.name)) as connection:  # or it is no connection
            if _waits_for_client(connection, address, port, (time.monotonic() - began) * 1000):
                connection.shutdown(socket.SHUT_RD)


def _waits_for_client(connection: socket.socket, address: str, port: int, elapsed_ms: float) -> bool:
    is_ip = connection.family in (socket.AF_INET, socket.AF_INET6)
    if not is_ip or connection.getsockname()[1] != port or connection.getpeername()[0] != address:
        return False
    sent_ms, _, received_ms = _INFO.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))
    return bool(sent_ms >= elapsed_ms - _CLOCKS_DIFFER_MS and received_ms <= elapsed_ms + _BEFORE_MS)
