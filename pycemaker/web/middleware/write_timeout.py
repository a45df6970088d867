"""Closes connections whose client reads nothing, or does not send the body that it announced. Linux only.

Granian has no timeout for writing: a client that reads nothing would hold a body of up to 8 MB, or a slot for long
answers with its thread. TCP_USER_TIMEOUT has the kernel close such a connection after 30 s; where there are many of
them, others than MOST_STALLED are closed sooner, since Granian holds a copy of each answer. While answers are refused
because earlier ones have not been read (`in_flight`), every slow client is disconnected. Accepted connections inherit
the option from the listening socket. Granian makes that socket by itself, after the application, so it is looked for
among the descriptors of this process.

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STALLED_SECONDS = 30
"""The seconds for which a client may read nothing of an answer. A slow one that goes on reading may take hours."""

MOST_STALLED = 32
"""Clients that may read nothing for MOST_STALLED_SECONDS; of more, the others are disconnected."""

MOST_STALLED_SECONDS = 2.0

LEAST_BYTES = 32 * 1024
"""The bytes that a client has to read in MOST_STALLED_SECONDS while answers are refused: 128 kbit/s."""

_LOOK_SECONDS, _MOST_LOOKS = 0.1, 600
_DESCRIPTORS = Path("/proc/self/fd")
_BEFORE_MS, _CLOCKS_DIFFER_MS = 3000.0, 50.0
_INFO = struct.Struct("=8x36x3I")
"""`tcp_info` of Linux up to the milliseconds since data was last sent, an acknowledgement, and data last received."""

_SENT = struct.Struct("=120xQ16xI")
"""The same: the bytes that were acknowledged, and those that wait to be sent."""

Taken = dict[tuple[int, Any], int]
"""Bytes by connection: the number of its descriptor, and the client's address and port."""


def end_stalled_clients(port: int, is_full: Callable[[], bool]) -> None:
    """Watch the connections of this port from a thread, once this process listens. Does nothing but on Linux.

    Args:
        port: the server's.
        is_full: whether answers are refused because earlier ones have not been read; then slow clients go too.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT") and _DESCRIPTORS.is_dir():
        threading.Thread(target=_watch, args=(port, is_full), daemon=True, name="stalled").start()


def _watch(port: int, is_full: Callable[[], bool]) -> None:
    for _ in range(_MOST_LOOKS):
        if any(_set_timeout(int(each.name), port) for each in _DESCRIPTORS.iterdir()):
            break
        time.sleep(_LOOK_SECONDS)
    taken_before: Taken = {}
    while hasattr(socket, "TCP_INFO"):
        time.sleep(MOST_STALLED_SECONDS)
        taken = _taken(port)
        _disconnect_slow(taken_before, taken, is_full=is_full())
        taken_before = taken


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


def _disconnect_slow(before: Taken, now: Taken, *, is_full: bool) -> None:
    """Disconnect clients that have read nothing since, but MOST_STALLED of them; while `is_full`, every slow one."""
    least = LEAST_BYTES if is_full else 1
    slow = sorted((now[each] - before[each], each) for each in now.keys() & before.keys())
    slow = [(taken, each) for taken, each in slow if taken < least]
    for _, (number, peer) in slow[: len(slow) - (0 if is_full else MOST_STALLED)]:
        with contextlib.suppress(OSError), _socket_of(number) as found:
            if found.getpeername() == peer:  # the number may be another's by now
                found.shutdown(socket.SHUT_RDWR)


def _taken(port: int) -> Taken:
    """How many bytes each client of this port has taken by now, of those for whom more is waiting."""
    taken: Taken = {}
    for number in [int(each.name) for each in _DESCRIPTORS.iterdir()]:
        with contextlib.suppress(OSError), _socket_of(number) as found:
            if found.family in (socket.AF_INET, socket.AF_INET6) and found.getsockname()[1] == port:
                info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
                taken_bytes, unsent_bytes = _SENT.unpack_from(info)
                if unsent_bytes:
                    taken[number, found.getpeername()] = taken_bytes
    return taken


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
