"""Attacks on a server process, each as a context within which it goes on. All are bounded, and on loopback."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.services.process import ServerProcess

PAUSE_SECONDS = 0.02
"""Between an attacker's requests: they run in this process, beside the client whose waits are measured."""


@contextmanager
def silent_mongod(served: ServerProcess) -> Iterator[None]:
    """MongoDB takes connections and says nothing, and 100 ask for a metric."""
    process_id = int((served.folder / "mongo" / "mongod.lock").read_text())
    os.kill(process_id, signal.SIGSTOP)
    try:
        with asking(served):
            yield
    finally:
        os.kill(process_id, signal.SIGCONT)


@contextmanager
def asking(served: ServerProcess) -> Iterator[None]:
    """100 threads that ask for a metric one request after the other."""

    def ask(over: threading.Event) -> None:
        while not over.is_set():
            with suppress(OSError, http.client.HTTPException):
                served.get("/ram/now/6", timeout=30)
            over.wait(10 * PAUSE_SECONDS)

    with _threads(100, ask):
        yield


@contextmanager
def repeated(served: ServerProcess, request: bytes, source: str = "127.0.0.1") -> Iterator[None]:
    """Four threads that send it from this address again and again; a `%d` in it is another number each time."""
    count = iter(range(10**9))

    def send(over: threading.Event) -> None:
        while not over.is_set():
            with suppress(OSError), _connected(served, source) as connection:
                connection.sendall(request.replace(b"%d", str(next(count)).encode()))
                connection.recv(65536)
            over.wait(PAUSE_SECONDS)

    with _threads(4, send):
        yield


@contextmanager
def crowd(served: ServerProcess, count: int, sent: bytes, *, must_end: bool = True) -> Iterator[None]:
    """So many connections that send this and then nothing; they are to be ended by the server, within 10 s."""
    with ExitStack() as held:
        clients = []
        for _ in range(count):
            clients.append(held.enter_context(_connected(served)))
            with suppress(OSError):
                clients[-1].sendall(sent)
        opened = time.monotonic()
        yield
        if must_end and (left := _left(clients, opened + 10.0)):
            raise LeftError(left)


class LeftError(Exception):
    """So many connections were not ended."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def _left(clients: list[socket.socket], until: float) -> int:
    """The number of them that the server has neither answered nor closed by then."""
    left = 0
    for each in clients:
        each.settimeout(max(0.001, until - time.monotonic()))
        try:
            each.recv(100)
        except TimeoutError:
            left += 1
        except OSError:
            continue
    return left


@contextmanager
def not_taking(served: ServerProcess, count: int, sent: bytes, bytes_a_second: int = 0) -> Iterator[None]:
    """So many connections that send this and read nothing of what they are answered, or that little."""
    with ExitStack() as held:
        clients = [held.enter_context(socket.socket()) for _ in range(count)]
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel takes the answer for them
            client.connect(("127.0.0.1", served.port))
            client.sendall(sent)

        def read(over: threading.Event) -> None:
            while bytes_a_second and not over.wait(1.0):
                for client in clients:
                    with suppress(OSError):
                        client.recv(bytes_a_second, socket.MSG_DONTWAIT)

        with _threads(1, read):
            yield


@contextmanager
def trickling(served: ServerProcess, count: int, head: bytes) -> Iterator[None]:
    """So many connections that send a byte a second after the head; a new one for each that is ended."""
    with ExitStack() as held:
        clients = [held.enter_context(_connected(served)) for _ in range(count)]
        for each in clients:
            each.sendall(head)

        def drip(over: threading.Event) -> None:
            while not over.wait(1.0):
                for place, each in enumerate(clients):
                    try:
                        each.sendall(b"a")
                    except OSError:
                        each.close()
                        clients[place] = held.enter_context(_connected(served))
                        clients[place].sendall(head)

        with _threads(1, drip):
            yield


@contextmanager
def _threads(count: int, work: Callable[[threading.Event], None]) -> Iterator[None]:
    over = threading.Event()
    threads = [threading.Thread(target=work, args=(over,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _connected(served: ServerProcess, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=30, source_address=(source, 0))
