"""Connections of clients that take nothing, or do not send what they announced, are ended.

The HTTP server has no timeout for writing: who reads nothing would hold a body of up to 8 MB, or one of the places for
long answers and a thread that waits in it, for as long as it likes. Linux ends a connection where nothing that was sent
has been taken for a time (TCP_USER_TIMEOUT), and a crowd of such clients is ended sooner, since the HTTP server holds a
copy of each one's answer; where answers are refused for those that others have not taken (`in_flight`), all clients end
that take little. Accepted connections have it from the socket that listens; the HTTP server makes that by itself, after
the application, so it is looked for among this process's descriptors.

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STALLED_SECONDS = 30
"""How long a client may take nothing of an answer. One that is slow and goes on may take hours."""

CROWD = 32
"""Clients that may take nothing for CROWD_SECONDS; of more, others are ended."""

CROWD_SECONDS = 2.0

LEAST_BYTES = 32 * 1024
"""What a client takes in CROWD_SECONDS at least where it presses: 128 kbit/s."""

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
    """From when on this process listens on the port, clients that take nothing are ended; on Linux alone.

    Args:
        port: the server's.
        is_full: whether answers are refused for those that others have not taken; then clients that take little go too.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT") and _DESCRIPTORS.is_dir():
        threading.Thread(target=_look_until_it_listens, args=(port, is_full), daemon=True, name="stalled").start()


def _look_until_it_listens(port: int, is_full: Callable[[], bool]) -> None:
    for _ in range(_MOST_LOOKS):
        if any(_set_where_it_listens(int(each.name), port) for each in _DESCRIPTORS.iterdir()):
            break
        time.sleep(_LOOK_SECONDS)
    taken_before: Taken = {}
    while hasattr(socket, "TCP_INFO"):
        time.sleep(CROWD_SECONDS)
        taken = _taken(port)
        _end_slow(taken_before, taken, presses=is_full())
        taken_before = taken


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


def _end_slow(before: Taken, now: Taken, *, presses: bool) -> None:
    """End the clients that have taken nothing since, but for CROWD; where it presses, all that have taken little."""
    least = LEAST_BYTES if presses else 1
    slow = sorted((now[each] - before[each], each) for each in now.keys() & before.keys())
    slow = [(taken, each) for taken, each in slow if taken < least]
    for _, (number, peer) in slow[: len(slow) - (0 if presses else CROWD)]:
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
