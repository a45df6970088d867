"""The server as a person starts it: `python server.py`, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class ServerProcess:
    """One `python server.py` over a folder of its own. Settings not given are absent, whatever the machine has.

    Args:
        folder: its DATA_DIR.
        root: the checkout that it runs.
        **given: settings.

    Attributes:
        start_seconds: how long its start took, by which the load of the machine is known.
    """

    def __init__(self, folder: Path | None = None, root: Path = ROOT, **given: str) -> None:
        self.root = root
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pm-"))
        self.port = free_port()
        self.log = self.folder / "server.log"
        plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        self.environment = plain | {"DATA_DIR": str(self.folder), "PORT": str(self.port), **given}
        self.process: subprocess.Popen[bytes] | None = None
        self.start_seconds = 0.0

    def start(self, wait_seconds: float = 60.0) -> ServerProcess:
        """Start it and wait until it answers; raises where it ends instead."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "server.py"], cwd=self.root, env=self.environment, stdout=log, stderr=log
            )
        began = time.monotonic()
        while time.monotonic() < began + wait_seconds:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}: {self.said}")
            with contextlib.suppress(OSError):
                self.get("/nothing")
                self.start_seconds = time.monotonic() - began
                return self
            time.sleep(0.05)
        raise AssertionError(f"no answer: {self.said}")

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, method: str = "GET", timeout: float = 90, **headers: str) -> tuple[int, Any]:
        """Status, and the JSON of the body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def family(self) -> list[psutil.Process]:
        """It, whatever it started, and whatever works in its folder."""
        assert self.process is not None
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            own = psutil.Process(self.process.pid)
            found = [own, *own.children(recursive=True)]
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.folder) in word for word in process.info["cmdline"] or []) and process not in found:
                found.append(process)
        return found

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def close(self) -> None:
        """End it and take its folder away."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def all_gone(processes: list[psutil.Process], within_seconds: float) -> list[psutil.Process]:
    """Those of the processes that are still alive after so many seconds."""
    until = time.monotonic() + within_seconds
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < until:
        time.sleep(0.05)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
