"""Debian's Prometheus and node_exporter on loopback, killed and started again; and exporters that misbehave."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.process import free_port

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="Debian's package prometheus is not installed"
)
needs_node_exporter = pytest.mark.skipif(
    not shutil.which("prometheus-node-exporter"), reason="Debian's package prometheus-node-exporter is not installed"
)


def wait_until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it holds; an error where it does not in time."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to pass in time"
        time.sleep(0.05)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
        return True
    return False


class PrometheusServer:
    """One Prometheus over a folder of its own.

    Args:
        folder: its data.
        targets: host and port of what it scrapes, each second, by the label `app`.
    """

    def __init__(self, folder: Path, targets: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        jobs = "".join(
            f"  - job_name: {app}\n    static_configs: [{{targets: ['{target}'], labels: {{app: {app}}}}}]\n"
            for app, target in targets.items()
        )
        (folder / "prometheus.yml").write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs or '  []'}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={self._folder / 'prometheus.yml'}", f"--storage.tsdb.path={self._folder / 'data'}",
             "--storage.tsdb.retention.time=50y", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: answers(f"{self.url}/-/ready"))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


@contextlib.contextmanager
def node_exporter() -> Iterator[str]:
    """Its host and port."""
    target = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address={target}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(f"http://{target}/metrics"))
        yield target
    finally:
        process.kill()
        process.wait(30)


@contextlib.contextmanager
def raw_server(answer: Callable[[socket.socket], None], requests: list[bytes] | None = None) -> Iterator[str]:
    """The URL of a server that answers each request by this function; it notes the requests."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=take, args=(connection,), daemon=True).start()

    def take(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while request := connection.recv(65536):
                if requests is not None:
                    requests.append(request)
                answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/metrics"
    finally:
        listening.close()


def http_answer(body: bytes, media_type: str = "text/plain; version=0.0.4", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
